import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from toy import TABLES

from {{cookiecutter.project_slug}}.engine.data.tables import (
    Batch,
    DataError,
    Rules,
    validate,
)
from {{cookiecutter.project_slug}}.engine.sources.readings import (
    Shaped,
    shape_rows,
    to_tables,
)
from {{cookiecutter.project_slug}}.engine.sources.shape import Shape

DAYS = ["2026-01-01", "2026-01-02"]
RULES = Rules(ZoneInfo("UTC"), ZoneInfo("UTC"), datetime(2100, 1, 1, tzinfo=UTC))


def shaped(raw: Any, **settings: Any) -> Shaped:
    """Return the tables of rows, none of which may get lost."""
    frame = raw if isinstance(raw, pd.DataFrame) else pd.DataFrame(raw)
    before = frame.copy()
    result = shape_rows(frame, Shape(**settings))
    pd.testing.assert_frame_equal(frame, before)
    if not settings.get("aggregate"):
        rows = sum(map(len, result.tables.values()))
        assert result.read == rows + sum(result.left_out.values())
    return result


def rows(result: Shaped, table: str = "readings") -> list[tuple[Any, ...]]:
    return [tuple(it) for it in result.tables[table].itertuples(index=False)]


def validated(result: Shaped) -> Batch:
    return validate({"readings": result.tables["readings"]}, TABLES, RULES)


def test_a_table_that_is_already_right_stays_as_it_is() -> None:
    raw = {"time": DAYS, "series": ["a", "b"], "value": [1.0, 2.0]}
    result = shaped(raw)
    assert rows(result) == [("2026-01-01", "a", 1.0), ("2026-01-02", "b", 2.0)]
    assert result.left_out == {}
    assert [*result.tables["states"].columns] == ["time", "series", "state"]
    assert to_tables(pd.DataFrame(raw), Shape())["readings"].equals(result.tables["readings"])


def test_columns_may_have_any_names_and_others_are_ignored() -> None:
    raw = {"note": "x", "Symbol": ["A", "B"], "price": [1, 2], "DATE": DAYS}
    result = shaped(raw, time="DATE", series="Symbol", value="price")
    assert rows(result) == [("2026-01-01", "A", 1.0), ("2026-01-02", "B", 2.0)]


def test_several_names_make_a_series() -> None:
    raw = {"time": DAYS, "job": ["cook", "cook"], "sex": ["f", "m"], "value": [1, 2]}
    found = shaped(raw, series=["job", "sex"]).tables["readings"]["series"]
    assert [*found] == ["cook · f", "cook · m"]


def test_names_that_are_numbers_or_booleans_become_text() -> None:
    raw = {"time": "2026-01-01", "code": [200.0, 404.0, 2.5], "ok": [True, False, True], "n": 1}
    found = shaped(raw, series=["code", "ok"], value="n").tables["readings"]["series"]
    assert [*found] == ["200 · true", "404 · false", "2.5 · true"]
    mixed = pd.DataFrame({"time": "2026-01-01", "series": [1, "1", "b"], "value": 1})
    assert [*to_tables(mixed, Shape())["readings"]["series"]] == ["1", "1", "b"]


def test_a_wide_table_has_a_series_for_each_column_of_values() -> None:
    raw = {"time": DAYS, "b": [1, 2], "a": [3.5, None], "note": ["x", "y"]}
    result = shaped(raw, series="", value="*", drop=["no*"])
    assert rows(result) == [
        ("2026-01-01", "b", 1.0),
        ("2026-01-02", "b", 2.0),
        ("2026-01-01", "a", 3.5),
    ]
    assert result.left_out == {"empty": 1}
    assert rows(shaped(raw, series="", value=["a", "b"]))[0] == ("2026-01-01", "a", 3.5)
    assert rows(shaped(raw, series="", value="b"))[0] == ("2026-01-01", "b", 1.0)


