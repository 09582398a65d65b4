from pathlib import Path

import pandas as pd
import pytest
from my_dashboard import reading, setting
from my_dashboard.setting import SettingError, Settings
from my_dashboard.store import EPOCH
from sites import Answer, serving

ROWS = "time,series,value\n2026-01-01T00:00:00Z,a,1\n"


def read(settings: Settings, path: object) -> pd.DataFrame:
    changed = settings.model_copy(update={"source": {"path": str(path)}})
    return reading.read(changed, EPOCH)["readings"]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What has been parsed."""
    files: list[object] = []
    rows = reading.rows
    monkeypatch.setattr(reading, "rows", lambda file: files.append(file) or rows(file))
    return files


def test_a_file_is_parsed_again_only_when_it_has_changed(
    settings: Settings, tmp_path: Path, parsed: list[object]
) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(ROWS, "utf-8")
    first = read(settings, file)
    assert read(settings, file).equals(first)
    assert len(parsed) == 1
    file.write_text(ROWS + "2026-01-02T00:00:00Z,a,2\n", "utf-8")
    assert len(read(settings, file)) == 2


def test_a_relative_path_starts_at_the_config_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "readings.csv").write_text(ROWS, "utf-8")
    elsewhere = settings.model_copy(update={"config": tmp_path / "config.toml"})
    assert len(read(elsewhere, "readings.csv")) == 1


def test_steps_of_ones_own_do_not_change_what_is_read_next(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(ROWS, "utf-8")
    for _ in range(2):
        data = read(settings, file)
        assert list(data["value"]) == [1]
        data["value"] *= 2
        data.loc[0, "series"] = "b"


def test_a_file_that_is_gone_is_an_error_and_then_read_again(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(ROWS, "utf-8")
    read(settings, file)
    file.rename(tmp_path / "away.csv")
    with pytest.raises(FileNotFoundError):
        read(settings, file)
    (tmp_path / "away.csv").rename(file)
    assert len(read(settings, file)) == 1


@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {}])
def test_what_a_url_gives_is_parsed_again_only_when_it_has_changed(
    settings: Settings, headers: dict[str, str], parsed: list[object]
) -> None:
    with serving() as site:
        site.answers["/a.csv"] = Answer(ROWS, headers=headers)
        first = read(settings, f"{site.url}/a.csv")
        assert read(settings, f"{site.url}/a.csv").equals(first)
        assert len(parsed) == 1
        site.answers["/a.csv"] = Answer(ROWS + "2026-01-02T00:00:00Z,a,2\n")
        assert len(read(settings, f"{site.url}/a.csv")) == 2
        with pytest.raises(OSError, match="404"):
            read(settings, f"{site.url}/missing.csv")


@pytest.mark.parametrize("zone", ["Norway/Oslo", "local"])
def test_a_zone_that_is_none_is_refused(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{setting.PREFIX}SOURCE__TIMEZONE", zone)
    with pytest.raises(SettingError, match=rf"source\.timezone cannot be used: .*{zone}"):
        setting.load(setting.CONFIG, reading.Source, {})
