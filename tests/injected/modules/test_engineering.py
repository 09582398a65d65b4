import json
import re
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from my_dashboard import engineering
from my_dashboard.engine import SettingError, Window
from my_dashboard.engine.figures import catalog, formats, importance, marks, ranges, states

SERIES = pd.DataFrame(
    {
        "label": ["Heat", "Battery"],
        "unit": ["°C", "%"],
        "warn": [70.0, 20.0],
        "critical": [80.0, 10.0],
    },
    index=pd.Index(["heat", "battery"], name="series"),
)


def readings(count: int = 3) -> pd.DataFrame:
    time = pd.date_range("2026-01-01", periods=count, freq="1min", tz="UTC")
    parts = [
        pd.DataFrame({"time": time, "series": name, "value": np.linspace(low, high, count)})
        for name, low, high in (("other", 0, 1), ("battery", 90, 15), ("heat", 20, 1234.5))
    ]
    data = pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)
    return data.astype({"series": "category"})


def test_key_figures_have_units_digits_and_states() -> None:
    heat, battery, other = engineering.kpis(readings(), SERIES)
    assert [it.name for it in (heat, battery, other)] == ["heat", "battery", "other"]
    assert (heat.change, other.change) == ("+1,214.50 in 2 min", "+1.0 in 2 min")
    assert heat.line.startswith('url("data:image/svg+xml,')
    assert (heat.label, heat.value, heat.unit, heat.low) == ("Heat", "1,234.50", "°C", "20.00")
    assert (heat.state, battery.state) == ("critical", "warn")
    assert (other.label, other.unit, other.value) == ("other", "", "1.0")


@pytest.mark.parametrize(
    ("value", "warn", "critical", "state"),
    [
        (69, 70, 80, "ok"),
        (70, 70, 80, "warn"),
        (80, 70, 80, "critical"),
        (21, 20, 10, "ok"),
        (9, 20, 10, "critical"),
        (69, 70, np.nan, "ok"),
        (99, np.nan, np.nan, "none"),
    ],
)
def test_limits(value: float, warn: float, critical: float, state: str) -> None:
    assert engineering.rate(value, warn, critical) == state


def one_series(times: pd.DatetimeIndex, values: Any = 1.0, name: str = "heat") -> pd.DataFrame:
    data = pd.DataFrame({"time": times.as_unit("us"), "series": name, "value": values})
    return data.astype({"series": "category", "value": float})


def minutes(count: int, start: str = "2026-01-05", step: str = "1min") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=count, freq=step, tz="UTC")


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([28.8, 27.55, 31.0], ["28.80", "27.55", "31.00"]),
        ([1234.56, 9.99], ["1,234.56", "9.99"]),
        ([123_456_789_012.25, 0.5], ["123,456,789,012.25", "0.50"]),
        ([48.0, 1.0], ["48", "1"]),
        ([5e-7, 4.25e-7], ["5e-7", "4.25e-7"]),
        ([1e308, 5.0], ["1e+308", "5"]),
        ([-0.0, 0.0], ["0", "0"]),
        ([-0.0004, 21.5, 22.25], ["0.00", "21.50", "22.25"]),
        ([84.61538461, 20 / 3], ["84.62", "6.67"]),
        ([0.1 + 0.2, 0.7], ["0.3", "0.7"]),
        ([1.013, 0.998], ["1.013", "0.998"]),
        ([2_812_345_678.0, 1.0], ["2,812,345,678", "1"]),
    ],
)
def test_numbers_have_the_decimals_of_their_series(values: list[float], shown: list[str]) -> None:
    digits = formats.decimals(np.array(values))
    assert [formats.number(it, digits) for it in values] == shown


def test_a_reading_looks_the_same_in_every_time_range() -> None:
    data = one_series(minutes(60), np.r_[np.full(30, 84.55), np.full(29, 84.5), 85.0])
    known = engineering.survey(data, SERIES)
    for window in (Window(), Window(timedelta(minutes=20)), Window(timedelta(0))):
        (heat,) = engineering.kpis(engineering.select(data, None, window), known)
        assert heat.value == "85.00"


def test_an_axis_of_bytes_uses_si_prefixes() -> None:
    figure = engineering.trend_figure(readings(), SERIES, ZoneInfo("UTC"))
    assert figure.layout.yaxis.exponentformat == "SI"


