from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from {{cookiecutter.project_slug}}.engine import EPOCH
from {{cookiecutter.project_slug}}.engine.sources import files
from {{cookiecutter.project_slug}}.engine.sources.files import FileSource

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day in (1, 2):
        time = pd.date_range(f"2026-01-0{day}", periods=24, freq="h", tz="UTC")
        rows = pd.DataFrame({"time": time, "series": "a", "value": 1.0})
        rows.to_parquet(tmp_path / f"{day}.parquet")
    return tmp_path


def read(path: object, since: datetime = EPOCH, zone: str = "UTC", **source: Any) -> pd.DataFrame:
    given = FileSource(path=str(path), timezone=ZoneInfo(zone), **source)
    return files.read_tables(given, since)["readings"]


def test_a_file_a_folder_and_a_url_are_read(folder: Path) -> None:
    assert len(read(folder / "1.parquet")) == 24
    assert len(read(folder)) == 48
    assert len(read(folder.as_uri())) == 48


def test_only_newer_rows_are_read(folder: Path) -> None:
    assert len(read(folder, NOON)) == 11
    old = folder / "1.parquet"
    content = bytearray(old.read_bytes())
    content[4:200] = bytes(196)  # damage the rows, not the footer that describes them
    old.write_bytes(content)
    assert len(read(folder, NOON)) == 11, "the old file's rows are not looked at"
    with pytest.raises(OSError):
        read(folder)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Oslo"])
def test_a_bucket_is_never_cut(zone: str, folder: Path) -> None:
    """Each row counts as one; rows before the bucket of `since` are not read."""
    source = {"value": "", "aggregate": "count", "every": "1d"}
    everything = read(folder, zone=zone, **source)
    for hour in range(48):
        since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour, minutes=30)
        found = read(folder, since, zone, **source)
        assert 0 < len(found) <= len(everything)
        assert list(found["value"]) == list(everything["value"])[-len(found) :]
    assert len(found) < len(everything)


@pytest.mark.parametrize(
    ("zone", "count"), [("UTC", 11), ("Asia/Tokyo", 2), ("America/New_York", 16)]
)
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_without_a_zone_are_in_the_sources_zone(
    unit: str, zone: str, count: int, folder: Path
) -> None:
    for file in folder.iterdir():
        rows = pd.read_parquet(file)
        naive = rows["time"].dt.tz_localize(None).dt.as_unit(unit)
        rows.assign(time=naive).to_parquet(file)
    since = NOON.replace(microsecond=1)  # 21 o'clock in Tokyo, 7 in New York
    assert len(read(folder, since, zone)) >= count
    assert len(read(folder, NOON, zone)) == count


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_repeated_hour_is_read_again_in_full(unit: str, tmp_path: Path) -> None:
    real = pd.date_range("2026-10-24 23:30", "2026-10-25 02:30", freq="30min", tz="UTC")
    wall = real.tz_convert("Europe/Oslo").tz_localize(None).as_unit(unit)
    rows = pd.DataFrame({"time": wall, "series": "a", "value": range(len(real))})
    rows.to_parquet(tmp_path / "a.parquet")
    for minutes, first in ((-10, 1), (10, 0), (80, 0), (110, 1), (130, 6)):
        since = datetime(2026, 10, 25, tzinfo=UTC) + timedelta(minutes=minutes)
        values = read(tmp_path, since, "Europe/Oslo")["value"]
        assert list(values) == list(range(first, len(real)))


@pytest.mark.parametrize("time", ["2026-01-02", date(2026, 1, 2)])
def test_dates_are_read_in_full(time: object, tmp_path: Path) -> None:
    rows = pd.DataFrame({"time": [time], "series": "a", "value": 1.0})
    rows.to_parquet(tmp_path / "a.parquet")
    assert [str(it)[:10] for it in read(tmp_path, NOON)["time"]] == ["2026-01-02"]


def test_an_index_that_pandas_has_stored_is_a_column(tmp_path: Path) -> None:
    time = pd.date_range("2026-01-01", periods=2, tz="UTC", name="time")
    pd.DataFrame({"oven": [1.0, 2.0]}, time).to_parquet(tmp_path / "a.parquet")
    rows = read(tmp_path, NOON - timedelta(days=1), series="", value="oven")
    assert list(rows["value"]) == [2]
