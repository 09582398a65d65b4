from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from {{cookiecutter.project_slug}}.engine.figures import limits, ranking, states

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def rows(**series: dict[int, str]) -> pd.DataFrame:
    """Return rows of states, by minutes since START."""
    found = [
        (START + minute * MINUTE, name, state)
        for name, of in series.items()
        for minute, state in of.items()
    ]
    table = pd.DataFrame(found, columns=["time", "series", "state"])
    table = table.sort_values("time", kind="stable", ignore_index=True)
    return table.astype({"time": "datetime64[us, UTC]", "series": "category", "state": "category"})


def every_minute(*parts: tuple[int, int, str]) -> dict[int, str]:
    return {at: state for start, end, state in parts for at in range(start, end)}


def listed(bands: pd.DataFrame, name: str = "pump") -> list[tuple[str, int, int]]:
    """Return the bands of a series: state, start and end in minutes."""
    own = bands[bands["series"] == name]
    return [
        (it.state, round((it.start - START) / MINUTE), round((it.end - START) / MINUTE))
        for it in own.itertuples()
    ]


def test_equal_states_in_a_row_are_one_band() -> None:
    bands = states.bands(rows(pump=every_minute((0, 10, "on"), (10, 12, "fault"), (12, 20, "on"))))
    assert listed(bands) == [("on", 0, 10), ("fault", 10, 12), ("on", 12, 20)]
    assert list(bands["known"]) == [False, True, True]
    assert not bands["late"].any()


def test_a_gap_is_not_part_of_a_band() -> None:
    bands = states.bands(rows(pump=every_minute((0, 10, "on"), (60, 70, "on"))))
    assert listed(bands) == [("on", 0, 10), ("on", 60, 70)]


def test_a_series_that_reports_only_changes_has_no_gaps() -> None:
    bands = states.bands(rows(pump={0: "on", 5: "off", 6: "on", 300: "off"}, other={301: "on"}))
    assert listed(bands) == [("on", 0, 5), ("off", 5, 6), ("on", 6, 300), ("off", 300, 301)]


def test_the_last_band_ends_at_the_newest_row_of_all_tables() -> None:
    table = rows(pump=every_minute((0, 10, "on")))
    newest = START + 11 * MINUTE
    assert listed(states.bands(table, newest, newest)) == [("on", 0, 11)]
    now = START + 10 * MINUTE - MINUTE / 2
    (band,) = states.bands(table, START + 9 * MINUTE, now).itertuples()
    assert band.end == now, "not in the future"


def test_a_series_that_ended_earlier_is_late() -> None:
    bands = states.bands(rows(pump=every_minute((0, 10, "on")), fan=every_minute((0, 60, "off"))))
    assert listed(bands) == [("on", 0, 10)]
    assert dict(zip(bands["series"], bands["late"], strict=True)) == {"fan": False, "pump": True}
    assert bands["last"].min() == START + 9 * MINUTE


def test_a_state_that_began_before_the_window_is_shown_from_its_start() -> None:
    bands = states.bands(rows(pump=every_minute((0, 10, "on"), (10, 20, "off"), (20, 30, "on"))))
    clipped = states.clip(bands, START + 15 * MINUTE, None)
    assert listed(clipped) == [("off", 10, 20), ("on", 20, 30)]
    known = pd.DataFrame({"label": ["Pump"]}, index=["pump"])
    bars = states.timeline(clipped, known, ZoneInfo("UTC")).bars
    assert pd.Timestamp(bars["x"][0], unit="ms", tz="UTC") == START + 15 * MINUTE
    assert bars["said"][0] == "2026-01-05 00:10:00 to 2026-01-05 00:20:00<br>10 min"


def test_a_state_lasts_beyond_the_window_in_which_it_is_shown() -> None:
    hours = rows(pump=every_minute((0, 480, "off"), (480, 720, "on"), (720, 960, "off")))
    window = START + 540 * MINUTE, START + 600 * MINUTE
    clipped = states.clip(states.bands(hours), *window)
    assert listed(clipped) == [("on", 480, 720)]
    known = pd.DataFrame({"label": ["Pump"]}, index=["pump"])
    (bar,) = states.timeline(clipped, known, ZoneInfo("UTC")).bars.itertuples()
    assert bar.said == "2026-01-05 08:00:00 to 2026-01-05 12:00:00<br>4 h"
    assert pd.Timestamp(bar.x, unit="ms", tz="UTC") == window[0]
    assert bar.length == (window[1] - window[0]) / timedelta(milliseconds=1)


def test_a_band_has_times_even_if_only_whole_days_of_it_are_shown() -> None:
    bands = states.bands(rows(pump={0: "off", 480: "on", 4_800: "off"}))
    clipped = states.clip(bands, START + 1_440 * MINUTE, START + 2_880 * MINUTE)
    known = pd.DataFrame({"label": ["Pump"]}, index=["pump"])
    said = states.timeline(clipped, known, ZoneInfo("UTC")).bars["said"].item()
    assert said == "2026-01-05 08:00:00 to 2026-01-08 08:00:00<br>3 d"


