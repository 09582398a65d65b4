import os
import re
import shutil
import subprocess
import sys
import tomllib
import traceback
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
import toy
from pydantic import BaseModel
from pydantic_settings import SettingsConfigDict
from toy import PREFIX

from {{cookiecutter.project_slug}} import engine
from {{cookiecutter.project_slug}}.engine.config.types import SettingError
from {{cookiecutter.project_slug}}.engine.data.store import open_store

TOKYO = Path("/usr/share/zoneinfo/Asia/Tokyo")


def load(folder: Path, text: str = "", env: str = "", **server: Any) -> toy.Settings:
    """Load the toy's config with added text, and an .env file next to it."""
    config = folder / "config.toml"
    config.write_text(Path("config.toml").read_text("utf-8") + "\n" + text, "utf-8")
    (folder / ".env").write_text(env, "utf-8")
    return toy.Settings.load(config, server)


def test_precedence_is_command_line_environment_env_file_config(
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


def test_durations_times_and_zones_are_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}REFRESH__EVERY", "1.5h")
    monkeypatch.setenv(f"{PREFIX}REFRESH__DAILY_AT", "06:00, 18:30")
    monkeypatch.setenv(f"{PREFIX}APP__TIMEZONE", "Asia/Tokyo")
    settings = load(tmp_path)
    assert settings.refresh.every == timedelta(minutes=90)
    assert settings.refresh.daily_at == [time(6), time(18, 30)]
    assert settings.app.timezone.key == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SERVER__PORT", "abc", ["server.port", "'abc'", "integer"]),
        ("SERVER__HOST", "", ["server.host", "''", "at least 1 character"]),
        ("SERVER__SECRET_KEY", "x", ["server.secret_key", "16 characters"]),
        ("SERVER__SECRET_KEY", "change-me", ["server.secret_key", "16 characters"]),
        ("AUTH__TOKEN", "x", ["auth.token", "16 characters"]),
        ("SERVER__TRUSTED_PROXY", "localhost", ["server.trusted_proxy", "'localhost'", "address"]),
        ("SERVER__TRUSTED_PROXY", "10.0.0.1/8", ["server.trusted_proxy", "host bits", "network"]),
        ("REFRESH__HISTORY", "3000000d", ["refresh.history", "'3000000d'", "36500d or less"]),
        ("REFRESH__HISTORY", "never", ["refresh.history", "'never'", "unit", '"all"']),
        ("APP__STALE_AFTER", "all", ["app.stale_after", "'all'", "unit", '"never"']),
        ("APP__STALE_AFTER", "9" * 400 + "s", ["app.stale_after", "36500d or less"]),
        ("REFRESH__EVERY", "10", ["refresh.every", "'10'", "unit"]),
        ("REFRESH__EVERY", "0s", ["refresh.every", "'0s'", "1s or more"]),
        ("REFRESH__DAILY_AT", "25:00", ["refresh.daily_at", "'25:00'"]),
        ("REFRESH__DAILY_AT", "06:00Z", ["refresh.daily_at", "without a zone", "app.timezone"]),
        ("REFRESH__CRON", "*/5 8-25 * * *", ["'*/5 8-25 * * *'", "its hour", "mon-fri"]),
        ("REFRESH__CRON", "0 0 30 2 *", ["'0 0 30 2 *'", "its day of the month", "mon-fri"]),
        ("REFRESH__CRON", "0 0 */31 2 mon#5", ["refresh.cron", "never due", "mon-fri"]),
        ("REFRESH__CRON", "hourly", ["refresh.cron = 'hourly'", "five fields", "mon-fri"]),
        ("REFRESH__CRON", "* * * * * *", ["refresh.cron", "five fields", "mon-fri"]),
        ("REFRESH__WORKER", "magic", ["refresh.worker", "'magic'", "'thread'"]),
        ("APP__TIMEZONE", "Berlin", ["app.timezone", "'Berlin'", 'as in "Europe/Oslo"']),
        ("SOURCE__NONSENSE", "1", [f"{PREFIX}SOURCE__NONSENSE", "is not a setting"]),
    ],
)
def test_an_error_names_the_invalid_setting(
    name: str, value: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingError) as error:
        load(tmp_path)
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


