"""Tests of proposing settings for a table of raw rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from {{cookiecutter.project_slug}}.engine.proposals.propose import Proposal, propose
from {{cookiecutter.project_slug}}.engine.proposals.sniff import Dialect
from {{cookiecutter.project_slug}}.engine.sources.readings import shape_rows
from {{cookiecutter.project_slug}}.engine.sources.shape import Shape

NOW = datetime(2026, 2, 1, tzinfo=UTC)
DAYS = [str(it.date()) for it in pd.date_range("2026-01-02", periods=30)]
ZONED = [f"{it}T06:00:00Z" for it in DAYS]


def proposed(data: Any, dialect: Dialect | None = None, days: float = 30) -> Proposal:
    found = propose(pd.DataFrame(data), {}, dialect or Dialect(), timedelta(days=days), NOW)
    shape_rows(pd.DataFrame(data), Shape.model_validate(found.source))  # it can be used
    return found


def settings(data: Any) -> dict[str, Any]:
    found = proposed(data).source
    return {key: value for key, value in found.items() if key != "timezone"}


def long(**columns: Any) -> pd.DataFrame:
    """Return each day for each of three places, with more columns."""
    keys = pd.MultiIndex.from_product([["Oslo", "Bergen", "Bodø"], DAYS], names=["place", "date"])
    return keys.to_frame(index=False).assign(**columns)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"date": DAYS, "temp": range(30)}, {"time": "date", "series": "", "value": "temp"}),
        (
            {"date": DAYS, "a": range(30), "b": range(30)},
            {"time": "date", "series": "", "value": "*"},
        ),
        (
            {"date": DAYS, "a": range(30), "state": ["on", "off"] * 15},
            {"time": "date", "series": "", "value": "*"},
        ),
        (long(temp=1.5), {"time": "date", "series": "place", "value": "temp"}),
        (
            long(temp=1.5, wind=2.5, weather=["rain", "sun"] * 45),
            {"time": "date", "series": "place", "value": "*"},
        ),
        (long(state=["on", "off"] * 45), {"time": "date", "series": "place", "value": "state"}),
        (
            pd.concat([long(sex=it, count=1) for it in "mw"]),
            {"time": "date", "series": ["place", "sex"], "value": "count"},
        ),
        (
            {"country": ["Chad", "Peru", "Iran"], "income": [1, 2, 3], "health": [4, 5, 6]},
            {"time": "", "series": "country", "value": "*"},
        ),
        (
            {"country": ["Chad", "Peru"], **{str(it): [1.5, 2] for it in range(2000, 2008)}},
            {"time": "", "series": "country", "value": "*", "columns": "time"}
            | {"time_format": "%Y"},
        ),
    ],
)
def test_the_shape_is_found(data: Any, expected: dict[str, Any]) -> None:
    assert settings(data) == expected


def test_what_is_no_value_is_left_out_and_named() -> None:
    found = proposed(
        long(
            temp=np.arange(90.0),
            **{"Unnamed: 0": range(90)},
            station="SN18700",
            place_id=[1] * 30 + [2] * 30 + [3] * 30,
            region=["east"] * 30 + ["west"] * 60,
            checked=[f"{it}T12:00:00Z" for it in DAYS] * 3,
        ).rename(columns={"date": "time"})
    )
    assert found.source["value"] == "temp"
    notes = "\n".join(found.notes)
    for said in (
        "not shown (row numbers): Unnamed: 0",
        "not shown (the same in all rows): station",
        "not shown (the same for each place): region, place_id",
    ):
        assert said in notes


def test_many_rows_with_the_same_time_and_keys_are_events_and_asked_about() -> None:
    rng = np.random.default_rng(1)
    data = {
        "day": rng.choice(DAYS, 500),
        "airline": rng.choice(["A", "B", "C"], 500),
        "cost": rng.normal(size=500),
    }
    found = proposed(data)
    expected = {"series": "airline", "value": "", "aggregate": "count", "every": "1d"}
    assert found.source.items() >= expected.items()
    assert "rows look like events" in found.questions[0]
    assert 'set value to cost and aggregate = "sum"' in found.questions[0]


def test_times_alone_are_counted() -> None:
    rng = np.random.default_rng(1)
    times = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 2_000_000, 300), "s")
    found = settings({"time": times.strftime("%Y-%m-%dT%H:%M:%SZ")})
    assert found == {"time": "time", "series": "", "value": ""} | {
        "aggregate": "count",
        "every": "6h",
    }


def test_counts_of_irregular_hours_are_added_up() -> None:
    hours = pd.Series(np.random.default_rng(1).choice(2_000, 300, replace=False)).sort_values()
    times = pd.Timestamp("2026-01-01") + pd.to_timedelta(hours.to_numpy() - 1_500, "h")
    found = proposed({"time": times.strftime("%Y-%m-%d %H:00:00"), "count": range(300)})
    assert found.source.items() >= {"value": "count", "aggregate": "sum", "every": "1h"}.items()
    assert "added up" in found.questions[-1]


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ([1.5, -999, 2.5] * 10, [-999]),
        ([1, "..", 2] * 10, [".."]),
        ([-1, -99, -120] * 10, []),
        ([400, "nil", 9999.5] * 10, ["nil"]),
    ],
)
def test_marks_of_missing_values_are_found(values: list[Any], missing: list[Any]) -> None:
    assert proposed({"date": DAYS, "value": values}).source.get("missing", []) == missing


def test_a_time_without_a_zone_is_named_and_one_in_the_header_is_set() -> None:
    times = [f"{it} 06:00" for it in DAYS]
    assert "times have no zone" in proposed({"time": times, "value": 1.5}).notes[0]
    assert "says that times are UTC" in proposed({"time (UTC)": times, "value": 1.5}).notes[0]
    assert not [it for it in proposed({"time": ZONED, "value": 1.5}).notes if "zone" in it]
    assert not [it for it in proposed({"date": DAYS, "value": 1.5}).notes if "zone" in it]


def test_old_data_are_kept_and_are_not_stale() -> None:
    old = [it.replace("2026", "2006") for it in DAYS]
    found = proposed({"date": old, "value": 1.5})
    assert (found.refresh, found.app) == ({"history": "all"}, {"stale_after": "never"})
    live = proposed({"time": ZONED, "value": 1.5}, days=60)
    assert (live.refresh, live.app) == ({}, {})


def test_forecasts_are_kept_and_a_wrong_date_is_not() -> None:
    years = [*range(1990, 2050)]
    found = proposed({"year": years, "value": range(60)})
    assert found.refresh["ahead"] == "8371d"
    assert "23 of 60 rows are in the future" in found.questions[0]
    few = proposed({"date": [*DAYS * 10, "2046-01-01"], "value": 1.5, "n": range(301)})
    assert "ahead" not in few.refresh
    assert "1 row is in the future, up to 2046-01-01, and set aside" in few.questions[0]


def test_a_time_that_no_setting_describes_is_a_question() -> None:
    found = propose(
        pd.DataFrame({"time": [1949 + it / 12 for it in range(30)], "value": 1.5}),
        {},
        Dialect(),
        None,
        NOW,
    )
    assert "years with a fraction" in found.questions[0]


@pytest.mark.parametrize(
    ("columns", "series", "asked"),
    [
        ({"region": ["a", "b"] * 5, "kind": [*"vvwwxxyyzz"]}, ["region", "kind"], False),
        ({"region": ["a", "b"] * 5, "Unnamed: 0": range(10)}, "Unnamed: 0", True),
        ({"region": ["a", "b"] * 5}, "region", True),
    ],
)
def test_rows_of_a_ranking_that_have_no_name_are_a_question(
    columns: dict[str, Any], series: Any, asked: bool
) -> None:
    found = proposed({**columns, "value": np.arange(10) % 3})
    assert found.source["series"] == series
    assert bool(found.questions) is asked


def test_labels_and_units_are_read_from_the_headers() -> None:
    columns = ["temp_max", "Temp [°C]", "temperature (celsius)", "Cost Total $", "CO2", "a.b.mag"]
    found = proposed({"date": DAYS, **dict.fromkeys(columns, 1.5)})
    assert [found.label(it) for it in columns] == [
        ("Temp max", ""),
        ("Temp", "°C"),
        ("Temperature", "°C"),
        ("Cost Total", "$"),
        ("CO2", ""),
        ("Mag", ""),
    ]
    units = {"wind": "m/s", "temp_max": "degC"}  # from a row below the header
    both = proposed(long(temp_max=1.5, wind=2.5), Dialect(units=units))
    assert both.label("Oslo · temp_max") == ("Oslo · Temp max", "°C")
    assert both.label("Oslo · wind") == ("Oslo · Wind", "m/s")


def test_a_few_texts_among_numbers_do_not_make_a_column_text() -> None:
    found = proposed({"date": DAYS, "temp": [*map(str, range(29)), "broken"]})
    assert (found.source["value"], found.values) == ("temp", ["temp"])


def test_numbers_in_parentheses_are_negative() -> None:
    found = proposed({"date": DAYS, "profit": ["1", "(2)", "3"] * 10})
    assert found.values == ["profit"]
    assert "profit: numbers in parentheses are negative" in found.notes


def test_texts_that_never_repeat_are_not_states() -> None:
    found = proposed({"date": DAYS, "temp": range(30), "note": [f"saw {it}" for it in range(30)]})
    assert found.values == ["temp"]
    assert "not shown (text that differs from row to row): note" in found.notes


def test_a_time_in_an_unknown_format_is_a_question() -> None:
    found = proposed({"date": [f"{it} of May" for it in range(30)], "temp": range(30)})
    assert found.source["time"] == ""
    assert "date may hold times, but in no known format, as in 0 of May" in found.questions[0]


def test_a_long_table_may_have_series_of_numbers_and_of_states() -> None:
    numbers = long(value=[f"{it}.5" for it in range(90)])
    doors = long(value=["open", "closed"] * 45).assign(place="door")[:30]
    found = proposed(pd.concat([numbers, doors]))
    assert (found.source["series"], found.source["value"]) == ("place", "value")


def test_no_end_is_no_forecast() -> None:
    found = proposed({"date": [*DAYS[:29], "9999-12-31"], "temp": range(30)})
    assert found.refresh == {}
    assert "1 row is in the future, up to 9999-12-31, and set aside" in found.questions[0]
