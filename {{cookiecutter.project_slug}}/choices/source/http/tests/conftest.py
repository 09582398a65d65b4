"""Fixtures with your settings and the data of your source; no test needs the internet."""

# Only the fixtures import your modules, so that the engine's tests run even if yours fail.
from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sites import Answer, serving

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


@pytest.fixture(scope="session")
def weather() -> Iterator[str]:
    """Serve two days of weather as Open-Meteo does; give the URL."""
    now = datetime.now(UTC)
    hours = [now - timedelta(hours=back) for back in reversed(range(48))]
    hourly = {
        "time": [f"{hour:%Y-%m-%dT%H:00}" for hour in hours],
        "temperature_2m": [10 + hour.hour / 2 for hour in hours],
        "wind_speed_10m": [20 - hour.hour / 4 for hour in hours],
    }
    with serving() as site:
        site.answers["/"] = Answer(json.dumps({"hourly": hourly}))
        yield site.url


@pytest.fixture
def settings(weather: str) -> Settings:
    """Your settings; Open-Meteo is replaced by the server above, another API is not."""
    from {{cookiecutter.project_slug}}.setting import Settings

    settings = Settings.load()
    if "open-meteo" not in settings.source.url:
        return settings
    source = settings.source.model_copy(update={"url": weather})
    return settings.model_copy(update={"source": source})


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
