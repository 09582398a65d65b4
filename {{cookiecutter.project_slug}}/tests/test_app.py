import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import abort, request
from flask.testing import FlaskClient

from {{cookiecutter.project_slug}} import engineering, health, pipeline
from {{cookiecutter.project_slug}}.app import ASSETS, create_app
from {{cookiecutter.project_slug}}.pages import overview
from {{cookiecutter.project_slug}}.setting import Settings
from {{cookiecutter.project_slug}}.store import MemoryStore, Snapshot, Status

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHOICES = {"snapshot-version.data": None, "series.value": [], "window.value": "All"}


@pytest.fixture
def store(settings: Settings) -> MemoryStore:
    """A store that holds the source's own data."""
    store = MemoryStore()
    rows, now = pipeline.fetch(settings, None, 0), datetime.now(UTC)
    store.publish(pipeline.append(None, rows, now, now, settings.refresh))
    return store


def call(settings: Settings, store: MemoryStore, output: str, values: dict[str, Any]) -> Any:
    """Call the callback of an output as a browser does, and return what it gives."""
    return ask(create_app(settings, store).server.test_client(), output, values)


def ask(client: FlaskClient, output: str, values: dict[str, Any], prefix: str = "/") -> Any:
    dependencies = json.loads(client.get(f"{prefix}_dash-dependencies").text)
    callback = next(it for it in dependencies if output in it["output"] and "." in it["output"])
    ids = [part.split(".") for part in callback["output"].strip(".").split("...")]
    outputs = [{"id": id_, "property": property_} for id_, property_ in ids]
    filled = {
        kind: [{**it, "value": values.get(f"{it['id']}.{it['property']}")} for it in callback[kind]]
        for kind in ("inputs", "state")
    }
    body = {
        "output": callback["output"],
        "outputs": outputs if len(outputs) > 1 else outputs[0],
        "changedPropIds": [next(iter(values))],
        **filled,
    }
    response = client.post(f"{prefix}_dash-update-component", json=body)
    assert response.status_code == 200, response.text
    return json.loads(response.text)["response"]


def test_the_shell_comes_before_the_first_data(settings: Settings) -> None:
    client = create_app(settings, MemoryStore()).server.test_client()
    assert settings.app.title in client.get("/").text
    shell = client.get("/_dash-layout").text
    for part in ("snapshot-version", "status", "notice"):
        assert f'"id":"{part}"' in shell
    series = engineering.read_series(ASSETS / "static_data" / "series.csv")
    page = overview.layout(MemoryStore(), series)
    assert all(part in page for part in ("cards", "trend-graph", "distribution-graph"))
    assert call(settings, MemoryStore(), "cards", CHOICES)["cards"]["children"] == []


def test_the_views_show_the_data(settings: Settings, store: MemoryStore) -> None:
    series = set(store.latest().tables["readings"]["series"])  # type: ignore[union-attr]
    assert len(call(settings, store, "cards", CHOICES)["cards"]["children"]) == len(series)
    for graph in ("trend-graph", "distribution-graph"):
        assert len(call(settings, store, graph, CHOICES)[graph]["figure"]["data"]) == len(series)
    one = {**CHOICES, "series.value": [min(series)]}
    assert len(call(settings, store, "trend-graph", one)["trend-graph"]["figure"]["data"]) == 1


def test_the_download_is_the_data_shown(settings: Settings, store: MemoryStore) -> None:
    values = {"download-button.n_clicks": 1, **CHOICES}
    content = call(settings, store, "download", values)["download"]["data"]["content"]
    lines = content.splitlines()
    assert lines[0] == "time,series,value"
    assert len(lines) == 1 + len(store.latest().tables["readings"])  # type: ignore[union-attr]


@pytest.mark.parametrize(("cache_bytes", "count"), [(50_000_000, 1), (0, 3)])
def test_a_view_is_drawn_once_for_all_unless_that_is_off(
    cache_bytes: int,
    count: int,
    settings: Settings,
    store: MemoryStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = []
    right = engineering.kpis
    monkeypatch.setattr(engineering, "kpis", lambda *it: drawn.append(1) or right(*it))
    server = settings.server.model_copy(update={"cache_bytes": cache_bytes})
    app = create_app(settings.model_copy(update={"server": server}), store)
    for _ in range(3):
        assert ask(app.server.test_client(), "cards", CHOICES)["cards"]["children"]
    assert len(drawn) == count


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
    assert not store.asked()
    foreign = create_app(settings, store).server.test_client().post("/_live")
    assert (foreign.status_code, store.asked()) == (415, False), "another site may not ask"
    assert live(settings, store, "POST")["next"] == 0
    assert store.asked()


def test_a_page_says_since_when_the_source_fails(settings: Settings, store: MemoryStore) -> None:
    store.report(Status(error="OSError: no such file", failing_since=NOW))
    since = NOW.astimezone(settings.app.timezone)
    message = live(settings, store)["message"]
    assert f"{since:%Y-%m-%d %H:%M:%S}: OSError: no such file" in message


def test_a_page_says_since_when_nothing_has_come(settings: Settings) -> None:
    store = MemoryStore()
    store.publish(Snapshot(7, NOW, NOW, {}))
    answer = live(settings, store)
    since = NOW.astimezone(settings.app.timezone)
    assert answer["state"] == "stale"
    assert f"{since:%Y-%m-%d %H:%M:%S}. No refresh has ended" in answer["message"]


def test_health_goes_from_loading_to_live_to_stale(settings: Settings) -> None:
    store = MemoryStore()
    assert health.check(settings, store, NOW).status == "loading"
    store.report(Status(error="OSError: gone", failing_since=NOW))
    assert health.check(settings, store, NOW).status == "error"
    store.publish(Snapshot(7, NOW, NOW, {}))
    store.report(Status())
    live = health.check(settings, store, NOW + timedelta(seconds=1))
    assert (live.version, live.age_seconds, live.status) == (7, 1.0, "live")
    store.report(Status(error="OSError: gone", failing_since=NOW))
    assert health.check(settings, store, NOW).status == "error"
    late = NOW + settings.stale_after + timedelta(seconds=1)
    assert health.check(settings, store, late).status == "stale"


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
