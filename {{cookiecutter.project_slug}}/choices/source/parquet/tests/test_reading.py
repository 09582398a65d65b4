from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.setting import Settings

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day in (1, 2):
        time = pd.date_range(f"2026-01-0{day}", periods=24, freq="h", tz="UTC")
        rows = pd.DataFrame({"time": time, "series": "a", "value": 1.0})
        rows.to_parquet(tmp_path / f"{day}.parquet")
    return tmp_path


def read(settings: Settings, path: object, since: datetime | None = None) -> pd.DataFrame:
    changed = settings.model_copy(update={"source": {"path": str(path)}})
    return reading.read(changed, since)["readings"]


def test_a_file_a_folder_and_a_url_are_read(settings: Settings, folder: Path) -> None:
    assert len(read(settings, folder / "1.parquet")) == 24
    assert len(read(settings, folder)) == 48
    assert len(read(settings, folder.as_uri())) == 48


def test_only_newer_rows_are_read(settings: Settings, folder: Path) -> None:
    assert len(read(settings, folder, NOON)) == 11
    old = folder / "1.parquet"
    content = bytearray(old.read_bytes())
    content[4:200] = bytes(196)  # its rows, not the footer that says what they are
    old.write_bytes(content)
    assert len(read(settings, folder, NOON)) == 11, "the old file's rows are not looked at"
    with pytest.raises(OSError):
        read(settings, folder)


def test_times_without_a_zone_are_in_utc(settings: Settings, folder: Path) -> None:
    for file in folder.iterdir():
        rows = pd.read_parquet(file)
        rows.assign(time=rows["time"].dt.tz_localize(None)).to_parquet(file)
    assert len(read(settings, folder, NOON)) == 11
