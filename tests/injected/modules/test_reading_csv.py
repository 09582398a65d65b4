import os
from pathlib import Path
from zoneinfo import available_timezones

import pandas as pd
import pytest
from my_dashboard import reading
from my_dashboard.engine import EPOCH, SettingError
from my_dashboard.reading import Source
from my_dashboard.setting import Settings
from sites import Answer, serving

ROWS = "time,series,value\n2026-01-01T00:00:00Z,a,1\n"


def read(path: object) -> pd.DataFrame:
    return reading.read(Source(path=str(path)), EPOCH)["readings"]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The files that have been parsed."""
    files: list[object] = []
    rows = reading.rows
    monkeypatch.setattr(reading, "rows", lambda file: files.append(file) or rows(file))
    return files


def test_a_file_is_parsed_again_only_when_it_has_changed(
    tmp_path: Path, parsed: list[object]
) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(ROWS, "utf-8")
    first = read(file)
    assert read(file).equals(first)
    assert len(parsed) == 1
    file.write_text(ROWS + "2026-01-02T00:00:00Z,a,2\n", "utf-8")
    assert len(read(file)) == 2


def test_a_relative_path_starts_at_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "readings.csv").write_text(ROWS, "utf-8")
    config = tmp_path / "config.toml"
    config.write_text('[source]\npath = "readings.csv"\n', "utf-8")
    assert Path.cwd() != tmp_path
    assert len(reading.read(Settings.load(config).source, EPOCH)["readings"]) == 1


def test_changing_the_result_does_not_affect_the_next_read(tmp_path: Path) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(ROWS, "utf-8")
    for _ in range(2):
        data = read(file)
        assert list(data["value"]) == [1]
        data["value"] *= 2
        data.loc[0, "series"] = "b"


def test_a_missing_file_is_an_error_and_is_read_once_it_is_back(tmp_path: Path) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(ROWS, "utf-8")
    read(file)
    file.rename(tmp_path / "away.csv")
    with pytest.raises(FileNotFoundError):
        read(file)
    (tmp_path / "away.csv").rename(file)
    assert len(read(file)) == 1


@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {}])
def test_a_url_is_parsed_again_only_when_it_has_changed(
    headers: dict[str, str], parsed: list[object]
) -> None:
    with serving() as site:
        site.answers["/a.csv"] = Answer(ROWS, headers=headers)
        first = read(f"{site.url}/a.csv")
        assert read(f"{site.url}/a.csv").equals(first)
        assert len(parsed) == 1
        site.answers["/a.csv"] = Answer(ROWS + "2026-01-02T00:00:00Z,a,2\n")
        assert len(read(f"{site.url}/a.csv")) == 2
        with pytest.raises(OSError, match="404"):
            read(f"{site.url}/missing.csv")


def test_a_zone_that_does_not_exist_is_rejected() -> None:
    name = f"{Settings.env_prefix()}SOURCE__TIMEZONE"
    os.environ[name] = "local"
    assert Settings.load().source.timezone.key in available_timezones()
    os.environ[name] = "Norway/Oslo"
    with pytest.raises(SettingError, match=r"source\.timezone cannot be used: .*Norway/Oslo"):
        Settings.load()