def test_a_late_series_shows_since_when() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    parts = [
        one_series(minutes(600), name="heat"),
        one_series(minutes(300), name="battery"),
        one_series(minutes(10, step="1h"), name="hourly"),
        one_series(minutes(9, "2026-01-01", "12h"), name="old"),
    ]
    data = pd.concat(parts).astype({"series": "category"}).sort_values("time", ignore_index=True)
    known = engineering.survey(data, SERIES)
    since = {it.label: it.since for it in engineering.kpis(data, known, tokyo)}
    assert since == {"Heat": "", "Battery": "2026-01-05 13:59", "hourly": "", "old": ""}
    (battery,) = engineering.kpis(engineering.select(data, ["battery"]), known, tokyo)
    assert battery.since == "2026-01-05 13:59", "however little of the rest is chosen"
    times = datetime(2026, 1, 5, 1), datetime(2026, 1, 5, 2)
    past = Window(start=times[0], end=times[1])
    cards = engineering.kpis(engineering.select(data, None, past), known, tokyo)
    assert not any(it.since for it in cards), "it was not late then"
    later = pd.concat([data, one_series(minutes(1, "2026-01-07"))], ignore_index=True)
    later = later.astype({"series": "category"})
    since = {it.label: it.since for it in engineering.kpis(later, SERIES, tokyo)}
    assert since["Battery"] == "2026-01-05 13:59"
    assert since["old"] == "2026-01-05 09:00"


def test_a_fast_clock_makes_no_other_series_late() -> None:
    fast = one_series(minutes(60, "2026-01-05 00:02"), name="battery")
    data = pd.concat([one_series(minutes(60)), fast]).astype({"series": "category"})
    data = data.sort_values("time", ignore_index=True)
    now = minutes(60)[-1]
    assert not any(it.since for it in engineering.kpis(data, engineering.survey(data, SERIES, now)))


def test_a_series_keeps_its_color() -> None:
    whole = engineering.describe(readings(), SERIES)["color"]
    alone = engineering.describe(engineering.select(readings(), ["battery"]), SERIES)["color"]
    assert whole["battery"] == alone["battery"] != whole["heat"]


def test_series_get_unused_colors() -> None:
    names = [f"s{it}" for it in range(24)]
    times = minutes(1)
    for listed in (0, 2, 8, 24):
        series = SERIES.reindex(names[:listed])
        for count in (4, 8):
            data = pd.concat([one_series(times, name=name) for name in names[:count]])
            known = engineering.survey(data.astype({"series": "category"}), series)
            assert known["color"].nunique() == count, (listed, count)
        assert list(known["color"][: min(listed, 8)]) == engineering.COLORS[: min(listed, 8)]


def drawn(count: int, **columns: Any) -> Any:
    """Return the lines of many series with three readings each."""
    names = [f"s{it:03}" for it in range(count)]
    data = pd.concat([one_series(minutes(3), name=name) for name in names])
    series = SERIES.reindex(names).assign(**columns)
    return trend_of(data.astype({"series": "category"}).sort_values("time"), series).data


def test_series_look_different_while_there_are_styles() -> None:
    assert {it.line.dash for it in drawn(8)} == {"solid"}
    for count in (12, 30, 48):
        assert len({(it.line.color, it.line.dash) for it in drawn(count)}) == count
    each = pd.DataFrame([(it.yaxis, it.line.color) for it in drawn(24, unit=list("abc" * 8))])
    assert (each.groupby(0)[1].nunique() == 8).all(), "each panel has all colors"


def test_two_chosen_series_have_different_colors() -> None:
    names = [f"s{it}" for it in range(100)]
    data = pd.concat([one_series(minutes(3), name=name) for name in names])
    data = data.astype({"series": "category"}).sort_values("time", ignore_index=True)
    known = engineering.survey(data, SERIES)
    alike = list(known.index[known["color"] == known["color"].iloc[0]][:2])
    figure = trend_of(engineering.select(data, alike), known)
    box = engineering.distribution_figure(engineering.select(data, alike), known)
    for it in (figure, box):
        assert len({trace.line.color for trace in it.data}) == 2
    colors = {it.name: it.line.color for it in figure.data}
    assert colors == {it.name: it.line.color for it in box.data}


def sized(**sizes: float) -> pd.DataFrame:
    """Return readings of series whose values vary around these sizes."""
    parts = [
        one_series(minutes(50), size * np.linspace(0.8, 1, 50), name.replace("_", " "))
        for name, size in sizes.items()
    ]
    data = pd.concat(parts).astype({"series": "category"})
    return data.sort_values("time", kind="stable", ignore_index=True)


def panels_of(data: pd.DataFrame, series: pd.DataFrame = SERIES) -> list[set[str]]:
    """Return the names of the series in each panel."""
    figure = trend_of(data, series)
    assert len(figure.layout.annotations) in (0, len({it.yaxis for it in figure.data}))
    axes = dict.fromkeys(it.yaxis for it in figure.data)
    return [{it.name for it in figure.data if it.yaxis == axis} for axis in axes]


