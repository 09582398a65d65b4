from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from {{cookiecutter.project_slug}} import engineering
from {{cookiecutter.project_slug}}.setting import SettingError

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
    assert (heat.label, heat.value, heat.unit, heat.low) == ("Heat", "1,234", "°C", "20")
    assert (heat.state, battery.state, other.state) == ("critical", "warn", "ok")
    assert (other.label, other.unit, other.value) == ("other", "", "1.00")


@pytest.mark.parametrize(
    ("value", "warn", "critical", "state"),
    [
        (69, 70, 80, "ok"),
        (70, 70, 80, "warn"),
        (80, 70, 80, "critical"),
        (21, 20, 10, "ok"),
        (9, 20, 10, "critical"),
    ],
)
def test_limits(value: float, warn: float, critical: float, state: str) -> None:
    assert engineering.rate(value, warn, critical) == state


def test_a_color_goes_with_its_series() -> None:
    whole = engineering.describe(readings(), SERIES)["color"]
    alone = engineering.describe(engineering.select(readings(), ["battery"]), SERIES)["color"]
    assert whole["battery"] == alone["battery"] != whole["heat"]


def test_limits_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text("series,label,unit,warn,critical\na,A,%,high,90\n", "utf-8")
    with pytest.raises(SettingError, match=r"series\.csv cannot be used: .*'high'"):
        engineering.read_series(file)


def test_a_series_has_a_label_and_may_be_called_na(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text("series,label,unit,warn,critical\nNA,,%,,90\nb,B,%,,\n", "utf-8")
    assert list(engineering.read_series(file)["label"]) == ["NA", "B"]


def test_a_series_that_is_there_twice_is_named(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text("series,label,unit,warn,critical\na,A,%,,\na,B,%,,\n", "utf-8")
    with pytest.raises(SettingError, match=r"series\.csv cannot be used: .*'a'"):
        engineering.read_series(file)


def test_selecting_by_series_and_time() -> None:
    data = engineering.select(readings(60), ["heat"], timedelta(minutes=10))
    assert set(data["series"]) == {"heat"}
    assert len(data) == 11
    assert len(engineering.select(readings(60), [], None)) == 180


def test_the_trend_shows_the_clock_of_the_zone_and_a_panel_for_each_unit() -> None:
    figure = engineering.trend_figure(readings(), SERIES, ZoneInfo("Asia/Tokyo"))
    assert [trace.name for trace in figure.data] == ["Heat", "Battery", "other"]
    assert pd.Timestamp(figure.data[0].x[0], unit="ms") == pd.Timestamp("2026-01-01 09:00")
    assert {trace.yaxis for trace in figure.data} == {"y", "y2", "y3"}


def test_no_more_points_are_drawn_than_a_screen_shows_and_peaks_stay() -> None:
    data = readings(50_000)
    data.loc[data.index[40_000], "value"] = 9e9
    figure = engineering.trend_figure(data, SERIES, ZoneInfo("UTC"))
    assert all(len(trace.x) <= engineering.POINTS for trace in figure.data)
    assert max(max(trace.y) for trace in figure.data) == 9e9


def test_the_distribution_is_that_of_the_values() -> None:
    heat = engineering.distribution_figure(readings(101), SERIES).data[-1]
    assert heat.name == "Heat"
    assert heat.median[0] == pytest.approx((20 + 1234.5) / 2)
    assert heat.lowerfence[0] < heat.q1[0] < heat.median[0] < heat.q3[0] < heat.upperfence[0]


def test_no_data_say_so() -> None:
    empty = readings().iloc[:0]
    assert engineering.kpis(empty, SERIES) == []
    for figure in (
        engineering.trend_figure(empty, SERIES, ZoneInfo("UTC")),
        engineering.distribution_figure(empty, SERIES),
    ):
        assert "No data" in figure.layout.annotations[0].text
