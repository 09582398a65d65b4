"""Fixtures with your settings and the data of your source."""

# Only the fixtures import your modules, so that the engine's tests run even if yours fail.
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from {{cookiecutter.project_slug}}.engine import Snapshot
    from {{cookiecutter.project_slug}}.engine.page import Data
    from {{cookiecutter.project_slug}}.setting import Settings

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def project() -> Iterator[None]:
    """Run each test in the project's folder, with no setting from this machine's environment."""
    from {{cookiecutter.project_slug}}.setting import Settings

    before = dict(os.environ)
    for name in before:
        if name.startswith(Settings.env_prefix()):
            del os.environ[name]
    with chdir(ROOT):
        yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def settings() -> Settings:
    from {{cookiecutter.project_slug}}.setting import Settings

    return Settings.load()


@pytest.fixture
def snapshot(settings: Settings) -> Snapshot:
    """The snapshot that a first refresh makes of your source."""
    from {{cookiecutter.project_slug}}.schedule import DASHBOARD

    return DASHBOARD.refresh_once(settings)


@pytest.fixture
def data(snapshot: Snapshot) -> Data:
    """The same snapshot, as pages see it."""
    from {{cookiecutter.project_slug}}.schedule import DASHBOARD

    return DASHBOARD.data(snapshot)


@pytest.fixture
def no_data() -> Data:
    """What pages see before the first refresh."""
    from {{cookiecutter.project_slug}}.schedule import DASHBOARD

    return DASHBOARD.data(None)
