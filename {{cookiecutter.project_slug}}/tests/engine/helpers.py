"""Helpers for the engine's tests."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import redis
import toy
from dash import Dash
from flask.testing import FlaskClient

from {{cookiecutter.project_slug}}.engine import Settings
from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.snapshot import NEVER, Snapshot, now_utc
from {{cookiecutter.project_slug}}.engine.data.tables import Batch, Rules, validate
from {{cookiecutter.project_slug}}.engine.page import Data
from {{cookiecutter.project_slug}}.engine.refresh import pipeline
from {{cookiecutter.project_slug}}.engine.web import computations
from {{cookiecutter.project_slug}}.engine.web.views import View


def changed(settings: Any, section: str, **values: Any) -> Any:
    """Return settings with changed values in one section."""
    part = getattr(settings, section).model_copy(update=values)
    return settings.model_copy(update={section: part})


def fetched(settings: Settings[Any], it: pipeline.Pipeline = toy.DASHBOARD.pipeline) -> Batch:
    """Return the rows that a first refresh reads."""
    now = now_utc()
    span = pipeline.span(None, it.tables, settings.refresh, now)
    raw = pipeline.fetch(it.read, it.clean, settings.source, span)
    return validate(raw, it.tables, pipeline.rules(settings, now))


def first(batch: Batch, settings: Settings[Any] | None = None) -> Snapshot:
    """Return a first snapshot with some rows."""
    now = now_utc()
    return merge(None, batch, toy.TABLES, now, now, settings.refresh).snapshot


def tables_of(*rows: tuple[object, object, object]) -> dict[str, pd.DataFrame]:
    """Return the tables of a snapshot with readings, given as time, series and value."""
    raw = {"readings": pd.DataFrame(rows, columns=["time", "series", "value"])}
    zone = ZoneInfo("UTC")
    return dict(validate(raw, toy.TABLES, Rules(zone, zone, NEVER)).tables)


def module_of(*views: View[..., Any]) -> ModuleType:
    """Return a module with these views."""
    module = ModuleType(views[0].__module__ if views else "empty")
    vars(module).update({f"view{number}": it for number, it in enumerate(views)})
    return module


def showing(*views: View[..., Any]) -> Callable[[toy.Settings, Data], Dash]:
    """Return a `create_app` whose page shows these views instead of the toy's."""
    return lambda settings, data: toy.app_of(module_of(*views), settings, data)


@contextmanager
def patience() -> Iterator[None]:
    """Let requests wait for their views instead of getting a 202, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(computations, "MAX_WAIT", 60.0)
        yield


def ask(client: FlaskClient, output: str, values: dict[str, Any], prefix: str = "/") -> Any:
    """Call the callback of an output as a browser does, and return its response."""
    dependencies = json.loads(client.get(f"{prefix}_dash-dependencies").text)
    callback = next(it for it in dependencies if f".{output}." in f".{it['output']}")
    ids = [part.split(".") for part in callback["output"].strip(".").split("...")]
    outputs = [{"id": id_, "property": property_} for id_, property_ in ids]
    filled = {
        kind: [{**it, "value": values.get(f"{it['id']}.{it['property']}")} for it in callback[kind]]
        for kind in ("inputs", "state")
    }
    body = {
        "output": callback["output"],
        "outputs": outputs if len(outputs) > 1 else outputs[0],
        "changedPropIds": [next(iter(values))],
        **filled,
    }
    with patience():
        response = client.post(f"{prefix}_dash-update-component", json=body)
    assert response.status_code == 200, response.text
    return json.loads(response.text)["response"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def wait_until(condition: Callable[[], Any]) -> Any:
    """Wait until the condition is true and return its value; fail after a minute."""
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[str]:
    """Run Redis, or the Valkey that REDIS_SERVER names, and yield its URL."""
    command = os.environ.get("REDIS_SERVER", "redis-server")
    if not shutil.which(command):
        pytest.skip(f"{command} is not installed")
    port = port or free_port()
    flags = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([command, *flags], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with redis.Redis(port=port) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
