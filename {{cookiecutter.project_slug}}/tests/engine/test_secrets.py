"""What a source says of hosts and queries: the log has it, redacted, and viewers do not see it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import wait_until

from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.engine import log
from {{cookiecutter.project_slug}}.engine.config import secret_values
from {{cookiecutter.project_slug}}.engine.config.types import SettingError
from {{cookiecutter.project_slug}}.engine.diagnostics import redaction
from {{cookiecutter.project_slug}}.engine.settings import (
    PREFIX,
    Log,
    Settings,
    Store,
)

SAID = """GET https://db.intern/x?appid=hunter2&page=2 is refused: {"asked": "appid=hunter2"}
SELECT * FROM wages WHERE key = 'hunter2' \udc80"""


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """Put back pytest's own handlers, and what was hidden."""
    handlers, level, hidden = logging.root.handlers[:], logging.root.level, redaction.hidden()
    yield
    logging.root.handlers[:], logging.root.level = handlers, level
    redaction.hide(hidden)


def fail(*_: object) -> None:
    raise OSError(SAID)


@pytest.mark.parametrize("format_", ["text", "json"])
def test_the_log_has_the_error_redacted_and_a_viewer_what_finds_it(
    format_: str,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure(Log.model_validate({"format": format_}))
    (tmp_path / ".env").write_text("API_KEY=hunter2\n", "utf-8")
    settings = settings.model_copy(update={"config": tmp_path / "config.toml"})
    redaction.hide(secret_values.find(settings, reading.Source))
    monkeypatch.setattr(reading, "read", fail)
    app, schedule = server.build(settings)
    client = app.server.test_client()
    wait_until(lambda: schedule.tick() or client.get("/readyz").get_json()["status"] == "error")
    schedule.stop()

    ready = client.get("/readyz").get_json()["error"]
    assert ready.startswith("OSError: GET https://db.intern/x?appid=***&page=2 is refused")
    message = client.get("/_live").get_json()["message"]
    assert "Refreshes have failed since" in message
    assert not any(it in message for it in ("hunter2", "db.intern", "SELECT"))
    incident = message.partition("look for ")[2].partition(" ")[0]
    logged = capsys.readouterr().err
    assert "hunter2" not in logged + ready and "FROM wages" in logged
    failed = next(it for it in logged.splitlines() if incident in it)
    assert "refresh failed" in failed and logged.encode()
    if format_ == "json":
        assert all(map(json.loads, logged.splitlines()))
        assert json.loads(failed)["incident"] == incident
        assert "FROM wages" in json.loads(failed)["exc_info"]


def test_a_store_does_not_tell_its_password(
    settings: Settings, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = redis_url.replace("redis://", "redis://me:p%40ss%2Fw0rd@")
    changed = settings.model_copy(update={"store": Store(url=url)})
    redaction.hide(secret_values.find(changed, reading.Source))
    log.configure(Log())
    app, _ = server.build(changed)
    client = app.server.test_client()
    ready, live = client.get("/readyz").get_json(), client.get("/_live").get_json()
    assert "the store cannot be reached: AuthenticationError" in ready["error"]
    incident = live["message"].partition("look for ")[2].partition(" ")[0]
    logging.error("it was %r", url)
    logged = capsys.readouterr().err
    assert f"[{incident}]: the store cannot be reached" in logged
    assert "w0rd" not in logged + str(ready) + str(live)


def test_all_failures_until_the_next_success_are_found_by_one_id(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app, schedule = server.build(settings)
    client, right = app.server.test_client(), reading.read

    def incident() -> str:
        """Return the id that the page names now, or nothing."""
        message = client.get("/_live").get_json()["message"]
        return str(message.partition("look for ")[2].partition(" ")[0])

    def failures() -> list[str]:
        return [it.__dict__["incident"] for it in caplog.records if "incident" in it.__dict__]

    monkeypatch.setattr(reading, "read", fail)
    wait_until(lambda: schedule.tick() or len(failures()) == 2)
    first = incident()
    assert failures() == [first, first]
    monkeypatch.setattr(reading, "read", right)
    wait_until(lambda: schedule.tick() or not incident())
    monkeypatch.setattr(reading, "read", fail)
    client.post("/_live", json={})
    wait_until(lambda: schedule.tick() or incident())
    schedule.stop()
    assert failures() == [first, first, incident()] and incident() != first


def test_an_error_that_ends_the_start_is_logged_redacted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def create_app(settings: Settings, _store: object) -> None:
        raise RuntimeError(settings.server.secret_key.get_secret_value())

    monkeypatch.setenv(f"{PREFIX}SERVER__SECRET_KEY", "hunter2-hunter2-hunter2")
    monkeypatch.setattr(server, "create_app", create_app)
    assert server.main([]) == 1
    with pytest.raises(SettingError) as told:  # what gunicorn prints
        server.wsgi()
    logged = capsys.readouterr().err
    assert logged.count("RuntimeError: ***") == 2 and "Traceback" in logged
    assert "hunter2" not in logged
    assert str(told.value) == "The server cannot start: RuntimeError: ***"
