"""The page, over the data that your source gives: change these tests with `app.py` and `pages/`."""

from typing import Any

from conftest import ask

from {{cookiecutter.project_slug}}.app import create_app
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.settings import Settings

CHOICES = {"snapshot-version.data": None, "series.value": [], "window.value": "All"}


def view(settings: Settings, store: MemoryStore, output: str, **more: Any) -> Any:
    """Return what the callback of an output gives."""
    client = create_app(settings, store).server.test_client()
    return ask(client, output, {**more, **CHOICES}, settings.server.url_prefix)[output]


def test_the_page_comes_before_the_data(settings: Settings) -> None:
    client = create_app(settings, MemoryStore()).server.test_client()
    assert settings.app.title in client.get(settings.server.url_prefix).text
    assert view(settings, MemoryStore(), "cards")["children"] == []


def test_the_views_show_each_series(settings: Settings, store: MemoryStore) -> None:
    readings = store.latest().tables["readings"]  # type: ignore[union-attr]
    count = readings["series"].nunique()
    assert len(view(settings, store, "cards")["children"]) == count
    for graph in ("trend-graph", "distribution-graph"):
        assert len(view(settings, store, graph)["figure"]["data"]) == count


def test_the_download_has_every_row(settings: Settings, store: MemoryStore) -> None:
    readings = store.latest().tables["readings"]  # type: ignore[union-attr]
    clicked = {"download-button.n_clicks": 1}
    lines = view(settings, store, "download", **clicked)["data"]["content"].splitlines()
    assert lines[0] == ",".join(readings)
    assert len(lines) == 1 + len(readings)