def test_small_numbers_are_not_flat_lines_under_large_ones() -> None:
    assert panels_of(sized(gdp=14_000, cpi=200, rate=4, jobs=5.5)) == [
        {"cpi"},
        {"gdp"},
        {"jobs", "rate"},
    ]
    assert panels_of(sized(price=1_500, low=1_400, volume=-2e9)) == [{"low", "price"}, {"volume"}]
    assert panels_of(sized(a=1, b=2.5, c=6, d=15, e=40)) == [set("abcde")], "there is no gap"
    assert panels_of(sized(a=100, none=0)) == [{"a", "none"}]
    assert panels_of(sized(a=0, b=0)) == [{"a", "b"}]
    units = SERIES.reindex(["a", "b", "c"]).assign(unit="MB/s")
    assert panels_of(sized(a=100, b=1), units) == [{"a", "b"}], "they have the same unit"
    assert panels_of(sized(a=1e6, b=1), units) == [{"a"}, {"b"}]
    many = sized(**{f"s{it:02}": 100.0**it for it in range(20)})
    assert len(panels_of(many)) == 8
    units = SERIES.reindex(many["series"].unique()).assign(unit="MB/s")
    assert len(panels_of(many, units)) == 3, "the time axis stays in the window"


def test_panels_have_useful_titles() -> None:
    def titles(data: pd.DataFrame, series: pd.DataFrame = SERIES) -> list[str]:
        return [it.text for it in trend_of(data, series).layout.annotations if it.text]

    assert titles(sized(gdp=14_000)) == []
    assert titles(sized(gdp=14_000, rate=4)) == ["gdp", "rate"]
    assert titles(sized(heat=40, battery=80)) == ["°C", "%"]
    units = SERIES.reindex(["a", "b"]).assign(unit="USD", label=["Price", "Volume"])
    assert titles(sized(a=1, b=1e6), units) == ["USD · Price", "USD · Volume"]
    long = sized(tiny=0.01, **{f"a_rather_long_name_{it:02}": 100.0 for it in range(9)})
    assert titles(long) == ["a rather long name 00 and 8 more", "tiny"]


def test_of_many_series_the_most_important_are_shown() -> None:
    names = [f"s{it:03}" for it in range(100)]
    series = SERIES.reindex(names).assign(warn=np.nan, critical=np.nan)
    series.loc[["s050", "s060"], ["warn", "critical"]] = [[0.5, 0.7], [0.95, 1.2]]
    data = pd.concat(
        one_series(minutes(50), np.linspace(0.1 if name == "s070" else 0.99, 1, 50), name)
        for name in names
    )
    data = data.astype({"series": "category"}).sort_values("time", ignore_index=True)
    known = engineering.survey(data, series)
    some = engineering.important(data, known)
    kept = set(some["series"])
    assert kept == {*names[: engineering.MANY - 3], "s050", "s060", "s070"}
    assert [it.label for it in engineering.kpis(some, known)] == sorted(kept)
    few = engineering.select(data, names[: engineering.MANY])
    assert len(engineering.important(few, known)) == len(few)


