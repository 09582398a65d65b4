import json
from collections.abc import Iterator
from typing import Any

import pytest
from sites import Answer, Site, serving

from {{cookiecutter.project_slug}} import pipeline, reading
from {{cookiecutter.project_slug}}.setting import Settings

HOURS = {
    "time": ["2026-01-01T00:00", "2026-01-01T01:00"],
    "temperature_2m": [3.5, None],
    "precipitation": [0, 0.2],
}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.answers["/"] = Answer(json.dumps({"hourly": HOURS}), headers={"ETag": '"1"'})
        yield site


def told(settings: Settings, site: Site, **source: Any) -> Settings:
    return settings.model_copy(update={"source": {**settings.source, "url": site.url, **source}})


def test_each_hour_of_each_series_is_a_row(settings: Settings, site: Site) -> None:
    rows = pipeline.fetch(told(settings, site), None, 0)["readings"]
    assert list(rows["series"]) == ["temperature_2m", "precipitation", "precipitation"]
    assert list(rows["value"]) == [3.5, 0, 0.2]
    assert str(rows["time"].iloc[-1]) == "2026-01-01 01:00:00+00:00"
    assert site.asked[0][0].startswith("/?latitude=52.52&longitude=13.41&hourly=temperature_2m")


def test_what_has_not_changed_gives_the_same_frame(settings: Settings, site: Site) -> None:
    changed = told(settings, site)
    first = reading.read(changed, None)["readings"]
    assert reading.read(changed, None)["readings"] is first
    assert [status for _, status in site.asked] == [200, 304]


@pytest.mark.parametrize("key", ["Bearer it", 7])  # digits in .env are taken for a number
def test_headers_are_sent(settings: Settings, site: Site, key: str | int) -> None:
    reading.read(told(settings, site, headers={"Authorization": key}), None)
    assert site.headers["Authorization"] == str(key)
