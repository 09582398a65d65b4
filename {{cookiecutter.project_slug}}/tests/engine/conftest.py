"""Fixtures with the toy dashboard."""

import os
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
import toy
from helpers import fetched, first, patience, redis_server

from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore


@pytest.fixture(scope="session", autouse=True)
def importable() -> Iterator[None]:
    """Let programs that tests start import the package, and unpickle what is defined here.

    On Windows, Python 3.11 misreads the `.pth` file that uv installs if the path has umlauts.
    """
    here = Path(__file__).parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (here.parent.parent, here))))
        yield


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    (folder / "config.toml").write_text(toy.CONFIG, "utf-8")
    return folder


@pytest.fixture(autouse=True)
def project(toy_folder: Path) -> Iterator[None]:
    """Run each test in the toy's folder, and restore the environment afterwards."""
    before = dict(os.environ)
    with chdir(toy_folder):
        yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def settings() -> toy.Settings:
    return toy.Settings.load()


@pytest.fixture
def store(settings: toy.Settings) -> MemoryStore:
    """A store with the data that the toy reads."""
    store = MemoryStore()
    store.publish(first(fetched(settings), settings))
    return store


@pytest.fixture
def patient() -> Iterator[None]:
    with patience():
        yield


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url
