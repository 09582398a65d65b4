"""Tests of reading two small files: change them with `reading.py`."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.engine import EPOCH
from {{cookiecutter.project_slug}}.reading import Source


def test_only_newer_rows_are_read(tmp_path: Path) -> None:
    for day in (1, 2):
        time = pd.date_range(f"2026-01-0{day}", periods=24, freq="h", tz="UTC")
        rows = pd.DataFrame({"time": time, "series": "a", "value": 1.0})
        rows.to_parquet(tmp_path / f"{day}.parquet")
    source = Source(path=str(tmp_path))
    assert len(reading.read(source, EPOCH)["readings"]) == 48
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert len(reading.read(source, noon)["readings"]) == 11
