from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from {{cookiecutter.project_slug}}.engine import SettingError
from {{cookiecutter.project_slug}}.engine.data.points import Points
from {{cookiecutter.project_slug}}.engine.figures import (
    catalog,
    changes,
    sparklines,
    units,
)

SECOND = 1_000_000


def row(kind: str, unit: str = "", decimals: int | None = 1) -> Any:
    fixed = units.fixed(kind)
    unit, digits = units.implied(kind, unit), decimals if fixed is None else fixed
    return SimpleNamespace(format=kind, unit=unit, decimals=digits)


@pytest.mark.parametrize(
    ("kind", "unit", "value", "shown"),
    [
        ("bytes", "", 1.4e9, "1.4 GB"),
        ("bytes", "B/s", 0.0, "0 B/s"),
        ("bytes", "B", 999_600, "1 MB"),
        ("bytes", "MB/s", 0.0035, "3.5 kB/s"),
        ("bytes", "MB/s", -1234.0, "-1.23 GB/s"),
        ("bytes", "GiB", 0.5, "512 MiB"),
        ("bytes", "KB", 12.0, "12 kB"),
        ("bytes", "EB", 123_456.0, "123,456 EB"),
        ("duration", "", 7_500, "2 h 5 min"),
        ("duration", "ms", 350, "350 ms"),
        ("duration", "", 12.34, "12.3 s"),
        ("duration", "", 59.99, "1 min"),
        ("duration", "", 0.9996, "1 s"),
        ("duration", "", 0.9994, "999 ms"),
        ("duration", "s", 59 * 60 + 30, "59 min 30 s"),
        ("duration", "min", 23 * 60 + 31, "23 h 31 min"),
        ("duration", "", 2 * 86_400 - 1, "1 d 23 h"),
        ("duration", "", 86_399.6, "1 d"),
        ("duration", "min", -90, "-1 h 30 min"),
        ("duration", "h", 75, "3 d 3 h"),
        ("duration", "d", 3 + 1 / 2880, "3 d"),
        ("duration", "", 0, "0 s"),
        ("money:EUR", "", 1234.5, "1,234.50 €"),
        ("money:EUR", "€/h", 0.125, "0.12 €/h"),
        ("money:JPY", "", 1234.5, "1,234 ¥"),
        ("money:CHF", "", 2, "2.00 CHF"),
        ("percent", "", 0.425, "42.5 %"),
        (".2f", "W", 3.14159, "3.14 W"),
        (".0f", "", 2.6, "3 "),
        ("", "W", 2.64, "2.6 W"),
    ],
)
def test_values_are_written_in_a_unit_that_fits(
    kind: str, unit: str, value: float, shown: str
) -> None:
    number, unit = units.parts(value, row(kind, unit, 3 if kind == "percent" else 1))
    assert f"{number} {unit}" == (shown if unit or shown.endswith(" ") else f"{shown} ")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            "°C,,,bytes,",
            "format of 'a': with 'bytes', write a unit such as B, MB/s or GiB, not '°C'",
        ),
        ("year,,,duration,", "format of 'a': with 'duration', write one of ms, s, min, h, d"),
        ("%,,,percent,", "format of 'a': with 'percent', 0.42 is shown as 42 %: leave the unit"),
        (",,,money:euro,", "format of 'a': 'money:euro' is not a format: write bytes, duration"),
        (",,,,red", "color of 'a': 'red' is not a color: write one such as #724fd9"),
    ],
)
def test_a_format_or_color_that_cannot_be_used_is_named(
    cells: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "series.csv"
    file.write_text(f"series,label,unit,warn,critical,format,color\na,A,{cells}\n", "utf-8")
    with pytest.raises(SettingError) as caught:
        catalog.read_series(file)
    assert f"{file} cannot be used: {said}" in str(caught.value)


def test_both_columns_are_optional_but_no_other(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text("series,label,unit,warn,critical\na,A,W,1,2\n", "utf-8")
    assert catalog.read_series(file).loc["a", ["format", "color", "unit"]].tolist() == ["", "", "W"]
    file.write_text("series,format,label,warn,critical,unit\nb,bytes,,,,\n", "utf-8")
    assert catalog.read_series(file).loc["b", ["format", "unit"]].tolist() == ["bytes", "B"]
    file.write_text("series,label,unit,warn\na,A,W,1\n", "utf-8")
    with pytest.raises(SettingError, match="the column 'critical' is missing"):
        catalog.read_series(file)


def surveyed(values: dict[str, list[float]], **columns: list[Any]) -> pd.DataFrame:
    """Return the survey of series with values, a minute apart, and columns of series.csv."""
    size = len(next(iter(values.values())))
    time = pd.date_range("2026-01-05", periods=size, freq="1min", tz="UTC").as_unit("us")
    parts = [pd.DataFrame({"time": time, "series": it, "value": of}) for it, of in values.items()]
    rows = pd.concat(parts, ignore_index=True).astype({"series": "category", "value": float})
    base = {"label": list(values), "unit": "", "warn": np.nan, "critical": np.nan}
    series = pd.DataFrame({**base, **columns}, index=pd.Index(list(values), name="series"))
    return catalog.survey(rows, series, ["#111111", "#222222"])


def test_a_chart_shows_a_panel_in_one_unit() -> None:
    known = surveyed(
        {"a": [2e9, 3e9], "b": [5e6, 4e8], "c": [0.5, 0.25], "d": [20.0, 30.0], "e": [9e4, 5.0]},
        unit=["B", "B", "", "%", "s"],
        format=["bytes", "bytes", "percent", "", "duration"],
        warn=[1e9, np.nan, 0.4, 25.0, np.nan],
    )
    assert known["panel"].tolist() == [0, 0, 1, 1, 2], "percent and % are alike"
    shown = units.on_axes(known)
    assert shown["unit"].tolist() == ["GB", "GB", "%", "%", "d"]
    assert (shown["factor"] * 1e9)[["a", "b"]].tolist() == pytest.approx([1, 1])
    assert shown["factor"][["c", "d"]].tolist() == [100, 1]
    assert shown["warn"].dropna().tolist() == pytest.approx([1, 40, 25])
    assert shown["decimals"].tolist() == [2, 2, 0, 0, 2]


def test_a_series_has_its_own_color_even_if_another_would_have_it() -> None:
    values = {it: [1.0, 2.0] for it in "abc"}
    known = surveyed(values, color=["", "#111111", "#abc"])
    assert known["color"].tolist() == ["#222222", "#111111", "#abc"]
    assert set(known["dash"]) == {"solid"}


@pytest.mark.parametrize(
    ("kind", "first", "last", "seconds", "said"),
    [
        ("", 50.0, 52.14, 3598, "+2.1 in 1 h"),
        ("", 52.1, 50.0, 24_000, f"{changes.MINUS}2.1 in 6.7 h"),
        ("", 50.0, 50.01, 3420, "±0.0 in 57 min"),
        ("bytes", 1e9, 1.12e9, 43 * 86_400, "+120 MB in 43 d"),
        ("duration", 7500.0, 7200.0, 5, f"{changes.MINUS}5 min in 5 s"),
        ("percent", 0.4, 0.5, 86_400, "+10 in 1 d"),
        ("", 1.0, 2.0, 0, ""),
        ("", -1.7e308, 1.7e308, 60, ""),
    ],
)
def test_a_change_has_a_sign_and_the_time_it_took(
    kind: str, first: float, last: float, seconds: int, said: str
) -> None:
    times = np.array([0, seconds * SECOND])
    assert changes.change(times, np.array([first, last]), row(kind)) == said


def test_no_change_has_no_sign_whatever_the_unit() -> None:
    times, values = np.array([0, 3600 * SECOND]), np.array([5.0, 5.0])
    said = changes.change(times, values, row("bytes", "B/15min"))
    assert said == f"{changes.NONE}0 B/15min in 1 h"


def test_a_value_may_be_written_with_its_unit() -> None:
    rows = {"percent": 0.93, "duration": 90_061.0, "bytes": 2.5e9, "": 21.5}
    texts = [units.with_unit(value, row(kind, decimals=2)) for kind, value in rows.items()]
    assert texts == ["93 %", "1 d 1 h", "2.5 GB", "21.50"]


def drawn(times: Any, value: Any) -> str:
    """Return the path of a series' line; times are in seconds."""
    own = Points(np.asarray(times) * SECOND, np.asarray(value, float))
    image = sparklines.image(own, own.time[0], own.time[-1], SECOND)
    assert image == sparklines.draw(own.time, np.arange(len(own)), own.value, SECOND)
    assert len(image) < 400
    return image.partition(" d='")[2].partition("'")[0]


def test_a_sparkline_is_small_and_shows_peaks_and_gaps() -> None:
    assert drawn([0, 1], [5, 6]) == "m 0 20 1 0-1 0 99-20"
    assert drawn([0, 1], [3, 3]) == "m 0 10 1 0-1 0 99 0"
    assert drawn([0], [1]) == "", "a line needs two readings"
    assert "nan" not in drawn([0, 1, 2], [1.7e308, -1.7e308, 0])
    peak = np.zeros(100_000)
    peak[70_123] = 1
    assert "-20" in drawn(np.arange(100_000), peak)
    assert drawn(np.arange(100_000), np.random.default_rng(1).normal(size=100_000)).count("m") == 1
    assert drawn(np.r_[0:500, 800:1300], np.zeros(1_000)).count("m") == 2
