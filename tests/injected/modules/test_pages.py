from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flask import Flask
from my_dashboard import engineering
from my_dashboard.app import create_app
from my_dashboard.engine import Outcome, Snapshot, Status
from my_dashboard.engine.data.access import Data
from my_dashboard.engine.data.memory_store import MemoryStore
from my_dashboard.engine.settings import Auth
from my_dashboard.pages import data as data_page
from my_dashboard.preprocess import TABLES
from my_dashboard.schedule import DASHBOARD
from my_dashboard.setting import Settings
from werkzeug.security import generate_password_hash

from helpers import ask, changed, tables_of, wait_until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VALUES = [3.0, 1.0, 2.0]
CHOICES = {"snapshot-version.data": None, "series.value": [], "window.value": "all"}


@pytest.fixture
def store() -> MemoryStore:
    """A store with a series that is not in `series.csv`, and more rows than one request returns."""
    known = engineering.known_series().index[0]
    times = [NOW + timedelta(seconds=row) for row in range(360)]
    series = [known if row % 3 else "another" for row in range(360)]
    values = [VALUES[row % 3] for row in range(360)]
    store = MemoryStore()
    store.publish(Snapshot(7, NOW, NOW, tables_of(*zip(times, series, values, strict=True))))
    return store


@pytest.fixture
def client(settings: Settings, store: MemoryStore) -> Any:
    app, _ = DASHBOARD.build(settings, create_app, store)
    return app.server.test_client()


def rows(settings: Settings, store: MemoryStore, start: int = 0, **sorted_by: str) -> Any:
    """Request rows as the table does."""
    order = [{"colId": column, "sort": sort} for column, sort in sorted_by.items()]
    asked = {"startRow": start, "endRow": start + 100, "filterModel": {}, "sortModel": order}
    values = {**CHOICES, "rows.getRowsRequest": asked}
    client = create_app(settings, Data(store, TABLES)).server.test_client()
    return ask(client, "rows", values)["rows"]["getRowsResponse"]


def test_the_newest_rows_come_first(settings: Settings, store: MemoryStore) -> None:
    answer = rows(settings, store)
    assert (len(answer["rowData"]), answer["rowCount"]) == (100, 360)
    first, second = (NOW + timedelta(seconds=it) for it in (359, 358))
    shown = [row["time"] for row in answer["rowData"][:2]]
    zone = settings.app.timezone
    assert shown == [f"{it.astimezone(zone):%Y-%m-%d %H:%M:%S}" for it in (first, second)]
    assert len(rows(settings, store, 300)["rowData"]) == 60
    assert rows(settings, store, 10**30) == {"rowData": [], "rowCount": 360}


def test_rows_are_returned_in_the_requested_order(settings: Settings, store: MemoryStore) -> None:
    found = rows(settings, store, value="desc", time="asc")["rowData"]
    assert [row["value"] for row in found] == ["3"] * 100
    assert found[0]["time"] < found[-1]["time"]
    last = rows(settings, store, 300, series="asc")["rowData"]
    assert {row["series"] for row in last} == {"another"}, "those of series.csv come first"


@pytest.mark.parametrize(
    ("values", "shown"),
    [([28.8, 28.85], "28.80"), ([3.0, 1.0], "3"), ([0.12345678, 1.0], "0.12345678")],
)
def test_a_value_is_written_in_full_with_the_decimals_of_its_series(
    values: list[float], shown: str, settings: Settings
) -> None:
    store = MemoryStore()
    readings = ((NOW - timedelta(minutes=back), "a", it) for back, it in enumerate(values))
    store.publish(Snapshot(7, NOW, NOW, tables_of(*readings)))
    assert rows(settings, store)["rowData"][0]["value"] == shown


def test_states_are_rows_too(settings: Settings) -> None:
    store = MemoryStore()
    tables = tables_of((NOW, "heat", 2.0), (NOW + timedelta(minutes=1), "heat", 3.0))
    states = tables["readings"].iloc[:1].drop(columns="value").assign(series="pump", state="on")
    states = states.astype({"series": "category", "state": "category"})
    store.publish(Snapshot(7, NOW, NOW, {**tables, "states": states}))
    assert [it["value"] for it in rows(settings, store)["rowData"]] == ["3", "on", "2"]
    ordered = rows(settings, store, value="asc")["rowData"]
    assert [it["value"] for it in ordered] == ["2", "3", "on"], "text follows the numbers"


def test_the_rows_of_a_ranking_have_items(settings: Settings) -> None:
    table = pd.DataFrame({"item": ["b", "a"], "series": "value", "value": [1.0, 2.0]})
    table = table.astype({"item": "category", "series": "category"})
    store = MemoryStore()
    store.publish(Snapshot(7, NOW, NOW, {"ranking": table}))
    assert [it["time"] for it in rows(settings, store)["rowData"]] == ["b", "a"]
    assert [it["time"] for it in rows(settings, store, time="asc")["rowData"]] == ["a", "b"]
    assert "Item" in str(data_page.layout(settings, Data(store, TABLES)))


def test_before_the_first_data_there_are_no_rows(settings: Settings) -> None:
    assert rows(settings, MemoryStore()) == {"rowData": [], "rowCount": 0}


