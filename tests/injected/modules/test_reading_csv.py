import os
from pathlib import Path
from zoneinfo import available_timezones

import pytest
from my_dashboard import reading
from my_dashboard.engine import EPOCH, SettingError
from my_dashboard.setting import Settings

ROWS = "time,series,value\n2026-01-01T00:00:00Z,a,1\n"
PREFIX = f"{Settings.env_prefix()}SOURCE__"


def test_a_relative_path_starts_at_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "readings.csv").write_text(ROWS, "utf-8")
    config = tmp_path / "config.toml"
    config.write_text('[source]\npath = "readings.csv"\n', "utf-8")
    assert Path.cwd() != tmp_path
    assert len(reading.read(Settings.load(config).source, EPOCH)["readings"]) == 1


def test_a_zone_that_does_not_exist_is_rejected() -> None:
    os.environ[f"{PREFIX}TIMEZONE"] = "local"
    assert Settings.load().source.timezone.key in available_timezones()
    os.environ[f"{PREFIX}TIMEZONE"] = "Norway/Oslo"
    with pytest.raises(SettingError, match=r"source\.timezone cannot be used: .*Norway/Oslo"):
        Settings.load()


@pytest.mark.parametrize(
    ("key", "value"), [("READ", '{"sep": ";", "decimal": ","}'), ("READ__SEP", ";")]
)
def test_options_may_come_from_the_environment(key: str, value: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(ROWS.replace(",", ";"), "utf-8")
    os.environ |= {f"{PREFIX}PATH": str(file), f"{PREFIX}{key}": value}
    assert list(reading.read(Settings.load().source, EPOCH)["readings"]["value"]) == [1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('separator = ";"', "source cannot be used: separator is not a setting: write sep under"),
        ("[source.read]\nseperator = 1", r"source cannot be used: .*did you mean sep\?"),
        ("[source.read]\nusecols = [[1]]", "source cannot be used: .* cannot have usecols: write"),
        ('seris = "a"', r"source\.seris is not a setting: did you mean source\.series\?"),
    ],
)
def test_an_unknown_key_names_the_right_one(line: str, said: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[source]\npath = "a.csv"\n{line}\n', "utf-8")
    with pytest.raises(SettingError, match=said):
        Settings.load(config)
