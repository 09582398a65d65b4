from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pandera.pandas as pa
import pytest
import toy
from helpers import fetched

from {{cookiecutter.project_slug}}.engine.data.snapshot import now_utc
from {{cookiecutter.project_slug}}.engine.data.tables import (
    UTC,
    Batch,
    DataError,
    Table,
    validate,
)
from {{cookiecutter.project_slug}}.engine.refresh import pipeline
from {{cookiecutter.project_slug}}.engine.settings import AnySettings

GOOD = ("2026-03-01T12:00:00Z", "a", 1)


class Query(toy.Source):
    query: str = "SELECT 1"


def raw(*rows: tuple[object, object, object]) -> dict[str, pd.DataFrame]:
    return {"readings": pd.DataFrame(rows, columns=["time", "series", "value"])}


def validated(data: dict[str, pd.DataFrame], settings: AnySettings, **tables: Table) -> Batch:
    """Validate rows by the toy's tables, or by others of the same name."""
    return validate(data, toy.TABLES | tables, pipeline.rules(settings, now_utc()))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (raw(("soon", "a", 1), ("later", "a", 1)), ["none of its 2 rows", "time: not a time"]),
        ({"readings": pd.DataFrame({"time": [], "series": []})}, ["'value' is missing"]),
        ({"readings": raw()["readings"].assign(extra=1)}, ["'extra' is not declared"]),
        ({"orders": pd.DataFrame()}, ["'orders' is not declared"]),
        (None, ["reading.read returned a NoneType"]),
        ({"readings": "text"}, ["readings", "returned a str"]),
    ],
)
def test_an_invalid_table_is_an_error(
    data: dict[str, pd.DataFrame],
    words: list[str],
    settings: AnySettings,
) -> None:
    with pytest.raises(DataError) as error:
        fetched(settings, replace(toy.DASHBOARD.pipeline, read=lambda *_: data))
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("2099-01-01T00:00:00Z", "a", 1), "time in the future"),
        ((now_utc() + timedelta(days=1), "a", 1), "time in the future"),
        ((None, "a", 1), "time: missing"),
        (("soon", "a", 1), "time: not a time"),
        (("2026-03-01T13:00:00Z", "a", "n/a"), "value is not a number"),
        (("2026-03-01T13:00:00Z", "a", None), "value is missing"),
        (("2026-03-01T13:00:00Z", "a", float("-inf")), "value is infinite"),
        (("2026-03-01T13:00:00Z", None, 1), "series is missing"),
        (("2026-03-01T13:00:00Z", "x" * 101, 1), "series is longer than 100 characters"),
        (("2026-03-01T13:00:00Z", "x" * 10_000, 1), "series is longer than 100 characters"),
    ],
)
def test_an_invalid_row_is_set_aside_and_the_others_are_used(
    row: tuple[object, object, object], reason: str, settings: AnySettings
) -> None:
    batch = validated(raw(GOOD, row, row), settings)
    assert list(batch.tables["readings"]["value"]) == [1.0]
    (rejected,) = batch.rejected
    assert (rejected.table, rejected.reason, rejected.count) == ("readings", reason, 2)
    assert "series=" in rejected.example


def test_an_error_about_another_time_column_has_a_remedy(
    settings: AnySettings,
) -> None:
    schema = pa.DataFrameSchema({"name": pa.Column(str), "opened": pa.Column(UTC)}, coerce=True)
    shops = Table(schema, ("name",), "replace")
    said = r"opened is not a time; use pd\.to_datetime\(\.\.\., format=\.\.\.\)"
    opened: pd.Series
    for opened in (pd.Series(["31.12.2025"]), pd.to_timedelta(pd.Series([1]), unit="s")):
        with pytest.raises(DataError, match=said):
            data = pd.DataFrame({"name": ["a"], "opened": opened})
            validated({"shops": data}, settings, shops=shops)


@pytest.mark.parametrize(
    ("source", "remedy"), [(toy.Source(), "reading.py"), (Query(), "the query")]
)
def test_an_error_about_a_missing_column_says_where_to_add_it(
    source: toy.Source, remedy: str, settings: AnySettings
) -> None:
    settings = settings.model_copy(update={"source": source})
    data = {"readings": pd.DataFrame({"time": [], "series": []})}
    with pytest.raises(DataError, match=f"'value' is missing: add or rename it in {remedy}"):
        validated(data, settings)


def test_rows_are_set_aside_for_several_reasons_at_once(settings: AnySettings) -> None:
    rows = [GOOD, ("x", "a", "y"), ("2026-03-02", "a", "y"), ("2026-03-03", "b", float("inf"))]
    batch = validated(raw(*rows, ("2026-03-04", None, 1)), settings)
    assert len(batch.tables["readings"]) == 1
    counts = {it.reason: it.count for it in batch.rejected}
    assert counts == {
        "time: not a time": 1,
        "value is not a number": 1,
        "value is infinite": 1,
        "series is missing": 1,
    }


def test_a_table_may_be_strict(settings: AnySettings) -> None:
    schema = deepcopy(toy.SCHEMA)
    schema.drop_invalid_rows = False
    strict = replace(toy.TABLES["readings"], schema=schema)
    for row in (("2099-01-01T00:00:00Z", "a", 1), ("2026-03-01", "a", "x")):
        with pytest.raises(DataError, match=r"readings: row 1: .*(future|number).*series=a"):
            validated(raw(GOOD, row), settings, readings=strict)
