import pandas as pd
import pytest

from {{cookiecutter.project_slug}} import pipeline, preprocess, reading
from {{cookiecutter.project_slug}}.setting import Settings
from {{cookiecutter.project_slug}}.tables import DataError


def raw(*rows: tuple[object, object, object]) -> dict[str, pd.DataFrame]:
    return {"readings": pd.DataFrame(rows, columns=["time", "series", "value"])}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (raw(("2026-03-01", "a", 1), ("soon", "a", 1)), ["'time'", "row 1", "'soon'"]),
        (raw(("2026-03-01", "a", 1), ("2026-03-02", "a", "x")), ["'value'", "row 1", "'x'"]),
        (raw(("2026-03-01", "a", None)), ["'value'", "row 0", "nan"]),
        (raw(("2026-03-01", "a", float("-inf"))), ["'value'", "row 0", "-inf", "isfinite"]),
        ({"readings": pd.DataFrame({"time": [], "series": []})}, ["'value' is missing"]),
        ({"readings": raw()["readings"].assign(extra=1)}, ["'extra' is not declared"]),
        ({"orders": pd.DataFrame()}, ["'orders' is not declared"]),
        (None, ["reading.read gave back a NoneType"]),
        ({"readings": "text"}, ["readings", "gave back a str"]),
    ],
)
def test_data_that_do_not_fit_are_named(
    data: dict[str, pd.DataFrame],
    words: list[str],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "read", lambda *_: data)
    with pytest.raises(DataError) as error:
        pipeline.fetch(settings, None, 0)
    assert all(word in str(error.value) for word in words), error.value


def test_numbers_as_names_of_series_become_text() -> None:
    clean = preprocess.clean(raw(("2026-03-01", 7, 1), ("2026-03-02", 7, 2)))["readings"]
    assert list(clean["series"]) == ["7", "7"]
