from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

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
    counted,
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
    """Validate rows against the toy's tables, or others with the same name."""
    return validate(data, toy.TABLES | tables, pipeline.rules(settings, now_utc()))


def table_of(column: pa.Column, **options: Any) -> dict[str, Table]:
    """Return a table with one column that sets invalid rows aside."""
    schema = pa.DataFrameSchema({"it": column}, drop_invalid_rows=True, **options)
    return {"list": Table(schema, key=("it",), mode="replace")}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            raw(("soon", "a", 1), ("later", "a", 1)),
            ["none of its 2 rows", "time: not a time", "(time=soon, series=a, value=1)"],
        ),
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


def test_an_error_about_another_time_column_names_the_remedy(
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
    with pytest.raises(DataError) as error:
        validated(data, settings)
    assert str(error.value) == (
        "readings: the column 'value' is missing; there are 'time' and 'series': "
        f"add or rename it in {remedy}"
    )


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            ["time", "series", "Wert"],
            "the column 'value' is missing; there are 'time', 'series' and 'Wert': "
            "rename 'Wert' to 'value' in reading.py",
        ),
        (
            ["Time", "site", "values"],
            "the columns 'time', 'series' and 'value' are missing; there are 'Time', 'site' and "
            "'values': rename 'Time' to 'time' and 'values' to 'value' in reading.py",
        ),
        (
            ["year"],
            "the columns 'time', 'series' and 'value' are missing; there is 'year': "
            "add or rename them in reading.py",
        ),
        ([], "the columns 'time', 'series' and 'value' are missing: add or rename them"),
    ],
)
def test_all_missing_columns_are_named_with_those_that_exist(
    columns: list[str], said: str, settings: AnySettings
) -> None:
    with pytest.raises(DataError) as error:
        validated({"readings": pd.DataFrame({it: ["1"] for it in columns})}, settings)
    assert str(error.value).removeprefix("readings: ").startswith(said)


def test_a_message_about_columns_stays_short(settings: AnySettings) -> None:
    names = [f"{it} of a name that goes on and on and on and on and on" for it in range(1_000)]
    wide = pd.DataFrame([[1] * 1_000], columns=names)
    for data in (wide, wide.assign(time="2026-03-01", series="a", value=1)):
        with pytest.raises(DataError, match=r"and 99\d more") as error:
            validated({"readings": data}, settings)
        assert len(str(error.value)) < 300


EVENTS = [
    ("2026-03-01", "a", 1),  # lost, because of the 3
    ("2026-03-01", "b", 1),
    ("2026-03-01", "a", 3),  # like the last one
    ("2026-03-01", "a", 2),  # lost
    ("2026-03-01", "a", 2),  # lost
    ("2026-03-01", "a", 3),
    ("2026-03-01", "b", 1),
]


def test_rows_that_a_later_row_overwrites_are_counted_apart_from_duplicates(
    settings: AnySettings,
) -> None:
    batch = validated(raw(*EVENTS), settings)
    rows = batch.tables["readings"]
    assert dict(zip(rows["series"], rows["value"], strict=True)) == {"a": 3, "b": 1}
    (lost,) = batch.overwritten
    assert (lost.table, lost.count, batch.duplicates) == ("readings", 3, 2)
    assert lost.reason == "the time and series of a later row with another value"
    assert lost.example == "time=2026-03-01 00:00:00+00:00, series=a, value=1.0"
    assert not validated(raw(GOOD, GOOD), settings).overwritten


def test_an_empty_value_is_overwritten_too(settings: AnySettings) -> None:
    columns = {"it": pa.Column(int), "a": pa.Column(float, nullable=True), "b": pa.Column(str)}
    table = Table(pa.DataFrameSchema(columns), key=("it",), mode="replace")
    data = pd.DataFrame({"it": 1, "a": [None, None, 2.0, None], "b": ["x", "y", "x", "x"]})
    batch = validated({"list": data}, settings, list=table)
    (lost,) = batch.overwritten
    assert (lost.count, batch.duplicates) == (2, 1)
    assert lost.reason == "the it of a later row with other values"


def test_a_row_may_be_as_late_as_the_settings_allow_and_no_later(settings: AnySettings) -> None:
    rules = pipeline.rules(settings, now_utc())
    rows = raw((rules.latest, "a", 1), (rules.latest + timedelta(microseconds=1), "b", 1))
    batch = validate(rows, toy.TABLES, rules)
    assert list(batch.tables["readings"]["series"]) == ["a"]
    assert [it.reason for it in batch.rejected] == ["time in the future"]


def test_a_column_called_time_need_not_hold_times(settings: AnySettings) -> None:
    """It may hold those of a race, such as "1:02"."""
    schema = pa.DataFrameSchema({"time": pa.Column(str)}, drop_invalid_rows=True)
    laps = Table(schema, key=("time",), mode="replace")
    data = {"laps": pd.DataFrame({"time": ["1:02", "0:59"]})}
    batch = validated(data, settings, laps=laps)
    assert list(batch.tables["laps"]["time"]) == ["1:02", "0:59"] and not batch.rejected


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
    assert next(iter(counts)) == "time: not a time", "in the order in which they were found"