def test_a_pattern_describes_all_series_that_match(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    rows = ["boiler temp,Boiler,°F,100,120", "* temp,,°C,70,80", "*,,bar,,", "b [m],,m,,"]
    file.write_text("\n".join(["series,label,unit,warn,critical", *rows]) + "\n", "utf-8")
    data = sized(z_temp=75, boiler_temp=75, a_temp=20, A_Temp=1, other=3)
    known = engineering.survey(data, catalog.read_series(file))
    shown = [(it.label, it.unit, it.state) for it in engineering.kpis(data, known)]
    assert shown == [
        ("Boiler", "°F", "ok"),
        ("a temp", "°C", "ok"),
        ("z temp", "°C", "warn"),
        ("A Temp", "bar", "none"),
        ("other", "bar", "none"),
    ]
    brackets = engineering.survey(sized(**{"b_[m]": 1}), catalog.read_series(file))
    assert list(brackets["unit"]) == ["m"], "brackets are no pattern"


YEAR, DAY, HOUR, MINUTE = (
    timedelta(days=365),
    *(timedelta(**{it: 1}) for it in ("days", "hours", "minutes")),
)


@pytest.mark.parametrize(
    ("span", "pace", "offered"),
    [
        (100 * YEAR, YEAR, ["5 years", "10 years", "30 years"]),
        (55 * YEAR, DAY, ["7 days", "1 year", "5 years", "30 years"]),
        (30 * DAY, MINUTE, ["5 min", "1 hour", "1 day", "7 days"]),
        (DAY, 2 * MINUTE / 60, ["5 min", "1 hour", "6 hours"]),
        (7 * DAY, HOUR, ["6 hours", "1 day"]),
        (70 * YEAR, YEAR + DAY, ["5 years", "10 years", "30 years"]),
        (3 * YEAR, 30 * DAY, ["1 year"]),
        (MINUTE, MINUTE / 60, []),
        (2 * YEAR, YEAR, []),
        (timedelta(0), timedelta(0), []),
    ],
)
def test_time_ranges_fit_the_data(span: timedelta, pace: timedelta, offered: list[str]) -> None:
    assert [formats.words(it) for it in ranges.fitting(span, pace)] == offered


def test_a_slow_series_keeps_the_digits_that_change() -> None:
    for values, shown in (
        ([372.1234567, 372.1301234, 372.1189999], "372.119"),
        ([10_132.4512345, 10_132.9123456], "10,132.91"),
        ([84.61538461, 20 / 3], "6.67"),
    ):
        digits = formats.decimals(np.array(values))
        assert formats.number(values[-1], digits) == shown


def test_a_yearly_series_that_ended_shows_its_date() -> None:
    years = pd.date_range("1950-01-01", periods=60, freq="YS", tz="UTC")
    data = pd.concat([one_series(years, name="a"), one_series(years[:40], name="b")])
    data = data.astype({"series": "category"}).sort_values("time", ignore_index=True)
    assert [it.since for it in engineering.kpis(data, SERIES)] == ["", "1989-01-01"]


@pytest.mark.parametrize("names", [["200", "404", "500"], ["1e3", "2026-01-01", "nan"]])
def test_names_that_look_like_numbers_stay_names(names: list[str]) -> None:
    box = engineering.distribution_figure(sized(**dict.fromkeys(names, 1.0)), SERIES)
    assert set(box.layout.yaxis.ticktext) == set(names)
    assert all(isinstance(it.y[0], int) for it in box.data)
    assert all(re.fullmatch("[a-z][a-z0-9-]*", it.uid) for it in box.data), "a CSS class"


def luminance(color: str) -> float:
    parts = np.array([int(color[it : it + 2], 16) / 255 for it in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("background", ["#ffffff", "#181c22"])
def test_colors_stand_out_from_the_background(background: str) -> None:
    for color in engineering.COLORS:
        dark, light = sorted((luminance(color), luminance(background)))
        assert (light + 0.05) / (dark + 0.05) >= 3, color


def test_a_chart_with_many_panels_or_series_is_higher() -> None:
    names = [f"s{it}" for it in range(8)]
    data = pd.concat([one_series(minutes(3), name=name) for name in names])
    data = data.astype({"series": "category"})
    apart = SERIES.reindex(names).assign(unit=names)
    assert trend_of(data, apart).layout.meta["min_height"] >= 8 * 130
    assert trend(one_series(minutes(3))).layout.meta["min_height"] < 400
    few, many = (
        engineering.distribution_figure(it, SERIES).layout.meta["min_height"]
        for it in (one_series(minutes(3)), data)
    )
    assert many >= few + 7 * 20


def trend_of(data: pd.DataFrame, series: pd.DataFrame) -> Any:
    return engineering.trend_figure(data, series, ZoneInfo("UTC"))


def test_long_names_that_differ_in_the_middle_keep_their_beginning() -> None:
    jobs = ("Accountant of the old school", "Advertiser of the old school")
    names = [f"{job} · {sex} · count" for job in jobs for sex in ("men", "women")]
    assert formats.shorten(names, 24) == [
        "Accountant…· men · count",
        "Accounta…· women · count",
        "Advertiser…· men · count",
        "Advertis…· women · count",
    ]


def test_long_names_are_shortened_but_stay_distinct() -> None:
    names = [f"compressor station {it:02} north hall, outlet after cooler" for it in range(12)]
    names += ["x" * 100, "y" * 100, "Heat"]
    for length in (engineering.LEGEND_NAME, engineering.AXIS_NAME):
        short = formats.shorten(names, length)
        assert len(set(short)) == len(names)
        assert max(map(len, short)) <= length
        assert short[-1] == "Heat"
        assert "07" in short[7]


def test_limits_that_are_not_numbers_are_named(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text("series,label,unit,warn,critical\na,A,%,high,90\n", "utf-8")
    with pytest.raises(SettingError, match=r"series\.csv cannot be used: .*'high'"):
        catalog.read_series(file)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("pump,,,70 °C,90", "warn of 'pump': '70 °C' is neither a number nor a state"),
        ("pump,,,70,fault", "warn = '70' and critical = 'fault' of 'pump': write two numbers"),
    ],
)
def test_limits_are_either_numbers_or_states(row: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text(f"series,label,unit,warn,critical\nheat,,,70,\n{row}\n", "utf-8")
    with pytest.raises(SettingError, match=said):
        catalog.read_series(file)


def states_of(known: str, tmp_path: Path, rows: dict[str, list[str]]) -> tuple[Any, pd.DataFrame]:
    """Return bands of one state per minute, and the series of a file."""
    file = tmp_path / "series.csv"
    file.write_text(f"series,label,unit,warn,critical\n{known}\n", "utf-8")
    parts = [
        pd.DataFrame({"time": minutes(len(of)).as_unit("us"), "series": name, "state": of})
        for name, of in rows.items()
    ]
    table = pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)
    table = table.astype({"series": "category", "state": "category"})
    return states.bands(table), catalog.read_series(file)


def test_the_card_of_a_state_shows_its_name_and_since_when(tmp_path: Path) -> None:
    rows = {
        "pump": ["on"] * 5 + ["fault"] * 5,
        "fan": ["fault"] * 10,
        "heater": ["on"] * 9 + ["off"],
    }
    known = "pump,Pump,,idle,fault|alarm\nheater,,,fault,"
    bands, series = states_of(known, tmp_path, rows)
    cards = {it.label: it for it in engineering.state_kpis(bands, series)}
    assert list(cards) == ["Pump", "heater", "fan"]
    pump, fan, heater = (cards[it] for it in ("Pump", "fan", "heater"))
    assert (pump.value, pump.state, pump.began) == ("fault", "critical", "2026-01-05 00:05")
    assert (fan.state, fan.began) == ("none", "2026-01-05 or earlier"), "unknown, so never OK"
    assert heater.state == "ok"
    bands, series = states_of("* pump,,,idle,fault", tmp_path, {"oil pump": ["on", "fault"]})
    assert engineering.state_kpis(bands, series)[0].state == "critical", (
        "a pattern sets limits, too"
    )


def test_the_worst_states_are_drawn_on_top_with_a_pattern(tmp_path: Path) -> None:
    rows = {"<pump>": ["fault", "on", "on", "idle", "idle"], "fan": ["fault"] * 2 + ["on"] * 3}
    bands, series = states_of("<pump>,,,idle,fault", tmp_path, rows)
    figure = engineering.states_figure(bands, series, ZoneInfo("UTC"))
    assert [it.name for it in figure.data] == ["fault", "on", "idle (warning)", "fault (critical)"]
    neutral, _, warning, critical = (it.marker for it in figure.data)
    assert neutral.color in engineering.STATES
    assert (warning.color, critical.color) == (engineering.WARN, engineering.CRITICAL)
    assert warning.pattern.shape and critical.pattern.shape != warning.pattern.shape
    assert figure.layout.yaxis.ticktext == ("&lt;pump&gt;", "fan")


def test_a_timeline_says_what_it_leaves_out(tmp_path: Path) -> None:
    bands, series = states_of("", tmp_path, {"pump": ["on", "off"] * 5_000})
    figure = engineering.states_figure(bands, series, ZoneInfo("UTC"))
    assert "1 of 20 states shown, the worst kept" in [it.text for it in figure.layout.annotations]
    assert sum(len(it.y) for it in figure.data) <= 1_001


def test_charts_show_bytes_in_a_unit_that_fits() -> None:
    data = sized(disk=3e9)
    series = SERIES.reindex(["disk"]).assign(label="Disk", unit="B", format="bytes", warn=2.5e9)
    figure = trend_of(data, series)
    (line,), (box,) = figure.data, engineering.distribution_figure(data, series).data
    assert (max(line.y), box.upperfence[0] < 3) == (pytest.approx(3), True)
    assert line.hovertemplate.endswith("} GB")
    assert "GB" in [it.text for it in figure.layout.annotations]
    assert [(it.y0, it.label.text) for it in figure.layout.shapes] == [(2.5, "warn 2.5 GB")]


def test_the_worst_of_many_cards_come_first() -> None:
    values = {f"s{it}": 1.0 for it in range(5)} | {"fault": 95.0, "high": 85.0}
    data = sized(**values)
    series = SERIES.reindex(list(values)).assign(label=list(values), unit="", warn=80, critical=90)
    kpis = engineering.kpis(data, series)
    assert [it.name for it in importance.worst_first(kpis)][:3] == ["fault", "high", "s0"]
    assert importance.worst_first(kpis[2:]) == kpis[2:], "a few keep their places"


def test_a_series_has_a_label_and_may_be_called_na(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text("series,label,unit,warn,critical\nNA,,%,,90\nb,B,%,,\n", "utf-8")
    assert list(catalog.read_series(file)["label"]) == ["NA", "B"]


def test_a_duplicate_series_is_named(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text("series,label,unit,warn,critical\na,A,%,,\na,B,%,,\n", "utf-8")
    with pytest.raises(SettingError, match=r"series\.csv cannot be used: .*'a'"):
        catalog.read_series(file)


def test_select_filters_by_series_and_time() -> None:
    data = engineering.select(readings(60), ["heat"], Window(timedelta(minutes=10)))
    assert set(data["series"]) == {"heat"}
    assert len(data) == 11
    assert len(engineering.select(readings(60), [])) == 180


def test_the_trend_shows_local_times_and_a_panel_per_unit() -> None:
    figure = engineering.trend_figure(readings(), SERIES, ZoneInfo("Asia/Tokyo"))
    assert [trace.name for trace in figure.data] == ["Heat", "Battery", "other"]
    assert pd.Timestamp(figure.data[0].x[0], unit="ms") == pd.Timestamp("2026-01-01 09:00")
    assert {trace.yaxis for trace in figure.data} == {"y", "y2", "y3"}


def test_charts_are_downsampled_and_peaks_stay() -> None:
    data = readings(50_000)
    data.loc[data.index[40_000], "value"] = 9e9
    figure = engineering.trend_figure(data, SERIES, ZoneInfo("UTC"))
    assert all(len(trace.x) <= engineering.POINTS for trace in figure.data)
    assert max(max(trace.y) for trace in figure.data) == 9e9


def trend(data: pd.DataFrame, zone: str = "UTC") -> Any:
    return engineering.trend_figure(data, SERIES, ZoneInfo(zone))


def holes(trace: Any) -> list[pd.Timestamp]:
    """Return the times after which a line has a gap."""
    return [pd.Timestamp(it, unit="ms", tz="UTC") for it in trace.x[np.isnan(trace.y)]]


def test_seven_hours_without_readings_are_a_gap() -> None:
    before, after = minutes(100), minutes(100, "2026-01-05 08:39")
    (trace,) = trend(one_series(before.append(after))).data
    assert holes(trace) == [before[-1]]
    assert trace.mode == "lines"
    assert len(trace.x) == 201


def test_downsampling_keeps_gaps_exact_and_all_peaks() -> None:
    before, after = minutes(50_000, step="1s"), minutes(50_000, "2026-01-06", "1s")
    data = one_series(before.append(after), np.sin(np.arange(100_000) / 5_000))
    data.loc[70_000, "value"] = 9e9
    (trace,) = trend(data).data
    assert holes(trace) == [before[-1]]
    at = int(np.flatnonzero(np.isnan(trace.y))[0])
    assert pd.Timestamp(trace.x[at + 1], unit="ms", tz="UTC") == after[0]
    assert np.nanmax(trace.y) == 9e9
    assert len(trace.x) <= engineering.POINTS


def test_a_single_reading_is_a_dot() -> None:
    (one,) = trend(one_series(minutes(1))).data
    assert (one.mode, list(one.marker.size)) == ("lines+markers", [5])
    lone, after = minutes(1, "2026-01-05 06:00"), minutes(50, "2026-01-05 12:00")
    times = minutes(50).append(lone).append(after)
    (trace,) = trend(one_series(times)).data
    assert len(holes(trace)) == 2
    dots = trace.x[np.array(trace.marker.size) > 0]
    assert list(pd.to_datetime(dots, unit="ms", utc=True)) == list(lone)


@pytest.mark.parametrize(
    "times",
    [
        pd.date_range("2026-01-01", "2026-12-31", freq="B", tz="UTC"),
        minutes(60).delete([20, 21, 40]),  # two readings are missing, then one
        minutes(500) + pd.to_timedelta(np.random.default_rng(1).uniform(-20, 20, 500), unit="s"),
        minutes(200, step="1h").append(
            minutes(700, "2026-01-13 08:00", "10s")
        ),  # more often from then on
        minutes(400_000, step="1s")[np.arange(400_000) % 400 < 20],  # so many gaps that they merge
    ],
    ids=["business days", "missing", "jitter", "another interval", "bursts"],
)
def test_usual_intervals_are_not_gaps(times: pd.DatetimeIndex) -> None:
    (trace,) = trend(one_series(times)).data
    assert not holes(trace)


def test_a_line_of_random_events_has_few_gaps() -> None:
    waits = np.random.default_rng(1).exponential(60, 1_000).cumsum()
    times = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(waits, unit="s")
    (trace,) = trend(one_series(times)).data
    assert len(holes(trace)) < 5


def test_the_chart_shows_what_it_leaves_out() -> None:
    def said(data: pd.DataFrame) -> list[str]:
        return [it.text for it in trend(data).layout.annotations[1:]]  # after the unit

    assert said(one_series(minutes(30_000))) == ["1 point per 30 min, peaks kept"]
    assert said(one_series(minutes(1_000))) == []
    apart = minutes(30_000).append(minutes(30_000, "2026-02-25"))  # 30 days between them
    assert said(one_series(apart)) == ["1 point per 1 hour, peaks kept"]
    for times, spacing in ((minutes(2_000), "2 min"), (minutes(10, step="3h"), "50 s")):
        some = pd.concat([one_series(minutes(50_000, step="1s")), one_series(times, name="b")])
        some = some.astype({"series": "category"}).sort_values("time", ignore_index=True)
        said_of_both = f"1 point per {spacing}, peaks kept"
        assert said(some)[-1] == said_of_both, (
            "the least detailed of the lines with points left out"
        )


def drawn_limits(figure: Any) -> list[tuple[str, float, str, str]]:
    return [(it.yref, it.y0, it.label.text, it.line.dash) for it in figure.layout.shapes]


def test_limits_are_drawn_where_the_data_come_near_them() -> None:
    data = one_series(minutes(50), np.linspace(40, 60, 50))
    figure = trend(data)
    assert [it[:3] for it in drawn_limits(figure)] == [
        ("y", 70, "warn 70 °C"),
        ("y", 80, "critical 80 °C"),
    ]
    assert len({it.line.dash for it in figure.layout.shapes}) == 2, "not only by color"
    near = trend(data.assign(value=data["value"] - 10))  # within a span of 20: 50 to 70
    assert [it[2] for it in drawn_limits(near)] == ["warn 70 °C"]
    assert not drawn_limits(trend(data.assign(value=data["value"] - 30)))
    assert not drawn_limits(trend(data.assign(value=20.0)))
    assert not drawn_limits(trend(data.assign(series=pd.Categorical(["other"] * 50))))


def test_limits_of_some_series_of_a_panel_name_them() -> None:
    data, names = sized(a=100, b=100, c=100), list("abc")
    known = SERIES.reindex(names).assign(label=["<A>", "B", "C"], unit="%", warn=[95, 95, np.nan])
    (limit,) = drawn_limits(trend_of(data, known))
    assert limit[2] == "warn 95 % · &lt;A&gt; and 1 more"
    (limit,) = drawn_limits(trend_of(data, known.assign(warn=95)))
    assert limit[2] == "warn 95 %"
    each = sized(**{f"s{it}": 100.0 for it in range(6)})
    known = SERIES.reindex([f"s{it}" for it in range(6)]).assign(unit="%", warn=range(90, 96))
    assert not drawn_limits(trend_of(each, known)), "six of them would explain nothing"


def test_labels_of_limits_do_not_overlap() -> None:
    known = SERIES.assign(warn=60.5, critical=61.0)
    figure = trend_of(one_series(minutes(50), np.linspace(40, 60, 50)), known)
    places = [(it.label.textposition, it.label.yanchor) for it in figure.layout.shapes]
    assert len(set(places)) == 2
    assert {side for _, side in places} == {"top"}, "there is no room above the highest line"


def test_the_label_of_a_limit_covers_no_other() -> None:
    of = [marks.Own("CPU", "%", 75, 90, 0, 100), marks.Own("Memory", "%", 80, 95, 0, 6)]
    shapes = marks.lines([of], 105, engineering.LIMITS)
    places = [it["label"]["textposition"] for it in shapes if "label" in it]
    assert len(shapes) == 4 and len(places) == 3, "the place of one is taken"
    assert len({*places}) == 3


def test_boxes_have_marks_for_their_own_limits() -> None:
    data = pd.concat([sized(a=100, b=100), sized(heat=60)]).astype({"series": "category"})
    known = SERIES.reindex(["a", "b", "heat"]).assign(unit=["%", "%", "°C"], warn=[95, np.nan, 70])
    figure = engineering.distribution_figure(data.sort_values("time"), known)
    marks = [(it.xref, it.path, it.line.color) for it in figure.layout.shapes]
    assert marks == [
        ("x", "M95.0,0.6L95.0,1.4", engineering.WARN),
        ("x2", "M70.0,-0.4L70.0,0.4", engineering.WARN),
    ]
    said = [it.text for it in figure.layout.annotations][-1]
    assert said.startswith("whiskers: 5 to 95 %") and said.endswith("warn")


def test_all_panels_share_the_time_axis_and_one_hover_label() -> None:
    figure = engineering.trend_figure(readings(), SERIES, ZoneInfo("UTC"))
    assert {trace.xaxis for trace in figure.data} == {None}
    assert figure.layout.hoversubplots == "axis"
    assert [it for it in figure.layout if it.startswith("xaxis")] == ["xaxis"]
    domains = [figure.layout[f"yaxis{it}"].domain for it in (1, 2, 3)]
    assert domains[0][1] == 1 and domains[2][0] == pytest.approx(0)
    assert all(low[0] > high[1] for low, high in pairwise(domains))


def test_of_many_lines_only_those_of_one_panel_are_in_a_hover_label() -> None:
    names = [f"s{it}" for it in range(30)]
    data = pd.concat([one_series(minutes(3), name=name) for name in names])
    data = data.astype({"series": "category"}).sort_values("time", ignore_index=True)
    figure = trend_of(data, SERIES.reindex(names).assign(unit=list("abc" * 10)))
    assert figure.layout.hoversubplots == "overlaying"
    assert trend_of(data, SERIES).layout.meta["min_height"] > 30 * 16, "it fits into the chart"


def test_lines_end_with_their_last_value() -> None:
    data = readings()
    data.loc[data["series"] == "battery", "value"] *= 1e9
    figure = engineering.trend_figure(data, SERIES, ZoneInfo("UTC"))
    ends = figure.layout.meta["ends"]
    assert [it["text"] for it in ends] == ["1,234.50", "15 G", "1.0"]
    assert [(it["x"], it["y"]) for it in ends] == [(it.x[-1], it.y[-1]) for it in figure.data]
    assert figure.layout.margin.r > 8 * 6


def test_dates_are_shown_as_dates_and_times_in_the_zone() -> None:
    zone = "America/Los_Angeles"
    days = pd.date_range("2026-03-01", periods=30, freq="D", tz=zone).tz_convert("UTC")
    figure = trend(one_series(days), zone)
    assert pd.Timestamp(figure.data[0].x[9], unit="ms") == pd.Timestamp("2026-03-10")
    assert figure.layout.xaxis.hoverformat == "%Y-%m-%d"
    assert "%H:%M:%S" in trend(one_series(days), "UTC").layout.xaxis.hoverformat
    both = pd.concat([one_series(days), one_series(minutes(60, "2026-05-01"), name="battery")])
    data = both.astype({"series": "category"}).sort_values("time", ignore_index=True)
    heat = engineering.kpis(data, SERIES, ZoneInfo(zone))[0]
    assert heat.since == "2026-03-30"


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString"])
def test_names_are_never_object_keys_in_the_browser(name: str) -> None:
    data = one_series(minutes(3), name=name)
    for figure in (trend(data), engineering.distribution_figure(data, SERIES)):
        shown = json.loads(figure.to_json())
        assert shown["data"][0].pop("name") == name, "its label stays"
        for axis in shown["layout"].values():
            if isinstance(axis, dict):
                axis.pop("ticktext", None)
        assert f'"{name}"' not in json.dumps(shown)


def test_a_label_is_not_taken_for_markup() -> None:
    series = SERIES.assign(label=["<b>T</b> < 5 & up", "Battery"])
    data = one_series(minutes(3))
    trace = engineering.trend_figure(data, series, ZoneInfo("UTC")).data[0]
    box = engineering.distribution_figure(data, series)
    assert trace.name == box.layout.yaxis.ticktext[0] == "&lt;b&gt;T&lt;/b&gt; &lt; 5 &amp; up"


def test_changes_to_a_figure_do_not_affect_others() -> None:
    data = readings()
    for draw in (trend, lambda data: engineering.distribution_figure(data, SERIES)):
        before = draw(data).to_json()
        figure = draw(data)
        for it in (figure.layout.annotations[0], figure.layout.xaxis, figure.layout.yaxis2):
            it.update(visible=False)
        figure.layout.annotations[0].font.size = 99
        figure.layout.legend.x = 0.5
        figure.layout["yaxis"]["gridcolor"] = "red"
        figure.update_layout(uirevision="another", annotations=[])
        assert draw(data).to_json() == before


def test_the_distribution_explains_its_whiskers() -> None:
    figure = engineering.distribution_figure(readings(101), SERIES)
    assert "whiskers: 5 to 95 %" in [it.text.split(" · ")[0] for it in figure.layout.annotations]
    assert [figure.layout[f"yaxis{it}"].ticktext for it in (1, 2, 3)] == [
        ("Heat",),
        ("Battery",),
        ("other",),
    ]


def test_the_distribution_matches_the_values() -> None:
    heat = engineering.distribution_figure(readings(101), SERIES).data[-1]
    assert heat.name == "Heat"
    assert heat.median[0] == pytest.approx((20 + 1234.5) / 2)
    assert heat.lowerfence[0] < heat.q1[0] < heat.median[0] < heat.q3[0] < heat.upperfence[0]


def test_figures_without_data_say_so() -> None:
    empty = readings().iloc[:0]
    assert engineering.kpis(empty, SERIES) == []
    for figure in (
        engineering.trend_figure(empty, SERIES, ZoneInfo("UTC")),
        engineering.distribution_figure(empty, SERIES),
    ):
        assert figure.layout.annotations[0].text == engineering.EMPTY
