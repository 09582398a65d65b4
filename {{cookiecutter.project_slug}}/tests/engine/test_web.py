import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from sites import Answer, Site, serving

from {{cookiecutter.project_slug}}.engine.data.tables import DataError
from {{cookiecutter.project_slug}}.engine.sources import web
from {{cookiecutter.project_slug}}.engine.sources.web import HttpSource, Web

HOURS = {"time": ["2026-01-01T00:00", "2026-01-01T01:00"], "wind": [3.5, None], "rain": [0, 0.2]}
COLUMNS: dict[str, Any] = {"records": "hourly", "series": "", "value": "*"}
ROW = {"time": "2026-01-01", "series": "a", "value": 1}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def read(site: Site, **source: Any) -> pd.DataFrame:
    return web.read_tables(HttpSource(url=site.url, **source))["readings"]


def test_an_object_of_columns_becomes_rows(site: Site) -> None:
    site.answers["/"] = Answer(json.dumps({"hourly": HOURS}))
    rows = read(site, **COLUMNS)
    found = sorted(zip(rows["series"], rows["value"], strict=True))
    assert found == [("rain", 0), ("rain", 0.2), ("wind", 3.5)]
    assert list(web.raw(HttpSource(url=site.url, **COLUMNS), 1)["wind"]) == [3.5]


def test_unchanged_content_is_neither_sent_nor_parsed_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["/"] = Answer(json.dumps({"hourly": HOURS}), headers={"ETag": '"1"'})
    first = read(site, **COLUMNS)
    monkeypatch.setattr(web, "parse", None)
    assert read(site, **COLUMNS).equals(first)
    assert [status for _, status in site.requests] == [200, 304]


def test_all_pages_are_read(site: Site) -> None:
    site.answers["/"] = Answer(json.dumps([ROW]), headers={"Link": '</2>; rel="next"'})
    site.answers["/2"] = Answer(json.dumps([{**ROW, "value": 2}]))
    assert list(read(site)["value"]) == [1, 2]


def test_the_content_type_tells_the_format(site: Site) -> None:
    for kind, text in {
        "text/csv": "time,series,value\n2026-01-01,a,1\n",
        "application/x-ndjson": json.dumps(ROW) + "\n" + json.dumps(ROW) + "\n",
        "application/geo+json": json.dumps([ROW]),
    }.items():
        site.answers["/"] = Answer(text, headers={"Content-Type": kind})
        assert read(site)["value"].iloc[0] == 1


def test_an_answer_that_does_not_fit_names_the_setting(site: Site) -> None:
    site.answers["/"] = Answer(json.dumps({"hourly": HOURS}))
    with pytest.raises(DataError, match='set records = "hourly"'):
        read(site)
    site.answers["/"] = Answer("<html>")
    with pytest.raises(DataError, match="is a web page, not json"):
        read(site)


def test_older_projects_find_the_client_here() -> None:
    assert Web(timeout=1)