def test_a_key_and_columns_of_values_are_joined() -> None:
    raw = {"time": DAYS, "place": ["Oslo", "Rome"], "temp": [1, 2], "sky": ["sun", "rain"]}
    result = shaped(raw, series="place", value="*")
    assert rows(result)[0] == ("2026-01-01", "Oslo · temp", 1.0)
    assert rows(result, "states") == [
        ("2026-01-01", "Oslo · sky", "sun"),
        ("2026-01-02", "Rome · sky", "rain"),
    ]


def test_the_names_of_columns_may_be_times() -> None:
    raw = {"country": ["Chad", "Mali"], "1950": [1, ".."], 1951: [3, 4]}
    settings: dict[str, Any] = {"time_format": "%Y", "value": "*", "columns": "time"}
    result = shaped(raw, time="", series="country", missing=[".."], **settings)
    assert rows(result) == [
        ("1950-01-01", "Chad", 1.0),
        ("1951-01-01", "Chad", 3.0),
        ("1951-01-01", "Mali", 4.0),
    ]
    assert result.left_out == {"empty": 1}


def test_the_names_of_columns_may_be_the_rest_of_a_time() -> None:
    raw = pd.DataFrame({"Year": [1948, 1949], "Jan": [4.0, 5.0], "FEB": [6.0, 7.0], "Annual": 8.0})
    settings: dict[str, Any] = {"time": "Year", "time_format": "%Y %b", "columns": "time"}
    result = shaped(raw, series="", value="*", **settings)
    batch = validated(result)
    assert len(batch.tables["readings"]) == 4
    assert [(it.reason, it.count) for it in batch.rejected] == [("time: not a time", 2)]
    assert "'1948 Annual'" in batch.rejected[0].example


def test_a_table_without_a_time_is_a_ranking() -> None:
    raw = {"country": ["Chad", "Mali"], "income": [1, 2], "region": ["x", "y"], "age": [3, None]}
    result = shaped(raw, time="", series="country", value="*")
    assert rows(result, "ranking") == [
        ("Chad", "income", 1.0),
        ("Mali", "income", 2.0),
        ("Chad", "age", 3.0),
    ]
    assert result.left_out == {"text": 2, "empty": 1}
    assert [*result.tables] == ["ranking"]


@pytest.mark.parametrize("value", ["on", True, "fault"])
def test_a_series_of_text_or_booleans_is_a_state(value: Any) -> None:
    raw = {"time": DAYS, "series": ["pump", "temp"], "value": [value, 20.5]}
    result = shaped(raw)
    assert rows(result) == [("2026-01-02", "temp", 20.5)]
    assert rows(result, "states") == [("2026-01-01", "pump", str(value).lower())]
    column = {"time": DAYS, "pump": [value, value]}
    states = rows(shaped(column, series="", value="*"), "states")
    assert [it[1:] for it in states] == [("pump", str(value).lower())] * 2


def test_text_in_a_series_of_numbers_is_set_aside_by_validation() -> None:
    raw = {"time": DAYS * 2, "series": [*"aabb"], "value": ["1.5", "n/a?", "2", "3"]}
    result = shaped(raw)
    assert not len(result.tables["states"])
    batch = validated(result)
    assert sorted(batch.tables["readings"]["value"]) == [1.5, 2.0, 3.0]
    assert [(it.reason, it.count) for it in batch.rejected] == [("value is not a number", 1)]


def test_text_with_many_different_values_is_no_state() -> None:
    times = pd.date_range("2026-01-01", periods=51)
    raw = {"time": times, "series": "id", "value": [f"id {it}" for it in range(51)]}
    assert len(shaped(raw).tables["readings"]) == 51
    assert len(shaped(pd.DataFrame(raw)[:50]).tables["states"]) == 50


@pytest.mark.parametrize("missing", [[-999], ["-999"], [-999.0, ".."]])
@pytest.mark.parametrize("kind", [float, object, str])
def test_marks_of_missing_values_and_empty_cells_are_left_out(missing: Any, kind: Any) -> None:
    values = pd.Series(["1", "-999", None], dtype=str)
    values = values if kind is str else values.astype(float).astype(kind)
    result = shaped({"time": DAYS[0], "series": [*"abc"], "value": values}, missing=missing)
    assert [it[1:] for it in rows(result)] == [("a", 1.0)]
    assert result.left_out == {"empty": 2}


