"""Tests of figures and key figures with a few readings: change them with `engineering.py`."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from {{cookiecutter.project_slug}} import engineering
from {{cookiecutter.project_slug}}.engine import Window

SERIES = pd.DataFrame(
    {"label": ["Heat"], "unit": ["°C"], "warn": [70.0], "critical": [80.0]},
    index=pd.Index(["heat"], name="series"),
)


@pytest.fixture
def readings() -> pd.DataFrame:
    """Three readings of one series, a minute apart."""
    time = pd.date_range("2026-01-01", periods=3, freq="1min", tz="UTC")
    data = pd.DataFrame({"time": time, "series": "heat", "value": [20.0, 30.0, 81.5]})
    return data.astype({"series": "category"})


def test_a_key_figure_has_its_unit_and_state(readings: pd.DataFrame) -> None:
    (heat,) = engineering.kpis(readings, SERIES)
    assert (heat.label, heat.value, heat.unit, heat.state) == ("Heat", "81.5", "°C", "critical")


def test_a_viewer_chooses_series_and_time(readings: pd.DataFrame) -> None:
    assert len(engineering.select(readings, ["heat"], Window(timedelta(minutes=1)))) == 2
    assert engineering.select(readings, ["another"]).empty


def test_the_figures_show_the_readings(readings: pd.DataFrame) -> None:
    (line,) = engineering.trend_figure(readings, SERIES, ZoneInfo("UTC")).data
    assert (line.name, list(line.y)) == ("Heat", [20.0, 30.0, 81.5])
    (box,) = engineering.distribution_figure(readings, SERIES).data
    assert (box.name, list(box.median)) == ("Heat", [30.0])