def test_a_series_is_late_only_in_a_window_with_its_last_row() -> None:
    bands = states.bands(rows(pump=every_minute((0, 10, "on")), fan=every_minute((0, 60, "off"))))

    def late(start: int, end: int | None) -> bool:
        until = None if end is None else START + end * MINUTE
        found = states.clip(bands, START + start * MINUTE, until)
        return bool(found.loc[found["series"] == "pump", "late"].item())

    assert [late(*it) for it in ((0, 5), (0, 9), (5, 30), (5, None))] == [False, True, True, True]


def test_no_rows_make_no_bands() -> None:
    assert states.bands(rows()).empty


SECOND = 1_000_000


def test_a_short_critical_state_survives_thinning() -> None:
    start = np.arange(100_000) * SECOND
    level = np.zeros(len(start), int)
    level[50_001] = 3
    thinned = states.thin(start, start + SECOND, level)
    assert len(thinned.rows) <= 1_001
    assert 50_001 in thinned.rows
    assert thinned.count.sum() == len(start)
    assert (thinned.start[1:] == thinned.end[:-1]).all()


def test_long_bands_stay_as_they_are_among_short_ones() -> None:
    lengths = np.ones(5_000, int)
    lengths[2_500] = 100_000
    end = np.cumsum(lengths) * SECOND
    start = end - lengths * SECOND
    thinned = states.thin(start, end, np.zeros(len(end), int))
    (at,) = np.flatnonzero(thinned.rows == 2_500)
    assert (thinned.start[at], thinned.end[at]) == (start[2_500], end[2_500])
    assert thinned.count[at] == 1


def test_few_bands_are_all_drawn() -> None:
    start = np.arange(1_000) * SECOND
    assert len(states.thin(start, start + 1, np.zeros(1_000)).rows) == 1_000


@pytest.mark.parametrize(
    ("state", "warn", "critical", "level"),
    [
        ("on", (), (), "none"),
        ("on", ("off",), ("fault",), "ok"),
        ("off", ("off",), ("fault",), "warn"),
        ("fault", ("off",), ("fault",), "critical"),
        ("never seen", (), ("fault",), "ok"),
    ],
)
def test_a_state_is_ok_only_if_its_series_has_limits(
    state: str, warn: tuple[str, ...], critical: tuple[str, ...], level: str
) -> None:
    assert limits.rate(state, warn, critical) == level


@pytest.mark.parametrize(
    ("cell", "number", "names"),
    [
        ("70", 70.0, ("70",)),
        ("-1.5e3", -1500.0, ("-1.5e3",)),
        ("fault", np.nan, ("fault",)),
        ("fault | alarm|", np.nan, ("fault", "alarm")),
        ("4xx|", np.nan, ("4xx",)),
        (np.nan, np.nan, ()),
    ],
)
def test_limits_are_numbers_or_names(cell: Any, number: float, names: tuple[str, ...]) -> None:
    found, texts = limits.parse(cell)
    np.testing.assert_equal(found, number)
    assert texts == names


@pytest.mark.parametrize("cell", ["70 °C", "7,5", "|"])
def test_a_limit_that_is_neither_is_an_error(cell: str) -> None:
    with pytest.raises(ValueError, match="neither a number nor a state"):
        limits.parse(cell)


def test_both_tables_are_one_list_of_rows() -> None:
    readings = pd.DataFrame(
        {"time": [START, START + 2 * MINUTE], "series": ["heat", "heat"], "value": [20.0, 21.5]}
    ).astype({"time": "datetime64[us, UTC]", "series": "category"})
    both = states.together(readings, rows(pump={1: "on"}))
    assert list(both["series"]) == ["heat", "pump", "heat"]
    assert list(both["value"].fillna(0)) == [20.0, 0, 21.5]
    assert list(both["state"].astype(object).fillna("")) == ["", "on", ""]
    empty = readings.iloc[:0].assign(series=pd.Categorical([]))
    assert list(states.together(empty, rows(pump={1: "on"}))["state"]) == ["on"]


def test_a_ranking_shows_the_largest_values() -> None:
    names = [f"s{it:03}" for it in range(187)]
    one = pd.DataFrame({"item": names, "series": "wealth", "value": np.arange(187.0)})
    two = one.assign(series="health", value=-one["value"]).iloc[:3]
    table = pd.concat([one, two], ignore_index=True).astype({"series": "category"})
    largest = ranking.largest(table, ["wealth"])["wealth"]
    assert (len(largest), largest["item"].iloc[-1]) == (30, "s186")
    wide = ranking.by_item(table, ["wealth", "health"])
    assert (len(wide), wide.index[0]) == (187, "s186")
    assert ranking.written(wide["health"])[-3:] == ["-2", "-1", "0"]
    assert ranking.title("Wealth", "€", 30, 187) == "Wealth · € · 30 of 187 shown"