def test_a_row_without_its_only_value_is_set_aside() -> None:
    """It may be the end of a file that was cut; an empty cell of a wide table is no fault."""
    raw = {"time": DAYS, "series": "a", "value": [1.5, None]}
    batch = validated(shaped(raw))
    assert [(it.reason, it.count) for it in batch.rejected] == [("value is missing", 1)]
    with pytest.raises(DataError, match="none of its 2 rows can be used: value is missing"):
        validated(shaped({**raw, "value": [None, None]}))


def test_decimals_and_nullable_numbers_are_numbers() -> None:
    raw = {"time": DAYS, "series": "a", "value": [Decimal("1.5"), None]}
    assert list(validated(shaped(raw)).tables["readings"]["value"]) == [1.5]
    raw["value"] = pd.array([1, None], dtype="Int64")
    assert list(validated(shaped(raw)).tables["readings"]["value"]) == [1.0]


def test_nested_json_and_times_as_values_are_no_numbers() -> None:
    raw = {"time": DAYS, "list": [[1], [2]], "seen": pd.to_datetime(DAYS), "n": [1, 2]}
    result = shaped(raw, series="", value="*")
    assert [it[1:] for it in rows(result)] == [("n", 1.0), ("n", 2.0)]
    assert [it[2] for it in rows(result, "states")] == ["[1]", "[2]", *DAYS]


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ({"kind": "x"}, ["a", "c"]),
        ({"kind": ["x", "y"], "code": 200}, ["a", "b"]),
        ({"code": ["200", 404]}, ["a", "b", "c"]),
        ({"ok": True}, ["a"]),
        ({"kind": "z"}, []),
    ],
)
def test_where_selects_rows_by_equality(where: Any, names: list[str]) -> None:
    raw = {"time": DAYS[0], "series": [*"abcd"], "value": 1, "kind": ["x", "y", "x", None]}
    more = {"code": [200.0, 200.0, 404.0, 500.0], "ok": [True, False, False, None]}
    result = shaped({**raw, **more}, where=where)
    assert [*result.tables["readings"]["series"]] == names
    assert result.left_out == {"excluded by where": 4 - len(names)}


def test_columns_of_where_are_no_values() -> None:
    raw = {"time": DAYS, "kind": [1, 2], "temp": [3, 4]}
    result = shaped(raw, series="", value="*", where={"kind": [1, 2]})
    assert {*result.tables["readings"]["series"]} == {"temp"}


def test_no_series_is_listed_that_has_no_rows() -> None:
    raw = {"time": DAYS * 2, "series": [*"abcd"], "value": [1, None, "on", "off"]}
    for table in shaped(raw).tables.values():
        assert {*table["series"].cat.categories} == {*table["series"]}


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        (
            {"DATE": DAYS, "series": "a", "value": 1},
            {},
            ['`time` is missing; the source has `DATE`, `series` and `value`: set time = "DATE"'],
        ),
        (
            {"symbol": ["A", "A"], "date": DAYS, "price": [1, 2]},
            {},
            [
                "`time`, `series` and `value` are missing",
                'set time = "date", series = "symbol", value = "price"',
            ],
        ),
        ({"day": DAYS, "co2": [1, 2]}, {}, ['set time = "day", series = "", value = "co2"']),
        ({"day": DAYS, "a": [1, 2], "b": [1, 2]}, {}, ['value = "*"']),
        ({"Unnamed: 0": DAYS, "value": [1, 2]}, {"series": ""}, ['set time = "Unnamed: 0"']),
        (
            {"year": [1], "Month": [2], "x": [3]},
            {"time": ["year", "month"], "series": "", "value": "x"},
            ["`month` is missing", 'set time = ["year", "Month"]'],
        ),
        (
            {"time": DAYS, "value": [1, 2], "kind": "a"},
            {"series": "", "where": {"kin": "a"}},
            ["`kin` is missing", 'set where = { "kind" = … }'],
        ),
        ({}, {}, ["the source has no columns"]),
        ({"DATE": [], "a": []}, {}, ['time = "DATE"']),
        ({f"column {it}" * 9: [1] for it in range(3_000)}, {}, ["and 2,999 more"]),
        ({"time": DAYS}, {"value": [f"column {it}" for it in range(400)]}, ["more are missing"]),
    ],
)
def test_missing_columns_are_named_at_once_with_the_likely_ones(
    columns: Any, settings: Any, message: list[str]
) -> None:
    with pytest.raises(DataError) as error:
        shape_rows(pd.DataFrame(columns), Shape(**settings))
    assert all(it in str(error.value) for it in message), error.value
    assert len(str(error.value)) <= 300