def test_a_table_may_be_strict(settings: AnySettings) -> None:
    schema = deepcopy(toy.SCHEMA)
    schema.drop_invalid_rows = False
    strict = replace(toy.TABLES["readings"], schema=schema)
    for row in (("2099-01-01T00:00:00Z", "a", 1), ("2026-03-01", "a", "x")):
        with pytest.raises(DataError, match=r"readings: row 1: .*(future|number).*series=a"):
            validated(raw(GOOD, row), settings, readings=strict)


def test_a_table_without_rows_has_the_types_that_were_declared() -> None:
    empty = toy.TABLES["readings"].empty()
    assert empty.empty and list(empty) == ["time", "series", "value"]
    assert empty.dtypes.map(str).tolist() == ["datetime64[us, UTC]", "category", "float64"]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1_200, "1,200 rows")]
)
def test_rows_are_counted_in_words(count: int, text: str) -> None:
    assert counted(count) == text


def test_rows_with_the_same_time_keep_the_order_of_the_source(settings: AnySettings) -> None:
    names = [f"series {number * 7 % 300}" for number in range(300)]
    rows = [("2026-03-02", "last", 0), *(("2026-03-01", name, 1) for name in names)]
    data = validated(raw(*rows), settings).tables["readings"]
    assert data["series"].tolist() == [*names, "last"]
    assert list(data) == ["time", "series", "value"] and list(data.index) == list(range(301))


def test_a_table_without_times_keeps_the_order_of_the_source(settings: AnySettings) -> None:
    data = {"list": pd.DataFrame({"it": [3, 1, 3, 2]})}
    batch = validated(data, settings, **table_of(pa.Column(int)))
    assert list(batch.tables["list"]["it"]) == [1, 3, 2] and batch.duplicates == 1


def test_a_rejected_row_is_reported_as_it_was_read(settings: AnySettings) -> None:
    batch = validated(raw(GOOD, ("2026-03-01T13:00:00Z", "a", "n/a")), settings)
    assert batch.rejected[0].example == "time=2026-03-01T13:00:00Z, series=a, value=n/a"
    batch = validated(raw(GOOD, ("2026-03-01T13:00:00Z", "x" * 500, 1)), settings)
    assert len(batch.rejected[0].example) == 200, "it is shown on one line"


def test_a_row_with_two_errors_is_set_aside_once(settings: AnySettings) -> None:
    batch = validated(raw(GOOD, ("2026-03-01T13:00:00Z", "x" * 101, float("inf"))), settings)
    assert sum(it.count for it in batch.rejected) == 1


def test_an_invalid_value_does_not_invalidate_others(settings: AnySettings) -> None:
    """Text is only compared with numbers once it has been converted."""
    tables = table_of(pa.Column(int, pa.Check.isin([1, 2])), coerce=True)
    data = {"list": pd.DataFrame({"it": ["1", "x", "2"]})}
    batch = validated(data, settings, **tables)
    assert list(batch.tables["list"]["it"]) == [1, 2]
    assert [it.reason for it in batch.rejected] == ["it is not a number"]


SORTED = pa.Check(lambda it: it.is_monotonic_increasing, error="is not in order")


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        (pa.Column(int), ["a"], "it is not a number"),
        (pa.Column(float), ["a"], "it is not a number"),
        (pa.Column(bool), ["a"], "it is not a bool"),
        (pa.Column(int, SORTED), [2, 1], "it is not in order"),
    ],
)
def test_an_entirely_invalid_column_is_an_error(
    column: pa.Column, values: list[object], said: str, settings: AnySettings
) -> None:
    with pytest.raises(DataError) as error:
        validated({"list": pd.DataFrame({"it": values})}, settings, **table_of(column))
    assert str(error.value) == f"list: the whole column 'it' cannot be used: {said}"


@pytest.mark.parametrize(
    ("column", "bad", "reason"),
    [
        (pa.Column(int), "x", "it is not a number"),
        (pa.Column(float), "x", "it is not a number"),
        (pa.Column(int, pa.Check.gt(0)), 0, "it does not pass greater_than(0)"),
        (pa.Column(int, pa.Check.gt(0, error="is not positive")), 0, "it is not positive"),
        (pa.Column(float), None, "it is missing"),
    ],
)
def test_the_reason_describes_an_invalid_value_in_plain_words(
    column: pa.Column, bad: object, reason: str, settings: AnySettings
) -> None:
    data = {"list": pd.DataFrame({"it": [1, bad]})}
    batch = validated(data, settings, **table_of(column, coerce=True))
    assert [it.reason for it in batch.rejected] == [reason]
    assert list(batch.tables["list"]["it"]) == [1]


def test_an_error_about_an_extra_column_names_the_remedy(settings: AnySettings) -> None:
    with pytest.raises(DataError) as error:
        validated({"readings": raw(GOOD)["readings"].assign(extra=1)}, settings)
    assert str(error.value) == (
        "readings: the column 'extra' is not declared: drop it, or add it to TABLES"
    )


def test_what_a_table_carries_along_is_not_stored(settings: toy.Settings) -> None:
    data = raw(GOOD)
    data["readings"].attrs = {"read": 1}
    assert not validated(data, settings).tables["readings"].attrs
