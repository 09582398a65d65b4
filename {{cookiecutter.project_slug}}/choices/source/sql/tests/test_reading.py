"""Tests of reading a small database: change them with `reading.py`."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from pydantic import SecretStr
from sqlalchemy import create_engine

from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.engine import EPOCH
from {{cookiecutter.project_slug}}.reading import Source

QUERY = "SELECT time, series, value FROM readings WHERE time > :since"


def test_only_newer_rows_are_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'readings.db'}"
    times = pd.date_range("2026-01-01", periods=48, freq="h")
    rows = pd.DataFrame({"time": times, "series": "a", "value": range(48)})
    rows.to_sql("readings", create_engine(url), index=False)
    source = Source(url=SecretStr(url), query=QUERY)
    assert len(reading.read(source, EPOCH)["readings"]) == 48
    later = reading.read(source, datetime(2026, 1, 2, 21, tzinfo=UTC))["readings"]
    assert list(later["value"]) == [46, 47]
