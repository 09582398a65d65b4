"""Tests of the page with the data of your source: change them with `app.py` and `pages/`."""

from {{cookiecutter.project_slug}} import engineering
from {{cookiecutter.project_slug}}.app import create_app
from {{cookiecutter.project_slug}}.engine import Window
from {{cookiecutter.project_slug}}.engine.page import Data
from {{cookiecutter.project_slug}}.pages import overview, selection
from {{cookiecutter.project_slug}}.setting import Settings


def test_the_page_loads_before_the_data(settings: Settings, no_data: Data) -> None:
    client = create_app(settings, no_data).server.test_client()
    assert settings.app.title in client.get(settings.server.url_prefix).text
    assert overview.cards(no_data.tables(), [], Window(), settings) == []


def test_the_views_show_each_series(settings: Settings, data: Data) -> None:
    tables = data.tables()
    readings, states, ranking = (
        tables[name]["series"].nunique() for name in ("readings", "states", "ranking")
    )
    readings = min(readings, engineering.MANY)
    assert len(overview.cards(tables, [], Window(), settings)) == readings + states
    assert len(overview.trend(tables, [], Window(), settings).data) == readings
    assert len(overview.distribution(tables, [], Window(), settings).data) == readings
    timelines, _ = overview.timelines(tables, [], Window(), None, settings)
    assert len(timelines.layout.yaxis.ticktext or ()) == states
    bars, _ = overview.bars(tables, [], None)
    assert bool(bars.data) == bool(ranking)


def test_the_download_has_every_row(settings: Settings, data: Data) -> None:
    tables = data.tables()
    lines = selection.csv(tables, [], Window(), settings).splitlines()
    assert lines[0].startswith(("time,series,value", "item,series,value"))
    assert len(lines) == 1 + sum(len(tables[it]) for it in ("readings", "states", "ranking"))
