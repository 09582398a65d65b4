from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from {{cookiecutter.project_slug}}.engine.data.tables import DataError
from {{cookiecutter.project_slug}}.engine.sources.events import start_of_bucket
from {{cookiecutter.project_slug}}.engine.sources.readings import shape_rows, to_tables
from {{cookiecutter.project_slug}}.engine.sources.shape import Shape

OSLO = "Europe/Oslo"


def found(times: Any, first: datetime | None = None, **settings: Any) -> dict[str, float]:
    """Return the values of one series by the start of their bucket."""
    settings = {"series": "", "value": "", "aggregate": "count", **settings}
    raw = pd.DataFrame({"time": times, "value": range(1, len(times) + 1)})
    table = to_tables(raw, Shape(**settings), first)["readings"]
    return {str(time): value for time, value in zip(table["time"], table["value"], strict=True)}


def test_events_with_the_same_time_all_count() -> None:
    times = ["2026-01-01 10:00", "2026-01-01 10:00", "2026-01-03"]
    assert found(times, every="1d") == {"2026-01-01": 2, "2026-01-02": 0, "2026-01-03": 1}


@pytest.mark.parametrize(
    ("aggregate", "values"),
    [("sum", [3, 0, 3]), ("mean", [1.5, 3]), ("min", [1, 3]), ("max", [2, 3])],
)
def test_only_counts_and_sums_are_zero_without_events(aggregate: str, values: list[float]) -> None:
    times = ["2026-01-01 10:00", "2026-01-01 10:59", "2026-01-01 12:00"]
    result = found(times, aggregate=aggregate, value="value", every="1h")
    assert [*result.values()] == values
    assert next(iter(result)) == "2026-01-01 10:00:00+00:00"


def test_every_series_is_zero_between_the_first_and_the_last_bucket() -> None:
    raw = pd.DataFrame({"time": ["2026-01-01", "2026-01-03"], "series": [200, 404]})
    table = to_tables(raw, Shape(value="", aggregate="count", every="1d"))["readings"]
    counts = table.pivot(index="time", columns="series", values="value")
    assert counts.to_dict("list") == {"200": [1, 0, 0], "404": [0, 0, 1]}


@pytest.mark.parametrize(
    ("every", "buckets"),
    [
        ("month", ["2025-11-01", "2025-12-01", "2026-01-01", "2026-02-01"]),
        ("quarter", ["2025-10-01", "2026-01-01"]),
        ("year", ["2025-01-01", "2026-01-01"]),
        ("7d", [f"{it:%Y-%m-%d}" for it in pd.date_range("2025-11-24", "2026-02-02", freq="7D")]),
    ],
)
def test_buckets_are_those_of_the_calendar(every: str, buckets: list[str]) -> None:
    result = found(["2025-11-30 23:00", "2026-02-04"], every=every)
    assert [*result] == buckets
    assert sum(result.values()) == 2


def test_days_are_those_of_the_source() -> None:
    times = ["2026-01-01T22:30:00Z", "2026-01-01T23:30:00Z", "1871-05-01"]
    result = found(times, every="1d", timezone=OSLO, aggregate="mean", value="value")
    assert result == {"1871-05-01": 3, "2026-01-01": 1, "2026-01-02": 2}


def test_a_bucket_shorter_than_a_day_begins_at_the_hour_of_the_source() -> None:
    result = found(["2026-01-01 05:00", "2026-07-01 05:00"], every="6h", timezone=OSLO)
    starts = [time for time, value in result.items() if value]
    assert starts == ["2025-12-31 23:00:00+00:00", "2026-06-30 22:00:00+00:00"]
    hours = {pd.Timestamp(it).tz_convert(OSLO).hour for it in result}
    assert hours == {0, 6, 12, 18}


def test_no_hour_is_lost_or_doubled_where_clocks_change() -> None:
    times = pd.date_range("2026-10-24", "2026-10-27", freq="30min", tz=OSLO)
    assert {*found(times, every="1h", timezone=OSLO).values()} == {1, 2}
    result = found(times[[0, -1]], every="1h", timezone=OSLO)
    steps = pd.DatetimeIndex([*result]).to_series().diff().dropna()
    assert {*steps} == {pd.Timedelta(hours=1)}
    spring = found(["2026-03-28 12:00", "2026-03-30 12:00"], every="1h", timezone=OSLO)
    assert len(spring) == 48  # one hour is skipped


def test_rows_that_cannot_be_counted_are_reported() -> None:
    raw = pd.DataFrame(
        {
            "time": ["2026-01-01", "x", None, "2026-01-01", "2026-01-01", "2026-01-01"],
            "series": ["a", "a", "a", None, "a", "a"],
            "value": [1, 2, 3, 4, "text", None],
        }
    )
    result = shape_rows(raw, Shape(aggregate="sum", every="1d"))
    assert result.left_out == {
        "time: not a time": 1,
        "time: missing": 1,
        "series is missing": 1,
        "not a number": 1,
        "empty": 1,
    }
    assert [*result.tables["readings"]["value"]] == [1]
    assert result.tables["states"].empty


def test_text_and_booleans_can_be_counted_and_booleans_averaged() -> None:
    raw = pd.DataFrame({"time": "2026-01-01", "ok": [True, False], "note": ["x", None]})
    shape = Shape(series="", value=["ok", "note"], aggregate="count", every="1d")
    assert [*to_tables(raw, shape)["readings"]["value"]] == [2, 1]
    shape = Shape(series="", value="ok", aggregate="mean", every="1d")
    assert [*to_tables(raw, shape)["readings"]["value"]] == [0.5]


@pytest.mark.parametrize("every", ["1h", "6h", "1d", "7d", "month", "quarter", "year"])
@pytest.mark.parametrize("zone", ["UTC", OSLO, "America/Los_Angeles"])
def test_a_bucket_cut_by_a_later_read_never_replaces_a_whole_one(every: str, zone: str) -> None:
    random = np.random.default_rng(1)
    times = pd.Series(pd.date_range("2026-03-01", "2026-05-01", freq="47min", tz="UTC"))
    times = times[random.random(len(times)) < 0.5].reset_index(drop=True)
    whole = found(times, every=every, timezone=zone)
    shape = Shape(series="", value="", aggregate="count", every=every, timezone=zone)
    for since in times[:: len(times) // 6]:
        start = start_of_bucket(since.to_pydatetime(), shape)
        assert start <= since
        later = found(
            times[times >= start].reset_index(drop=True), start, every=every, timezone=zone
        )
        assert later.items() <= whole.items()
        assert [*later][-1:] == [*whole][-1:]
        # A source that returns older rows, too, does not matter: cut buckets are dropped.
        early = times[times >= start - timedelta(hours=3)].reset_index(drop=True)
        assert found(early, start, every=every, timezone=zone) == later


def test_without_aggregation_a_read_may_start_anywhere() -> None:
    since = datetime(2026, 1, 1, 12, 34, tzinfo=UTC)
    assert start_of_bucket(since, Shape()) == since
    shape = Shape(aggregate="count", every="1h", timezone=ZoneInfo(OSLO))
    assert start_of_bucket(since, shape) == datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_too_many_buckets_are_an_error_that_says_what_to_set() -> None:
    with pytest.raises(DataError, match="set a longer every"):
        found(["2000-01-01", "2026-01-01"], every="1s")


def test_a_wrong_time_in_the_future_does_not_fill_the_years_until_then() -> None:
    result = found(["2026-01-01", "2026-01-03", "9999-01-01"], every="1d")
    assert len(result) < 100_000
    assert [*result][-1] == "9999-01-01"
    assert result["2026-01-02"] == 0
