"""The usual interval between rows, and the series that is furthest behind."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import toy

from {{cookiecutter.project_slug}}.engine.data.pace import furthest_behind, measure
from {{cookiecutter.project_slug}}.engine.data.snapshot import Pace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SERIES = toy.TABLES["readings"]
ALONE = replace(SERIES, key=("time",))
SITES = replace(SERIES, key=("time", "site", "series"))


def frame(**times: list[datetime]) -> pd.DataFrame:
    """Return the rows of each series."""
    rows = [(time, name) for name, its in times.items() for time in its]
    data = pd.DataFrame(rows, columns=["time", "series"]).astype({"series": "category"})
    data["time"] = pd.to_datetime(data["time"], utc=True).astype("datetime64[us, UTC]")
    return data.sort_values("time", kind="stable", ignore_index=True)


def every(distance: timedelta, count: int, end: datetime = NOW) -> list[datetime]:
    return [end - it * distance for it in reversed(range(count))]


def test_the_usual_interval_is_measured_within_each_series() -> None:
    data = frame(a=every(2 * SECOND, 900), b=every(2 * SECOND, 900, NOW - SECOND))
    assert measure(data, SERIES) == Pace(NOW, 2 * SECOND)
    assert measure(data, ALONE).distance == SECOND


def test_a_table_of_changes_is_told_from_one_that_repeats_its_states() -> None:
    data = frame(a=every(MINUTE, 4), b=every(MINUTE, 4, NOW - SECOND))
    changing = data.assign(state=pd.Categorical(["on", "on", "off", "off"] * 2))
    assert measure(changing, SERIES) == Pace(NOW, MINUTE, changes=True)
    repeating = data.assign(state=pd.Categorical(["on"] * 5 + ["off"] * 3))
    assert measure(repeating, SERIES) == Pace(NOW, MINUTE)
    assert measure(data.assign(value=range(8)), SERIES) == Pace(NOW, MINUTE), "not text"


def test_a_single_row_has_no_usual_interval() -> None:
    assert measure(frame(a=[NOW]), SERIES) == Pace(NOW)
    assert measure(frame(a=[NOW], b=[NOW - SECOND]), SERIES) == Pace(NOW)


def test_the_usual_interval_is_that_of_the_newest_rows() -> None:
    """For example, a sensor now measures more often."""
    before = every(HOUR, 2_500, NOW - HOUR)
    assert measure(frame(a=[*before, *every(SECOND, 1_000)]), SERIES) == Pace(NOW, SECOND)


def test_the_usual_interval_is_the_90th_percentile() -> None:
    times, at = [], NOW
    for it in range(100):
        at += HOUR if it % 20 == 0 else it % 20 * MINUTE
        times.append(at)
    assert 17 * MINUTE <= (measure(frame(a=times), SERIES).distance or HOUR) <= 19 * MINUTE


def test_series_may_be_named_by_several_columns() -> None:
    rows = frame(a=every(MINUTE, 60), b=every(MINUTE, 60, NOW - SECOND))
    sites = [rows.assign(site=site) for site in map(str, range(60))]
    data = pd.concat(sites).sort_values("time", kind="stable", ignore_index=True)
    assert measure(data, SITES) == Pace(NOW, MINUTE)
    late = data[(data["site"] != "0") | (data["series"] != "b") | (data["time"] < NOW - 9 * MINUTE)]
    assert furthest_behind(late, SITES, Pace(NOW, MINUTE), NOW) == NOW - 9 * MINUTE - SECOND


def test_a_series_is_waited_for_an_hour_or_ten_intervals() -> None:
    for distance, waits in ((None, HOUR), (MINUTE, HOUR), (HOUR, 10 * HOUR)):
        pace = Pace(NOW, distance)
        for behind, found in ((waits, NOW - waits), (waits + SECOND, NOW)):
            data = frame(a=[NOW - 20 * HOUR, NOW - SECOND, NOW], b=[NOW - behind])
            assert furthest_behind(data, SERIES, pace, NOW) == found


def test_a_table_without_series_is_read_from_its_newest_row() -> None:
    data = frame(a=every(MINUTE, 30))
    assert furthest_behind(data, ALONE, Pace(NOW, MINUTE), NOW + HOUR) == NOW


def test_rows_of_the_future_are_not_waited_for() -> None:
    data = frame(a=[NOW - MINUTE, NOW + 9 * HOUR], b=[NOW + 9 * HOUR])
    pace = Pace(NOW + 9 * HOUR)
    assert furthest_behind(data, SERIES, pace, NOW) == NOW
    ended = frame(a=[NOW - MINUTE], b=[NOW + 9 * HOUR])
    assert furthest_behind(ended, SERIES, pace, NOW) == NOW - MINUTE
