from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from my_dashboard import reading
from my_dashboard.engine import EPOCH
from my_dashboard.reading import Source
from my_dashboard.setting import Settings

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day in (1, 2):
        time = pd.date_range(f"2026-01-0{day}", periods=24, freq="h", tz="UTC")
        rows = pd.DataFrame({"time": time, "series": "a", "value": 1.0})
        rows.to_parquet(tmp_path / f"{day}.parquet")
    return tmp_path


def read(path: object, since: datetime = EPOCH, zone: str = "UTC") -> pd.DataFrame:
    return reading.read(Source(path=str(path), timezone=ZoneInfo(zone)), since)["readings"]


def test_a_file_a_folder_and_a_url_are_read(folder: Path) -> None:
    assert len(read(folder / "1.parquet")) == 24
    assert len(read(folder)) == 48
    assert len(read(folder.as_uri())) == 48


def test_a_relative_path_starts_at_the_config_file(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text('[source]\npath = "1.parquet"\n', "utf-8")
    assert len(reading.read(Settings.load(config).source, EPOCH)["readings"]) == 24


def test_only_newer_rows_are_read(folder: Path) -> None:
    assert len(read(folder, NOON)) == 11
    old = folder / "1.parquet"
    content = bytearray(old.read_bytes())
    content[4:200] = bytes(196)  # damage the rows, not the footer that describes them
    old.write_bytes(content)
    assert len(read(folder, NOON)) == 11, "the old file's rows are not looked at"
    with pytest.raises(OSError):
        read(folder)


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
    assert list(read(tmp_path, NOON)["time"]) == [time]
