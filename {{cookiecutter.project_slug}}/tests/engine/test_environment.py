import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import SettingsConfigDict
from toy import Source

from {{cookiecutter.project_slug}} import engine
from {{cookiecutter.project_slug}}.engine.config.types import SettingError

HASH = "scrypt:32768:8:1$salt$" + "0f" * 32
USERS = json.dumps({"ann": HASH})
SECRET = "a-secret-of-many-characters"
PREFIX, SINGLE = "MY_TOY__", "MY_TOY_"


class Settings(engine.Settings[Source]):
    model_config = SettingsConfigDict(env_prefix=PREFIX)


def load(folder: Path, env: str | bytes = "", config: str = "", **server: Any) -> Settings:
    """Load the toy's config, or another one, with an .env file next to it."""
    text = config or Path("config.toml").read_text("utf-8")
    (folder / "config.toml").write_text(text, "utf-8")
    (folder / ".env").write_bytes(env.encode() if isinstance(env, str) else env)
    return Settings.load(folder / "config.toml", server)


def test_settings_are_read_from_the_env_file(tmp_path: Path) -> None:
    lines = ["\ufeff", "# a comment", f"{PREFIX}AUTH__USERS='{USERS}'"]
    lines += [f"export {PREFIX}SERVER__PORT = 1001 # here"]
    settings = load(tmp_path, "\r\n".join(lines))
    assert (list(settings.auth.users), settings.server.port) == (["ann"], 1001)
    assert PREFIX + "AUTH__USERS" not in os.environ, "programs started from here do not need it"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{PREFIX}AUTH__USERS='{USERS}", ["quote"]),
        (f'{PREFIX}SERVER__SECRET_KEY="{SECRET}', ["quote"]),
        (f"{PREFIX}SERVER__SECRET_KEY='{SECRET}' more", ["quote"]),
        (f"{PREFIX}SERVER__SECRET_KEY: {SECRET}", ["KEY=value"]),
        (f"SET {PREFIX}SERVER__SECRET_KEY={SECRET}", ["KEY=value"]),
        (f"OTHER='{SECRET}", ["quote"]),
        (f"OTHER=1 {PREFIX}SERVER__SECRET_KEY={SECRET}", ["runs on"]),
        (f"OTHER=1\u2028{PREFIX}SERVER__SECRET_KEY={SECRET}", ["runs on"]),
        (f"{PREFIX}AUTH__USERS", ["AUTH__USERS", "no value"]),
        (f"{PREFIX}AUTH__USERS=", ["AUTH__USERS", "empty"]),
        (PREFIX + "AUTH__USERS={}", ["AUTH__USERS", "empty"]),
        (PREFIX + "AUTH__USERS='{ }'", ["AUTH__USERS", "empty"]),
        (f"{PREFIX}SERVER__SECRET_KEY=''", ["SECRET_KEY", "empty"]),
        (f"\"{PREFIX}AUTH__USERS\"='{USERS}'", ["AUTH__USERS", "not a valid name"]),
        (f"{PREFIX.replace('__', '.')}AUTH.USERS='{USERS}'", ["not a valid name"]),
        (f"{PREFIX}AUTH__TOKEN=", ["TOKEN", "empty"]),
        (f"{PREFIX}AUTH__USERS='{USERS[:-1]}'", ["AUTH__USERS", "JSON"]),
        (f"{PREFIX}AUTH__USER='{USERS}'", [f"did you mean {PREFIX}AUTH__USERS?"]),
        (f"{PREFIX}AUHT__USERS='{USERS}'", [f"did you mean {PREFIX}AUTH__USERS?"]),
        (f"{PREFIX}AUTH_USERS='{USERS}'", [f"did you mean {PREFIX}AUTH__USERS?"]),
        (f"{PREFIX}AUTH='{USERS}'", ["is not a setting"]),
        (f"{PREFIX}AUTH__USERS__='{HASH}'", ["is not a setting"]),
        (f"{PREFIX}NONSENSE=1", ["is not a setting", "<SECTION>__<KEY>"]),
        (f"{SINGLE}AUTH_USERS='{USERS}'", [f"rename it to {PREFIX}AUTH__USERS"]),
        (f"{SINGLE}AUTH__USER='{USERS}'", [f"begin with {PREFIX}"]),
        (f"{SINGLE.replace('_', '')}_AUTH_USERS='{USERS}'", [f"begin with {PREFIX}"]),
        (f"AUTH__USERS='{USERS}'", [f"rename it to {PREFIX}AUTH__USERS"]),
        (f"MY_TYPO__AUTH__USERS__ANN='{HASH}'", [f"rename it to {PREFIX}AUTH__USERS"]),
        (f"A=1\n{PREFIX}LOG__LEVEL=INFO\n{PREFIX.lower()}log__level=INFO", ["twice"]),
    ],
)
def test_an_invalid_line_of_the_env_file_is_rejected(
    line: str, words: list[str], tmp_path: Path
) -> None:
    number = 3 + line.count("\n")
    with pytest.raises(SettingError) as error:
        load(tmp_path, f"# ours\n\n{line}\n{PREFIX}SERVER__PORT=1001\n")
    said = str(error.value)
    assert f"{tmp_path / '.env'}, line {number}" in said
    assert all(word in said for word in words), said
    assert SECRET not in said and HASH not in said and "\n" not in said


