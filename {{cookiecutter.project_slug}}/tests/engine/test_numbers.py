"""Numbers as people write them."""

import numpy as np
import pandas as pd
import pytest

from {{cookiecutter.project_slug}}.engine.sources.numbers import parse
from {{cookiecutter.project_slug}}.engine.sources.readings import shape_rows
from {{cookiecutter.project_slug}}.engine.sources.shape import Shape


@pytest.mark.parametrize(
    ("text", "signs", "number"),
    [
        ("12", (".", ""), 12),
        ("1e3", (".", ""), 1000),
        ("$12.50", (".", ""), 12.5),
        ("-$12.50", (".", ""), -12.5),
        ("$-12.50", (".", ""), -12.5),
        ("12 €", (".", ""), 12),
        ("12.5 %", (".", ""), 12.5),
        ("\u22124", (".", ""), -4),
        ("(4)", (".", ""), -4),
        ("($1,200.50)", (".", ","), -1200.5),
        ("1,5", (",", ""), 1.5),
        ("1.234", (",", "."), 1234),
        ("1.234.567,5", (",", "."), 1234567.5),
        ("1 234,5", (",", " "), 1234.5),
        # No numbers.
        ("1.5", (",", ""), np.nan),
        ("12,5", (".", ","), np.nan),
        ("1,200", (".", ""), np.nan),
        ("(4", (".", ""), np.nan),
        ("4)", (".", ""), np.nan),
        ("4 m", (".", ""), np.nan),
        ("$", (".", ""), np.nan),
        ("", (",", "."), np.nan),
    ],
)
def test_a_number_is_read_with_its_signs(text: str, signs: tuple[str, str], number: float) -> None:
    np.testing.assert_equal(parse(pd.Index([text]), *signs), [number])


def test_numbers_with_signs_are_readings_and_not_states() -> None:
    days = ["2026-01-01", "2026-01-02", "2026-01-03"]
    raw = pd.DataFrame({"time": days, "price": ["$1.50", "$2", "$3"], "rate": ["5%", "?", "7%"]})
    tables = shape_rows(raw, Shape(series="", value="*", missing=["?"])).tables
    assert list(tables["readings"]["value"]) == [1.5, 2, 3, 5, 7]
    assert tables["states"].empty
