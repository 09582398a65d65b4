from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import pandas as pd
import pandera.pandas as pa
import pytest
import toy
from helpers import tables_of

from {{cookiecutter.project_slug}}.engine import TEXT
from {{cookiecutter.project_slug}}.engine import UTC as TIME
from {{cookiecutter.project_slug}}.engine.data.kinds import keep_apart
from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot
from {{cookiecutter.project_slug}}.engine.data.tables import Batch, DataError, Table
from {{cookiecutter.project_slug}}.engine.settings import Refresh

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
COLUMNS = {"time": pa.Column(TIME), "series": pa.Column(TEXT), "state": pa.Column(TEXT)}
STATES = Table(pa.DataFrameSchema(COLUMNS, coerce=True, strict=True), ("time", "series"), "append")
TABLES = {**toy.TABLES, "states": STATES}


def states(*rows: tuple[str, str]) -> pd.DataFrame:
    data = pd.DataFrame(rows, columns=["series", "state"]).assign(time=NOW)
    return STATES.schema.validate(data[["time", "series", "state"]])


def snapshot(**more: pd.DataFrame) -> Snapshot:
    batch = Batch({**tables_of((NOW, "pressure", 1.0)), **more})
    return merge(None, batch, TABLES, NOW, NOW, Refresh()).snapshot


def test_numbers_that_turn_into_text_fail_the_refresh() -> None:
    """So the last good data stay on the page."""
    empty = toy.TABLES["readings"].empty()
    batch = Batch({"readings": empty, "states": states(("pressure", "ERR"))})
    with pytest.raises(DataError, match=r"states: none .* in readings before.*state=ERR"):
        keep_apart(batch, snapshot(), TABLES)


def test_other_rows_are_kept_and_the_rest_counted() -> None:
    batch = Batch({"states": states(("pressure", "ERR"), ("pump", "on"))})
    found = keep_apart(batch, snapshot(), TABLES)
    assert list(found.tables["states"]["series"]) == ["pump"]
    (rejected,) = found.rejected
    assert (rejected.table, rejected.count) == ("states", 1)


def test_a_series_that_has_both_stays_in_both() -> None:
    batch = Batch({"states": states(("pressure", "off"))})
    before = snapshot(states=states(("pressure", "on")))
    assert keep_apart(batch, before, TABLES) == batch


@pytest.mark.parametrize("previous", [None, "readings only"])
def test_new_series_of_text_are_states(previous: Literal["readings only"] | None) -> None:
    batch = Batch({"states": states(("pump", "on"))})
    found = keep_apart(batch, snapshot() if previous else None, TABLES)
    assert len(found.tables["states"]) == 1 and not found.rejected


def test_tables_with_another_key_do_not_count() -> None:
    other = {**TABLES, "states": replace(STATES, key=("series",))}
    batch = Batch({"states": states(("pressure", "on"))})
    assert keep_apart(batch, snapshot(), other).tables is not None
    assert not keep_apart(batch, snapshot(), other).rejected
