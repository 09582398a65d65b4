"""No test needs the internet: what the weather's API would say is said by a server here."""

import json
import tomllib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sites import Answer, serving

from {{cookiecutter.project_slug}}.engine import settings
from {{cookiecutter.project_slug}}.engine.data.snapshot import now_utc


@pytest.fixture(scope="session")
def weather() -> Iterator[str]:
    hours = [now_utc() - timedelta(hours=back) for back in reversed(range(48))]
    hourly = {
        "time": [f"{hour:%Y-%m-%dT%H:00}" for hour in hours],
        "temperature_2m": [10 + hour.hour / 2 for hour in hours],
        "wind_speed_10m": [20 - hour.hour / 4 for hour in hours],
    }
    with serving() as site:
        site.answers["/"] = Answer(json.dumps({"hourly": hourly}), headers={"ETag": '"1"'})
        yield site.url


@pytest.fixture(autouse=True)
def here(project: None, weather: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tomllib.loads(setting.CONFIG.read_text("utf-8"))["source"]
    if "open-meteo" in source.get("url", ""):
        monkeypatch.setenv(f"{setting.PREFIX}SOURCE__URL", weather)
