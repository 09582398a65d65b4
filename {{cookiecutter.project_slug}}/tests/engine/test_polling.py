from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import toy
from conftest import ask
from flask import abort, request
from toy import CHOICES, create_app

from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.status import Status
from {{cookiecutter.project_slug}}.engine.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def live(settings: Settings, store: MemoryStore, method: str = "GET") -> dict[str, Any]:
    """Ask as a page does that wants to stay live."""
    client = create_app(settings, store).server.test_client()
    answer = client.open("/_live", method=method, content_type="application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(answer.get_json())


def test_a_page_is_told_when_to_ask_again(settings: Settings, store: MemoryStore) -> None:
    due = datetime.now(UTC) + timedelta(seconds=10)
    store.report(Status(next_due=due, takes=timedelta(seconds=5)))
    answer = live(settings, store)
    assert answer["version"] == store.latest().version  # type: ignore[union-attr]
    assert 14 < answer["next"] < 15
    assert live(settings, MemoryStore())["next"] <= 0


def test_the_button_asks_for_a_refresh(settings: Settings, store: MemoryStore) -> None:
    store.report(Status(next_due=datetime.now(UTC) + timedelta(days=1)))
    assert not store.refresh_requested()
    foreign = create_app(settings, store).server.test_client().post("/_live")
    assert (foreign.status_code, store.refresh_requested()) == (415, ""), "another site may not ask"
    assert live(settings, store, "POST")["next"] == 0
    assert store.refresh_requested()


def test_a_page_says_since_when_the_source_fails(settings: Settings, store: MemoryStore) -> None:
    store.report(Status(error="OSError: no such file", incident="1a2b3c4d", failing_since=NOW))
    since = NOW.astimezone(settings.app.timezone)
    message = live(settings, store)["message"]
    assert f"since {since:%Y-%m-%d %H:%M:%S}: look for 1a2b3c4d in the server's log" in message
    assert "OSError" not in message


def test_whoever_is_put_in_front_of_the_views_guards_them_all(
    settings: Settings, store: MemoryStore
) -> None:
    server = create_app(settings, store).server

    def guarded(view: Any) -> Any:
        def guard(**values: Any) -> Any:
            return view(**values) if request.headers.get("X-Who") == "friend" else abort(401)

        return guard

    server.view_functions = {name: guarded(view) for name, view in server.view_functions.items()}
    client = server.test_client()
    for path in ("/", "/_live", "/_dash-layout"):
        for _ in range(2):
            assert client.get(path, headers={"X-Who": "friend"}).status_code == 200
            assert client.get(path).status_code == 401


@pytest.mark.parametrize(("cache_bytes", "count"), [(50_000_000, 1), (0, 3)])
def test_a_view_is_drawn_once_for_all_unless_that_is_off(
    cache_bytes: int,
    count: int,
    settings: Settings,
    store: MemoryStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = []
    right = toy.cards
    monkeypatch.setattr(toy, "cards", lambda *it: drawn.append(1) or right(*it))
    server = settings.server.model_copy(update={"cache_bytes": cache_bytes})
    app = create_app(settings.model_copy(update={"server": server}), store)
    for _ in range(3):
        assert ask(app.server.test_client(), "cards", CHOICES)["cards"]["children"]
    assert len(drawn) == count
