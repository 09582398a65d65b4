import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import redis

from {{cookiecutter.project_slug}} import pipeline, reading, setting, snapshots
from {{cookiecutter.project_slug}}.preprocess import TABLES
from {{cookiecutter.project_slug}}.setting import Settings
from {{cookiecutter.project_slug}}.store import NEVER, MemoryStore
from {{cookiecutter.project_slug}}.tables import Rules, fit

ROOT = Path(__file__).parents[1]
# A source that is not on this machine has a stand-in here.
pytest_plugins = [it.stem for it in Path(__file__).parent.glob("sample.py")]


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run each test in the project's folder, with no setting from this machine's environment."""
    monkeypatch.chdir(ROOT)
    before = dict(os.environ)
    for name in before:
        if name.startswith(setting.PREFIX):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def settings() -> Settings:
    return setting.load(ROOT / "config.toml", reading.Source, {})


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
    return dict(fit(raw, TABLES, Rules(zone, zone, NEVER)).tables)


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
