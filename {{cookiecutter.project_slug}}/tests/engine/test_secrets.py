"""Errors may name hosts and queries: they are logged redacted, and hidden from viewers."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
import toy
from dash import Dash
from helpers import wait_until
from toy import PREFIX, Settings

from {{cookiecutter.project_slug}}.engine import Dashboard, log
from {{cookiecutter.project_slug}}.engine.config import secret_values
from {{cookiecutter.project_slug}}.engine.config.types import SettingError
from {{cookiecutter.project_slug}}.engine.diagnostics import redaction
from {{cookiecutter.project_slug}}.engine.serve import cli, gunicorn
from {{cookiecutter.project_slug}}.engine.settings import Log, Store

Read = Callable[[toy.Source, datetime], dict[str, pd.DataFrame]]
SAID = """GET https://db.intern/x?appid=hunter2&page=2 is refused: {"asked": "appid=hunter2"}
SELECT * FROM wages WHERE key = 'hunter2' \udc80"""


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """Restore pytest's handlers and the redacted values."""
    handlers, level, hidden = logging.root.handlers[:], logging.root.level, redaction.hidden()
    yield
    logging.root.handlers[:], logging.root.level = handlers, level
    redaction.hide(hidden)


def fail(*_: object) -> dict[str, pd.DataFrame]:
    raise OSError(SAID)


def reading(read: Read) -> Dashboard:
    """Return the toy with another `read`."""
    return replace(toy.DASHBOARD, pipeline=replace(toy.DASHBOARD.pipeline, read=read))


@pytest.mark.parametrize("format_", ["text", "json"])
def test_the_log_shows_the_error_redacted_and_a_viewer_sees_only_its_id(
    format_: str,
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure(Log.model_validate({"format": format_}))
    (tmp_path / ".env").write_text("API_KEY=hunter2\n", "utf-8")
    settings = settings.model_copy(update={"config": tmp_path / "config.toml"})
    redaction.hide(secret_values.find(settings))
    app, schedule = reading(fail).build(settings, toy.create_app)
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


def test_the_password_of_the_store_is_not_shown(
    settings: Settings, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = redis_url.replace("redis://", "redis://me:p%40ss%2Fw0rd@")
    changed = settings.model_copy(update={"store": Store(url=url)})
    redaction.hide(secret_values.find(changed))
    log.configure(Log())
    app, _ = toy.DASHBOARD.build(changed, toy.create_app)
    client = app.server.test_client()
    ready, live = client.get("/readyz").get_json(), client.get("/_live").get_json()
    assert "the store cannot be reached: AuthenticationError" in ready["error"]
    incident = live["message"].partition("look for ")[2].partition(" ")[0]
    logging.error("it was %r", url)
    logged = capsys.readouterr().err
    assert f"[{incident}]: the store cannot be reached" in logged
    assert "w0rd" not in logged + str(ready) + str(live)


def test_all_failures_until_the_next_success_have_the_same_id(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    read: Read = fail
    dashboard = reading(lambda source, since: read(source, since))
    app, schedule = dashboard.build(settings, toy.create_app)
    client = app.server.test_client()

    def incident() -> str:
        """Return the id that the page shows now, or ""."""
        message = client.get("/_live").get_json()["message"]
        return str(message.partition("look for ")[2].partition(" ")[0])

    def failures() -> list[str]:
        return [it.__dict__["incident"] for it in caplog.records if "incident" in it.__dict__]

    wait_until(lambda: schedule.tick() or len(failures()) == 2)
    first = incident()
    assert failures() == [first, first]
    read = toy.read
    wait_until(lambda: schedule.tick() or not incident())
    read = fail
    client.post("/_live", json={})
    wait_until(lambda: schedule.tick() or incident())
    schedule.stop()
    assert failures() == [first, first, incident()] and incident() != first


def test_an_error_at_start_is_logged_redacted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def create_app(settings: Settings, _data: object) -> Dash:
        raise RuntimeError(settings.server.secret_key.get_secret_value())

    monkeypatch.setenv(f"{PREFIX}SERVER__SECRET_KEY", "hunter2-hunter2-hunter2")
    assert cli.serve(toy.DASHBOARD, create_app, []) == 1
    with pytest.raises(SettingError) as told:  # what gunicorn prints
        gunicorn.wsgi(toy.DASHBOARD, create_app)
    logged = capsys.readouterr().err
    assert logged.count("RuntimeError: ***") == 2 and "Traceback" in logged
    assert "hunter2" not in logged
    assert str(told.value) == "The server cannot start: RuntimeError: ***"