def test_ambiguous_or_useless_columns_are_errors() -> None:
    twice = pd.DataFrame([[1, 2]], columns=["time", "time"])
    with pytest.raises(DataError, match="several columns are called `time`"):
        to_tables(twice, Shape())
    with pytest.raises(DataError, match=r'value = "\*" finds no column'):
        to_tables(pd.DataFrame({"time": DAYS}), Shape(series="", value="*"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time": "", "series": ""}, "each row needs a name"),
        (
            {"columns": "time", "value": "", "aggregate": "count", "every": "1d"},
            "needs the columns",
        ),
        ({"time_format": "YYYY-MM"}, "it is no format"),
        ({"time_format": "%Y-%Q"}, 'no directive "%Q"'),
        ({"time_format": "iso8601"}, "rfc2822"),
        ({"value": ""}, 'set aggregate = "count"'),
        ({"every": "1d"}, "belong together"),
    ],
)
def test_settings_that_make_no_sense_say_what_to_set(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Shape(**settings)


@pytest.mark.parametrize("kind", [None, object, "category"])
def test_an_empty_source_gives_empty_tables(kind: Any) -> None:
    raw = pd.DataFrame({"time": [], "series": [], "value": []}, dtype=kind)
    for settings in ({}, {"aggregate": "sum", "every": "1d"}, {"series": "", "value": "*"}):
        result = shaped(raw, **settings)
        assert validated(result).tables["readings"].empty
        assert result.tables["states"].empty


@pytest.mark.parametrize("seed", range(60))
def test_no_row_is_lost_whatever_the_table_and_its_shape(seed: int) -> None:
    draw = random.Random(seed)
    count, across = draw.randint(0, 40), draw.random() < 0.3
    cells: list[list[Any]] = [
        [1, 2.5, -999],
        [1.0, None, np.nan],
        ["on", "off", "", None],
        [True, False],
        ["1", "x", None, True, 3, [1]],
        [f"text {it}" for it in range(99)],
        ["1,5", "..", " "],
    ]
    names = [f"2026-01-0{it}" for it in range(1, 6)] if across else [*"vwxyz"]
    raw = pd.DataFrame(
        {
            "day": draw.choices(["2026-01-01", "2026-01-02", "x", None], k=count),
            "clock": draw.choices(["10:00", "11:30:05", "y", None], k=count),
            "key": draw.choices(["a", "b", 1, None], k=count),
            "flag": draw.choices([True, False, None], k=count),
            **{it: draw.choices(draw.choice(cells), k=count) for it in names},
        },
        index=draw.sample(range(100), count),
    )
    keys = draw.choice(["key", ["key", "flag"]] if across else ["", "key", ["key", "flag"]])
    settings = {
        "time": "" if across else draw.choice(["day", ["day", "clock"], "" if keys else "day"]),
        "series": keys,
        "value": draw.choice([names, names[1], names[2:4], "*"][: 3 if across else 4]),
        "columns": "time" if across else "series",
        "drop": draw.choice([[], [names[0]], ["*" + names[1]]]),
        "missing": draw.choice([[], [-999, ".."]]),
        "where": draw.choice([{}, {"flag": True}, {"key": ["a", 1]}]),
    }
    try:
        result = shaped(raw, **settings)
    except DataError as error:
        assert "no time is ISO 8601" in str(error)
        return
    for table in result.tables.values():
        assert table.index.equals(pd.RangeIndex(len(table)))
