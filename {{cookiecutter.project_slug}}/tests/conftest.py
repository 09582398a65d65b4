import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import redis
import toy
from flask.testing import FlaskClient

from {{cookiecutter.project_slug}}.engine.refresh import pipeline
from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.engine import settings
from {{cookiecutter.project_slug}}.engine.data import merge
from {{cookiecutter.project_slug}}.engine.settings import Settings
from {{cookiecutter.project_slug}}.engine.data.snapshot import NEVER
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.tables import Rules, fit

ROOT = Path(__file__).parents[1]
# A source that is not on this machine has a stand-in here.
pytest_plugins = [it.stem for it in Path(__file__).parent.glob("sample.py")]
# The tests of the engine, whose dashboard is toy.py. All others are yours, and test your modules.
ENGINE = """
    auth bundles computations csp csv_export damage decompress environment errors front guard
    health live log log_file metrics pipeline preview redaction reloader response_cache schedule
    secrets server setting fast_path snapshots store tables times web web_headers worker
"""


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    (folder / "config.toml").write_text(toy.CONFIG, "utf-8")
    return folder


@pytest.fixture(autouse=True)
def project(request: pytest.FixtureRequest, toy_folder: Path) -> Iterator[None]:
    """Run each test in its project's folder, with no setting from this machine's environment.

    Without `monkeypatch`, so that what a test changes by it is put back before the toy is.
    """
    engine = request.module.__name__.removeprefix("test_") in ENGINE.split()
    before = dict(os.environ)
    for name in before:
        if name.startswith(setting.PREFIX):
            del os.environ[name]
    with (
        chdir(toy_folder if engine else ROOT),
        toy.installed() if engine else nullcontext(),
    ):
        yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def settings() -> Settings:
    return setting.load(setting.CONFIG, reading.Source, {})


@pytest.fixture
def store(settings: Settings) -> MemoryStore:
    """A store that holds the source's own data."""
    store = MemoryStore()
    batch, now = pipeline.fetch(settings, None), datetime.now(UTC)
    store.publish(snapshots.append(None, batch, now, now, settings.refresh).snapshot)
    return store


def fitted(*rows: tuple[object, object, object]) -> dict[str, pd.DataFrame]:
    """Return readings, given as time, series and value, as they are in a snapshot."""
    raw = {"readings": pd.DataFrame(rows, columns=["time", "series", "value"])}
    zone = ZoneInfo("UTC")
    return dict(fit(raw, toy.TABLES, Rules(zone, zone, NEVER)).tables)


def ask(client: FlaskClient, output: str, values: dict[str, Any], prefix: str = "/") -> Any:
    """Call the callback of an output as a browser does, and return what it gives."""
    dependencies = json.loads(client.get(f"{prefix}_dash-dependencies").text)
    callback = next(it for it in dependencies if output in it["output"] and "." in it["output"])
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
    response = client.post(f"{prefix}_dash-update-component", json=body)
    assert response.status_code == 200, response.text
    return json.loads(response.text)["response"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def wait_until(condition: Callable[[], Any]) -> Any:
    """Return what the condition gives once it is true; fail after a minute."""
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[str]:
    """Run a Redis server, or the Valkey that REDIS_SERVER names; give its URL."""
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


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url