def test_an_open_quote_cannot_swallow_a_setting(tmp_path: Path) -> None:
    env = f"{PREFIX}APP__TITLE='It\n{PREFIX}AUTH__USERS={USERS}\n# don't\n{PREFIX}APP__TITLE='It"
    for text in (env, env.replace("don't", "'")):
        with pytest.raises(SettingError, match=r"\.env, line 1"):
            load(tmp_path, text)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_an_env_file_in_another_encoding_is_rejected(encoding: str, tmp_path: Path) -> None:
    line = f"{PREFIX}SERVER__SECRET_KEY=ö{SECRET}".encode(encoding)
    with pytest.raises(SettingError, match=r"\.env is not UTF-8"):
        load(tmp_path, line)


def test_a_folder_instead_of_the_env_file_is_rejected(tmp_path: Path) -> None:
    load(tmp_path)
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingError, match=r"\.env cannot be read"):
        Settings.load(tmp_path / "config.toml")


@pytest.mark.skipif(os.name == "nt", reason="Windows allows symbolic links to some users only")
def test_a_broken_link_instead_of_the_env_file_is_rejected(tmp_path: Path) -> None:
    load(tmp_path)
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").symlink_to(tmp_path / "gone")
    with pytest.raises(SettingError, match=r"\.env cannot be read"):
        Settings.load(tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (f"{PREFIX}SERVER__PROT", "1", [f"did you mean {PREFIX}SERVER__PORT?"]),
        (f"{PREFIX}SERVE__PORT", "1", [f"did you mean {PREFIX}SERVER__PORT?"]),
        (f"{PREFIX}AUTH__USERS", "", ["empty"]),
        (f"{PREFIX}AUTH__USERS", "{ }", ["empty"]),
        (f"{PREFIX}SERVER__SECRET_KEY", " ", ["empty"]),
    ],
)
def test_an_invalid_environment_variable_is_rejected(
    name: str, value: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError) as error:
        load(tmp_path)
    assert all(word in str(error.value) for word in [f"environment variable {name} ", *words])


def test_a_variable_with_single_underscores_is_reported_but_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes sets such variables for services."""
    monkeypatch.setenv(f"{SINGLE}SERVER_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv(f"{SINGLE}AUTH_USERS_ANN", HASH)
    assert not load(tmp_path).auth.users
    said = Settings.near_misses()
    assert said[f"{SINGLE}SERVER_PORT"] == f"{PREFIX}SERVER__PORT"
    assert said[f"{SINGLE}AUTH_USERS_ANN"] == f"{PREFIX}AUTH__USERS"


def test_variables_of_other_programs_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AUTH__USERS", "OTHER__SERVER__PORT", f"{SINGLE}SERVICE_PORT", f"{SINGLE}PORT"):
        monkeypatch.setenv(name, "tcp://10.0.0.1:80")
    load(tmp_path, "OTHER_KEY=1\nPATH=mine\nTWICE=${OTHER_KEY}${OTHER_KEY:-}\n")
    assert (os.environ["OTHER_KEY"], os.environ["TWICE"]) == ("1", "11")
    assert os.environ["PATH"] != "mine", "the environment comes first"


def test_a_table_is_merged_from_all_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Path("config.toml").read_text("utf-8")
    config = config.replace("users = {}", f"users.ann = '{HASH}'")
    monkeypatch.setenv(f"{PREFIX}AUTH__USERS", USERS.replace("ann", "bob"))
    monkeypatch.setenv(f"{PREFIX}AUTH__USERS__CARL", HASH)
    settings = load(tmp_path, f"{PREFIX}AUTH__USERS__DORA={HASH}", config)
    assert set(settings.auth.users) == {"ann", "bob", "carl", "dora"}
