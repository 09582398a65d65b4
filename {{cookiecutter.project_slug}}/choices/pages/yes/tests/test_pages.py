"""The pages beside the overview: change these tests with `pages/`."""

from typing import Any

import pytest
from conftest import ask
from test_app import CHOICES

from {{cookiecutter.project_slug}}.app import create_app
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import now_utc
from {{cookiecutter.project_slug}}.engine.data.status import Outcome, Status
from {{cookiecutter.project_slug}}.engine.settings import Settings

PARTS = [("", "cards"), ("data", "rows"), ("status", "history")]


def answer(settings: Settings, store: MemoryStore, output: str, values: dict[str, Any]) -> Any:
    """Return what the callback of an output gives, once a page has been opened."""
    client, prefix = create_app(settings, store).server.test_client(), settings.server.url_prefix
    client.get(prefix)
    return ask(client, output, values, prefix)[output]


@pytest.mark.parametrize(("path", "part"), PARTS)
def test_each_page_has_its_layout(
    path: str, part: str, settings: Settings, store: MemoryStore
) -> None:
    address = {"pathname": settings.server.url_prefix + path, "search": ""}
    values = {f"_pages_location.{name}": it for name, it in address.items()}
    page = answer(settings, store, "_pages_content", values)["children"]
    assert f"'id': '{part}'" in str(page)


def test_the_newest_row_comes_first(settings: Settings, store: MemoryStore) -> None:
    readings = store.latest().tables["readings"]  # type: ignore[union-attr]
    asked = {"startRow": 0, "endRow": 100, "filterModel": {}, "sortModel": []}
    values = {**CHOICES, "rows.getRowsRequest": asked}
    found = answer(settings, store, "rows", values)["getRowsResponse"]
    newest = readings["time"].max().astimezone(settings.app.timezone)
    assert found["rowData"][0]["time"] == f"{newest:%Y-%m-%d %H:%M:%S}"
    assert found["rowCount"] == len(readings)


def test_the_status_says_how_the_refreshes_went(settings: Settings, store: MemoryStore) -> None:
    store.report(Status(changes=(Outcome(now_utc(), 0.5, rows=1234),)))
    found = answer(settings, store, "status-content", {"answer.data": {}})["data"]
    assert found["history"][0]["cells"][1:] == ["0.500", "1,234", "OK"]