def test_either_times_of_day_or_a_cron_expression_can_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cron = "*/5 8-18 * * mon-fri"
    monkeypatch.setenv(f"{PREFIX}REFRESH__CRON", cron)
    assert load(tmp_path).refresh.cron == cron
    monkeypatch.setenv(f"{PREFIX}REFRESH__DAILY_AT", "06:00")
    remedy = "refresh.daily_at is set, too: remove one of them"
    with pytest.raises(SettingError, match=re.escape(f"'{cron}' cannot be used: {remedy}")):
        load(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows ignores TZ")
@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (f":{TOKYO}", "Asia/Tokyo"),
        (":copy", "Asia/Tokyo"),
        ("CET-1CEST", "app.timezone = 'local' cannot be used: "),
    ],
)
def test_the_local_zone_can_be_pickled(zone: str, words: str, tmp_path: Path) -> None:
    if zone.startswith(":") and not TOKYO.exists():
        pytest.skip("the zones are elsewhere")
    if zone == ":copy":
        zone = f":{shutil.copy(TOKYO, tmp_path / 'localtime')}"
    script = """
import pickle, toy
try:
    print(pickle.loads(pickle.dumps(toy.Settings.load())).app.timezone)
except toy.engine.SettingError as error:
    print(error)
"""
    folder = str(Path(toy.__file__).parent)
    command = [sys.executable, "-c", script]
    env = {**os.environ, "TZ": zone, "PYTHONPATH": folder}
    found = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    assert words in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port = \n", ["config.toml is not valid TOML", "line "]),
        ("[auths]\nusers = { ann = 'hush' }", ["'auths' is not a section", "did you mean auth?"]),
        ("[Auth]\nusers = { ann = 'hush' }", ["'Auth' is not a section", "did you mean auth?"]),
        ("[surplus]\npassword = 'hush'", ["'surplus' is not a section"]),
        ("[surplus]\nusers = 'hush'", ["'surplus' is not a section"]),
    ],
)
def test_an_error_names_the_invalid_config_file(
    text: str, words: list[str], tmp_path: Path
) -> None:
    with pytest.raises(SettingError) as error:
        load(tmp_path, text)
    assert all(word in str(error.value) for word in words), error.value
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "mistyped", "said"),
    [
        ("secret_key", "server.secret_kye", "did you mean server.secret_key?"),
        ("users", "auth.usres", "did you mean auth.users?"),
        ("session", "auth.hush", "rename or remove it"),
    ],
)
def test_an_error_names_a_misspelled_key_in_the_config_file(
    key: str, mistyped: str, said: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    text = Path("config.toml").read_text("utf-8")
    name = mistyped.partition(".")[2]
    config.write_text(text.replace(f"\n{key} =", f"\n{name} ="), "utf-8")
    with pytest.raises(SettingError, match=re.escape(f"{mistyped} is not a setting: {said}")):
        toy.Settings.load(config)


def test_an_error_names_a_missing_config_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"missing\.toml does not exist"):
        toy.Settings.load(tmp_path / "missing.toml")


def test_the_config_file_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(Path("config.toml").read_text("utf-8"), "utf-8-sig")
    assert toy.Settings.load(config).server.port == 8050
    config.write_text(Path("config.toml").read_text("utf-8"), "utf-16")
    with pytest.raises(SettingError, match="is not UTF-8"):
        toy.Settings.load(config)


def test_paths_are_relative_to_the_config_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    monkeypatch.setenv(f"{PREFIX}LOG__FILE", "dashboard.log")
    monkeypatch.setenv(f"{PREFIX}STORE__URL", "file://the%20store")
    settings = load(folder)
    assert settings.config.parent == folder
    assert settings.log.file == str(folder / "dashboard.log")
    open_store(settings.store.url, toy.NAME, toy.TABLES).sync()
    assert (folder / "the store").is_dir()
    monkeypatch.setenv(f"{PREFIX}LOG__FILE", str(tmp_path / "mine.log"))
    monkeypatch.setenv(f"{PREFIX}STORE__URL", (tmp_path / "mine").as_uri())
    settings = load(folder)
    assert settings.log.file == str(tmp_path / "mine.log")
    open_store(settings.store.url, toy.NAME, toy.TABLES).sync()
    assert (tmp_path / "mine").is_dir()


class Remote(BaseModel, extra="forbid"):
    params: dict[str, bool | float | str] = {}
    columns: list[str] = []


class RemoteSettings(engine.Settings[Remote]):
    model_config = SettingsConfigDict(env_prefix=PREFIX)


def test_a_table_in_the_environment_is_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[source.params]\na = 1\nkept = true", "utf-8")
    monkeypatch.setenv(f"{PREFIX}SOURCE__PARAMS", '{"a": 1.50, "b": "x"}')
    monkeypatch.setenv(f"{PREFIX}SOURCE__PARAMS__C", "1e3")
    monkeypatch.setenv(f"{PREFIX}SOURCE__COLUMNS", '["a", "b"]')
    source = RemoteSettings.load(config).source
    assert source.params == {"a": 1.5, "kept": True, "b": "x", "c": "1e3"}
    assert source.columns == ["a", "b"]


def test_a_list_in_the_environment_must_be_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}SERVER__CSP_SOURCES", "https://tile.example.org")
    with pytest.raises(SettingError, match=r"server.*write JSON"):
        load(tmp_path)


def test_the_secret_is_not_shown(tmp_path: Path) -> None:
    settings = load(tmp_path, env=f"{PREFIX}SERVER__SECRET_KEY=hush-hush-hush-hush")
    assert settings.server.secret_key.get_secret_value() == "hush-hush-hush-hush"
    assert "hush" not in repr(settings)
    with_source = settings.model_copy(update={"source": {"url": "postgresql://me:hush@db"}})
    assert "hush" not in repr(with_source)


@pytest.mark.parametrize(
    "text",
    [
        "[source.params]\nkey = ['hush']",
        "[source]\nsecret_kee = 'hush'",
        "[surplus]\nkey = 'hush'",
        "[auth]\nusers = { ann = 'hush' }",
        "[auth]\ntoken = ['hush']",
        "[auth]\ntokens = 'hush'",
    ],
)
def test_an_error_about_a_setting_shows_no_secret(text: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text, "utf-8")
    with pytest.raises(SettingError) as caught:
        RemoteSettings.load(config)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


def test_an_error_about_the_store_shows_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}STORE__URL", "postgres://me:hush@host")
    with pytest.raises(SettingError, match=r"^store\.url cannot be used: write") as caught:
        load(tmp_path)
    assert "hush" not in str(caught.value)
