"""Tests of reading a small response: change them with `reading.py`."""

import json

from sites import Answer, serving

from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.engine import EPOCH
from {{cookiecutter.project_slug}}.reading import Source

HOURS = {
    "time": ["2026-01-01T00:00", "2026-01-01T01:00"],
    "temperature_2m": [3.5, None],
    "precipitation": [0, 0.2],
}


def test_each_hour_of_each_series_is_a_row() -> None:
    with serving() as site:
        site.answers["/"] = Answer(json.dumps({"hourly": HOURS}))
        rows = reading.read(Source(url=site.url), EPOCH)["readings"]
    assert list(rows["series"]) == ["temperature_2m", "precipitation", "precipitation"]
    assert list(rows["value"]) == [3.5, 0, 0.2]
