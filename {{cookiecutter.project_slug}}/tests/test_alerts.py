"""Tests of what alerts are sent about: change them with `alerts.py`."""

import pandas as pd
import pytest

from {{cookiecutter.project_slug}} import alerts, engineering, preprocess
from {{cookiecutter.project_slug}}.engine import Tables

SERIES = pd.DataFrame(
    {
        "label": ["Heat", "Load", "Pump"],
        "unit": ["°C", "", ""],
        "warn": [70.0, 0.9, float("nan")],
        "critical": [80.0, 1.0, float("nan")],
        "warn_states": [(), (), ("idle",)],
        "critical_states": [(), (), ("fault",)],
        "format": ["", "percent", ""],
    },
    index=pd.Index(["heat", "load", "pump"], name="series"),
)


def test_the_newest_value_of_each_series_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engineering, "known_series", lambda: SERIES)
    time = pd.date_range("2026-01-01", periods=3, freq="1min", tz="UTC")
    rows = pd.DataFrame({"time": time, "series": pd.Categorical(["heat", "heat", "load"])})
    texts = pd.Categorical(["fault", "fault", "on"])
    states = rows.assign(series=pd.Categorical(["pump"] * 3), state=texts)
    tables = Tables({"readings": rows.assign(value=[20.0, 81.5, 0.93]), "states": states})
    found = alerts.conditions(tables)
    assert {name: tuple(it) for name, it in found.items()} == {
        "heat": ("critical", "Heat: 81.5 °C"),
        "load": ("warn", "Load: 93 %"),
        "pump": ("ok", "Pump: on"),
    }


def test_without_rows_there_is_nothing_to_report() -> None:
    tables = Tables({name: it.empty() for name, it in preprocess.TABLES.items()})
    assert alerts.conditions(tables) == {}
