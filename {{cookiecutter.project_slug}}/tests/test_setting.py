import os
import subprocess
import sys
import tomllib
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest

from {{cookiecutter.project_slug}} import reading, setting
from {{cookiecutter.project_slug}}.setting import PREFIX, SettingError, Settings

TOKYO = Path("/usr/share/zoneinfo/Asia/Tokyo")


def load(folder: Path, text: str = "", env: str = "", **server: Any) -> Settings:
    """Load the project's own config with a text added, and an .env beside it."""
    config = folder / "config.toml"
    config.write_text(Path("config.toml").read_text("utf-8") + "\n" + text, "utf-8")
    (folder / ".env").write_text(env, "utf-8")
    return setting.load(config, reading.Source, server)


def test_the_order_is_command_line_environment_env_file_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tomllib.loads(Path("config.toml").read_text("utf-8"))
    assert load(tmp_path).server.port == config["server"]["port"]
    env = f"OTHER=1\n{PREFIX}SERVER__PORT=1001\n{PREFIX}SERVER__THREADS=3"
    assert load(tmp_path, env=env).server.port == 1001
    monkeypatch.setenv(f"{PREFIX}SERVER__PORT", "1002")
    settings = load(tmp_path, env=env)
    assert (settings.server.port, settings.server.threads) == (1002, 3)
    assert load(tmp_path, env=env, port="1003").server.port == 1003


def test_durations_times_and_zones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}REFRESH__EVERY", "1.5h")
    monkeypatch.setenv(f"{PREFIX}REFRESH__DAILY_AT", "06:00, 18:30")
    monkeypatch.setenv(f"{PREFIX}APP__TIMEZONE", "Asia/Tokyo")
    settings = load(tmp_path)
    assert settings.refresh.every == timedelta(minutes=90)
    assert settings.refresh.daily_at == [time(6), time(18, 30)]
    assert settings.app.timezone.key == "Asia/Tokyo"
    assert settings.refresh.period == timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SERVER__PORT", "abc", ["server.port", "'abc'", "integer"]),
        ("SERVER__PROT", "1", ["server.prot", "names no setting"]),
        ("REFRESH__EVERY", "10", ["refresh.every", "'10'", "unit"]),
        ("REFRESH__EVERY", "0s", ["refresh.every", "'0s'", "1s or more"]),
        ("REFRESH__DAILY_AT", "25:00", ["refresh.daily_at", "'25:00'"]),
        ("REFRESH__DAILY_AT", "06:00Z", ["refresh.daily_at", "without a zone", "app.timezone"]),
        ("REFRESH__WORKER", "magic", ["refresh.worker", "'magic'", "'thread'"]),
        ("APP__TIMEZONE", "Nowhere", ["app.timezone", "'Nowhere'", "timezone"]),
        ("SOURCE__NONSENSE", "1", ["source.nonsense", "names no setting"]),
        ("NONSENSE", "1", [f"{PREFIX}NONSENSE", "names no setting"]),
        ("SERVE__PORT", "1", [f"{PREFIX}SERVE__PORT", "names no setting"]),
    ],
)
def test_a_bad_setting_is_named(
    name: str, value: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingError) as error:
        load(tmp_path)
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.name == "nt", reason="there TZ says nothing")
@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (f":{TOKYO}", "Asia/Tokyo"),
        ("CET-1CEST", "app.timezone = 'local' cannot be used: "),
    ],
)
def test_the_zone_of_this_computer_can_be_sent_to_another_process(zone: str, words: str) -> None:
    if zone.startswith(":") and not TOKYO.exists():
        pytest.skip("the zones are elsewhere")
    script = f"""
import pickle
from {setting.__name__.partition(".")[0]} import reading, setting
try:
    settings = setting.load(setting.CONFIG, reading.Source, dict())
    print(pickle.loads(pickle.dumps(settings)).app.timezone)
except setting.SettingError as error:
    print(error)
"""
    command, env = [sys.executable, "-c", script], {**os.environ, "TZ": zone}
    found = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    assert words in found


def test_a_bad_config_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"config\.toml, or \.env beside it, cannot be read"):
        load(tmp_path, "[server")
    with pytest.raises(SettingError, match="surplus"):
        load(tmp_path, "[surplus]\nkey = 1")
    with pytest.raises(SettingError, match=r"missing\.toml does not exist"):
        setting.load(tmp_path / "missing.toml", reading.Source, {})


def test_the_secret_is_not_shown(tmp_path: Path) -> None:
    settings = load(tmp_path, env=f"{PREFIX}SERVER__SECRET_KEY=hush")
    assert settings.server.secret_key.get_secret_value() == "hush"
    assert "hush" not in repr(settings)
