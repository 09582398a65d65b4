import html
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
import toy
from dash import Output
from flask.testing import FlaskClient
from helpers import ask, changed, showing

from {{cookiecutter.project_slug}}.engine import Window
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.status import Rejected, Status
from {{cookiecutter.project_slug}}.engine.page import Tables, view
from {{cookiecutter.project_slug}}.engine.web.release import release

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def client_of(settings: toy.Settings, store: MemoryStore) -> FlaskClient:
    app, _ = toy.DASHBOARD.build(settings, toy.create_app, store)
    return app.server.test_client()


def live(client: FlaskClient, method: str = "GET") -> dict[str, Any]:
    """Poll as a page does."""
    response = client.open("/_live", method=method, content_type="application/json")
    cached = (
        "public, max-age=1, stale-while-revalidate=2" if method == "GET" else "private, no-store"
    )
    assert response.headers["Cache-Control"] == cached
    return dict(response.get_json())


def test_a_page_is_told_when_to_poll_again(settings: toy.Settings, store: MemoryStore) -> None:
    client = client_of(settings, store)
    before, due = time.time(), datetime.now(UTC) + timedelta(seconds=10)
    store.report(Status(next_due=due, takes=timedelta(seconds=5)))
    answer = live(client)
    assert answer["version"] == store.latest().version  # type: ignore[union-attr]
    assert before - 0.01 <= answer["at"] <= time.time() + 0.01
    assert answer["next"] == pytest.approx(due.timestamp() + 5 - answer["at"], abs=0.01)
    assert live(client_of(settings, MemoryStore()))["next"] <= 0


def test_a_page_polls_soon_while_the_clock_is_wrong(
    settings: toy.Settings, store: MemoryStore
) -> None:
    client = client_of(settings, store)
    store.report(Status(next_due=datetime.now(UTC) + timedelta(seconds=10)))
    assert live(client)["next"] > 0
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1), tick=True):
        answer = live(client)
        store.request_refresh()
        assert live(client)["next"] == 0
    assert (answer["state"], answer["next"]) == ("error", -1), "not in an hour, as the clock says"


def test_the_button_requests_a_refresh(settings: toy.Settings, store: MemoryStore) -> None:
    store.report(Status(next_due=datetime.now(UTC) + timedelta(days=1)))
    assert not store.refresh_requested()
    client = client_of(settings, store)
    foreign = client.post("/_live")
    assert (foreign.status_code, store.refresh_requested()) == (415, ""), "another site may not ask"
    assert live(client, "POST")["next"] == 0
    assert store.refresh_requested()


def test_a_page_shows_since_when_refreshes_fail(settings: toy.Settings, store: MemoryStore) -> None:
    store.report(Status(error="OSError: no such file", incident="1a2b3c4d", failing_since=NOW))
    since = NOW.astimezone(settings.app.timezone)
    message = live(client_of(settings, store))["message"]
    assert f"since {since:%Y-%m-%d %H:%M:%S}: look for 1a2b3c4d in the server's log" in message
    assert "OSError" not in message


def test_complete_data_are_shown_with_their_date(
    settings: toy.Settings, store: MemoryStore
) -> None:
    assert live(client_of(settings, store))["until"] is None
    app = settings.app.model_copy(update={"stale_after": None})
    answer = live(client_of(settings.model_copy(update={"app": app}), store))
    snapshot = store.latest()
    assert snapshot is not None
    newest = max(it.newest for it in snapshot.paces.values()).astimezone(settings.app.timezone)
    assert answer["until"].startswith(f"{newest:%Y-%m-%d}")


def test_rows_left_out_although_all_is_well_are_no_warning(
    settings: toy.Settings, store: MemoryStore
) -> None:
    old = Rejected("a", "older than refresh.history = 30d", 7, "")
    store.report(Status(older=(old,)))
    answer = live(client_of(settings, store))
    assert (answer["warns"], "7 rows of a are left out" in answer["message"]) == (False, True)
    store.report(Status(older=(old,), rejected=(replace(old, reason="value is missing"),)))
    assert live(client_of(settings, store))["warns"]


@pytest.mark.parametrize(("cache_bytes", "count"), [(50_000_000, 1), (0, 3)])
def test_a_view_is_computed_once_unless_the_cache_is_off(
    cache_bytes: int, count: int, settings: toy.Settings, store: MemoryStore
) -> None:
    computed = []

    @view(Output("cards", "children"), toy.CHOICES)
    def cards(tables: Tables, _names: list[str], _window: str) -> list[str]:
        computed.append(1)
        return toy.texts(tables["readings"])

    chosen = changed(settings, "server", cache_bytes=cache_bytes)
    app, _ = toy.DASHBOARD.build(chosen, showing(cards), store)
    for _ in range(3):
        assert ask(app.server.test_client(), "cards", toy.CHOSEN)["cards"]["children"]
    assert len(computed) == count


def test_open_pages_with_other_code_reload(settings: toy.Settings, store: MemoryStore) -> None:
    client = client_of(settings, store)
    assert f'name="code-version" content="{live(client)["code"]}"' in client.get("/").text


def test_each_change_to_code_or_settings_is_a_new_release(
    settings: toy.Settings, tmp_path: Path
) -> None:
    def version(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return release(tmp_path, settings)

    first = version("app.py", "1")
    assert version("app.py", "2") != first
    assert version("app.py", "1") == first
    assert version("app.pyc", "compiled") == first
    assert version("style.css", "a") != first
    now = release(tmp_path, settings)
    assert release(tmp_path, changed(settings, "app", title="Other")) != now
    assert release(tmp_path, changed(settings, "server", port=1)) == now, "replicas are the same"


def test_the_page_knows_which_choices_belong_in_its_address(
    settings: toy.Settings, store: MemoryStore
) -> None:
    page = client_of(settings, store).get("/").text
    listed = re.search('<meta name="choices" content="(.*?)">', page)
    assert listed
    assert json.loads(html.unescape(listed[1])) == ["series", "window"]


def test_viewers_can_zoom_only_if_each_view_takes_two_times(
    settings: toy.Settings, store: MemoryStore
) -> None:
    @view(Output("cards", "children"), toy.CHOICES)
    def cards(_tables: Tables, _names: object, _window: Window | None) -> str:
        return ""

    app, _ = toy.DASHBOARD.build(settings, showing(cards), store)
    assert '<meta name="zoom" content="yes">' in app.server.test_client().get("/").text
    older = client_of(settings, store).get("/").text
    assert '<meta name="zoom" content="no">' in older