@pytest.mark.parametrize(
    "asked",
    [
        {"startRow": -1, "sortModel": []},
        {"startRow": "0", "sortModel": []},
        {"startRow": 0, "sortModel": [{"colId": "unit", "sort": "asc"}]},
        {"startRow": 0, "sortModel": [{"colId": "time", "sort": "up"}]},
        {"sortModel": []},
    ],
)
def test_invalid_table_requests_are_rejected(asked: Any, client: Any) -> None:
    values = {**CHOICES, "rows.getRowsRequest": asked}
    with pytest.raises(AssertionError, match="Invalid request"):
        ask(client, "rows", values)


def test_the_status_page_lists_the_outcomes_of_refreshes(client: Any, store: MemoryStore) -> None:
    later = NOW + timedelta(minutes=5)
    changes = (
        Outcome(NOW, 0.5, rows=1234),
        Outcome(later, 0.25, rows=2, note="5,814 rows older than [refresh] history = 30d"),
    )
    failed = Outcome(NOW + timedelta(minutes=1), 1.25, error="OSError: gone")
    store.report(Status(changes=changes, failures=(failed,)))
    answer = ask(client, "status-content", {"poll.data": {}})["status-content"]["data"]
    newest, middle, oldest = answer["history"]
    assert newest["cells"][1:] == [
        "0.250",
        "2",
        "OK\n5,814 rows older than [refresh] history = 30d",
    ]
    assert (middle["cells"][1:], middle["failed"]) == (["1.250", "0", "OSError: gone"], True)
    assert (oldest["cells"][1:], oldest["failed"]) == (["0.500", "1,234", "OK"], False)


@pytest.mark.parametrize(
    ("environ", "operators", "sees"),
    [
        ({}, [], True),  # a request from this machine
        ({"REMOTE_ADDR": "192.0.2.7"}, [], False),
        ({"REMOTE_ADDR": "192.0.2.7"}, ["ann"], True),
        ({"REMOTE_ADDR": "192.0.2.7"}, ["bob"], False),
        ({"REMOTE_ADDR": ""}, [], False),  # through a Unix socket
        ({"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, [], False),
    ],
)
def test_only_operators_see_the_status_page(
    environ: dict[str, str],
    operators: list[str],
    sees: bool,
    settings: Settings,
) -> None:
    users = {"ann": generate_password_hash("right")}
    auth = Auth.model_validate({"users": users, "operators": operators})
    pipeline = replace(DASHBOARD.pipeline, read=lambda *_: Path("missing.csv").read_text())
    dashboard = replace(DASHBOARD, pipeline=pipeline)
    known = settings.model_copy(update={"auth": auth})
    app, schedule = dashboard.build(known, create_app)
    client = app.server.test_client()
    assert client.get("/", auth=("ann", "right")).status_code == 200
    wait_until(lambda: schedule.tick() or client.get("/_live").get_json()["state"] == "error")
    schedule.stop()
    client.environ_base.update(environ)
    answer = ask(client, "status-content", {"poll.data": {}})
    content, of = answer["status-content"]["data"], answer["log-of"]["children"]
    if sees:
        assert "missing.csv" in content["history"][0]["cells"][-1]
        assert content["history"][0]["failed"] and of
    else:
        assert (content, of) == ({"history": [], "lines": []}, "")
    values = {"_pages_location.pathname": "/status", "_pages_location.search": ""}
    page = str(ask(client, "_pages_content", values)["_pages_content"]["children"])
    assert ("'log-lines'" in page) == sees == ("For operators only" not in page)
    assert "'Main'" in page
    assert ('"Status"' in client.get("/_dash-layout").text) == sees, "the link"


@pytest.mark.parametrize("path", ["/", "/data", "/status"])
def test_each_page_has_its_layout_whatever_the_query_string(path: str, client: Any) -> None:
    parts = {"/": "trend-graph", "/data": "rows", "/status": "history"}
    client.get("/")
    values = {"_pages_location.pathname": path, "_pages_location.search": "?store=1&x=&_=2"}
    answer = ask(client, "_pages_content", values)
    assert f"'{parts[path]}'" in str(answer["_pages_content"]["children"])


def test_only_addresses_of_pages_are_found(client: Any) -> None:
    for path, status in {
        "/": 200,
        "/data": 200,
        "/status/": 200,
        "/status?x=1": 200,
        "/nowhere": 404,
        "/not-found-404": 404,
        "/data/x": 404,
    }.items():
        assert client.get(path).status_code == status, path
    values = {"_pages_location.pathname": "/nowhere", "_pages_location.search": "?x=1"}
    answer = ask(client, "_pages_content", values)
    assert "'Main'" in str(answer["_pages_content"]["children"])
    assert answer["_pages_store"]["data"] == {"title": "Page not found · My Dashboard"}


@pytest.mark.parametrize("path", [5, None, ["/"], "", "data", "/other/data"])
def test_an_address_outside_the_dashboard_is_rejected(
    path: Any, settings: Settings, store: MemoryStore
) -> None:
    below = changed(settings, "server", url_prefix="/dashboard/")
    app, _ = DASHBOARD.build(below, create_app, store)
    client = app.server.test_client()
    client.get("/dashboard/")
    values = {"_pages_location.pathname": path, "_pages_location.search": ""}
    with pytest.raises(AssertionError, match="Invalid request"):
        ask(client, "_pages_content", values, "/dashboard/")
    values["_pages_location.pathname"] = "/dashboard/none"
    assert "Page not found" in str(ask(client, "_pages_content", values, "/dashboard/"))


def test_the_poll_bypasses_flask_with_pages_too(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/")
    monkeypatch.setattr(Flask, "full_dispatch_request", lambda _: 1 / 0)
    assert client.get("/_live").get_json()["version"] == 7
