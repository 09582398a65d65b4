"""Views are computed once per snapshot and choices, and never depend on the viewer."""

import functools
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, Literal

import dash
import pandas as pd
import pytest
import toy
from dash import Dash, Input, Output, State, ctx
from dash._callback import GLOBAL_CALLBACK_LIST, GLOBAL_CALLBACK_MAP
from dash.exceptions import DuplicateCallback
from flask import Flask, request, session
from helpers import ask, changed, module_of, showing, tables_of
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from {{cookiecutter.project_slug}}.engine import Duration
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot
from {{cookiecutter.project_slug}}.engine.page import (
    Data,
    Tables,
    ViewError,
    add_views,
    per_snapshot,
    view,
)

pytestmark = pytest.mark.usefixtures("patient")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATH = "/_dash-update-component"
CARDS = Output("cards", "children")
WINDOW = Input("window", "value")
VERSION = Input("snapshot-version", "data")


def publish(store: MemoryStore, version: int, *values: float) -> None:
    rows = [(NOW + timedelta(seconds=number), "a", it) for number, it in enumerate(values)]
    store.publish(Snapshot(version, NOW, NOW, tables_of(*rows)))


def build(
    create_app: Callable[[Any, Data], Dash], settings: toy.Settings, store: MemoryStore
) -> Flask:
    return toy.DASHBOARD.build(settings, create_app, store)[0].server


def choose(server: Flask, window: Any = "all", output: str = "cards") -> Any:
    """Return what a new viewer sees for a choice."""
    values = {**toy.CHOSEN, "window.value": window}
    (shown,) = ask(server.test_client(), output, values)[output].values()
    return shown


def post(server: Flask, window: Any = "all", **options: Any) -> TestResponse:
    """Request the cards with one choice."""
    inputs = [
        {"id": "snapshot-version", "property": "data", "value": 1},
        {"id": "window", "property": "value", "value": window},
    ]
    output = {"id": "cards", "property": "children"}
    body = {"output": "cards.children", "outputs": output, "inputs": inputs}
    return server.test_client().post(PATH, json={**body, "changedPropIds": []}, **options)


@view(CARDS, toy.CHOICES)
def total(tables: Tables, names: list[str] | None, window: Literal["all"]) -> str:
    """Return the sum of the values."""
    return f"{tables['readings']['value'].sum()} {names} {window}"


def test_a_view_can_be_called_as_the_plain_function() -> None:
    tables = Tables(tables_of((NOW, "a", 1.5), (NOW, "b", 2.0)))
    assert total(tables, ["a"], window="all") == "3.5 ['a'] all"
    assert (total.__name__, total.__doc__) == ("total", "Return the sum of the values.")


def test_a_view_is_computed_once_per_snapshot_and_choice(
    settings: toy.Settings, store: MemoryStore
) -> None:
    seen: list[tuple[int | None, str]] = []

    @view(CARDS, [WINDOW])
    def cards(tables: Tables, window: str) -> str:
        seen.append((tables.version, window))
        return f"{tables.version} {window}"

    publish(store, 1, 1.0)
    server = build(showing(cards), settings, store)
    assert {choose(server, "a") for _ in range(3)} == {"1 a"}
    assert {choose(server, "b") for _ in range(3)} == {"1 b"}
    publish(store, 2, 1.0)
    assert {choose(server, "a") for _ in range(3)} == {"2 a"}
    assert seen == [(1, "a"), (1, "b"), (2, "a")]


def test_all_tables_of_a_view_come_from_one_snapshot(
    settings: toy.Settings, store: MemoryStore
) -> None:
    @view(CARDS, [WINDOW])
    def cards(tables: Tables, _window: str) -> str:
        first = tables["readings"]["value"].iloc[-1]
        publish(store, 2, 2.0)
        return f"{tables.version} {first} {tables['readings']['value'].iloc[-1]}"

    publish(store, 1, 1.0)
    server = build(showing(cards), settings, store)
    assert choose(server) == "1 1.0 1.0"
    assert choose(server) == "2 2.0 2.0"


def test_arguments_are_converted_by_their_annotations(
    settings: toy.Settings, store: MemoryStore
) -> None:
    @view(CARDS, [WINDOW])
    def cards(_tables: Tables, window: Duration | Literal["all"]) -> str:
        return "all" if window == "all" else f"{window / timedelta(hours=1)} hours"

    server = build(showing(cards), settings, store)
    assert choose(server, "60m") == choose(server, "1h") == "1.0 hours"
    assert choose(server, "all") == "all"


@pytest.mark.parametrize("window", ["a month", "", None, 60, ["1h"], {"1h": 1}, True])
@pytest.mark.parametrize("annotation", [Duration, Duration | Literal["all"]])
def test_an_invalid_argument_is_rejected_and_logged(
    window: Any,
    annotation: Any,
    settings: toy.Settings,
    store: MemoryStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    called = []

    @view(CARDS, [WINDOW])
    def cards(_tables: Tables, window: annotation) -> None:
        called.append(window)

    server = build(showing(cards), settings, store)
    response = post(server, window)
    assert (response.status_code, response.mimetype) == (400, "text/plain")
    assert not called
    (record,) = [it for it in caplog.records if it.levelno >= logging.WARNING]
    for said in (response.text, record.getMessage()):
        assert "(window.value)" in said
        assert "write a number and a unit, as in" in said


def test_the_first_parameter_may_have_any_annotation(
    settings: toy.Settings, store: MemoryStore
) -> None:
    @view(CARDS, [WINDOW])
    def cards(tables: dict[str, pd.DataFrame], window: str) -> str:
        return window

    @view(Output("trend-graph", "figure"), [WINDOW])
    def trend(tables: dict, window: str) -> str:  # type: ignore[type-arg]
        return window

    server = build(showing(cards, trend), settings, store)
    assert choose(server, "1h") == choose(server, "1h", "trend-graph") == "1h"


def test_choices_keep_their_order(settings: toy.Settings, store: MemoryStore) -> None:
    @view(CARDS, [Input("window", "value"), Input("series", "value"), State("status", "title")])
    def cards(_tables: Tables, window: str, names: list[str], title: str | None) -> str:
        return f"{window} {names} {title}"

    server = build(showing(cards), settings, store)
    assert choose(server, "1h") == "1h [] None"


def test_a_choice_may_appear_twice(settings: toy.Settings, store: MemoryStore) -> None:
    @view(CARDS, [WINDOW, State("window", "value")])
    def cards(_tables: Tables, window: str, same: str) -> str:
        return f"{window} {same}"

    assert choose(build(showing(cards), settings, store), "1h") == "1h 1h"


def test_views_work_in_a_plain_dash_app_too(settings: toy.Settings, store: MemoryStore) -> None:
    @view(CARDS, [WINDOW])
    def cards(tables: Tables, window: str) -> str:
        return f"{tables.version} {window}"

    app = showing(cards)(settings, Data(store, toy.TABLES))
    for version in (1, 2):
        publish(store, version, 1.0)
        assert choose(app.server, "1h") == f"{version} 1h"


def the_url() -> Any:
    return request.url


def the_session() -> Any:
    return session.get("user")


def write_the_session() -> None:
    session["seen"] = True


def what_triggered_it() -> Any:
    return ctx.triggered_id


def a_cookie() -> Any:
    return ctx.cookies.get("who")


LOOKS = [the_url, the_session, write_the_session, what_triggered_it, a_cookie]


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("look", LOOKS)
def test_a_view_that_uses_the_request_fails_with_a_remedy(
    look: Callable[[], Any],
    locked: bool,
    settings: toy.Settings,
    store: MemoryStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    @view(CARDS, [WINDOW])
    def cards(_tables: Tables, _window: str) -> str:
        return f"for {look()}"

    hash_ = generate_password_hash("right", "pbkdf2:sha256:1")
    auth = type(settings.auth).model_validate({"users": {"ann": hash_} if locked else {}})
    server = build(showing(cards), settings.model_copy(update={"auth": auth}), store)
    for _ in range(2):
        response = post(server, auth=("ann", "right"))
        assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert (
        f"ViewError: the view {__name__}.{cards.__qualname__} uses the request or the session of "
        "one viewer, but its result is shared among all: make it an @app.callback\n"
    ) in caplog.text
    assert (post(server).status_code == 401) == locked


def test_other_errors_of_a_view_are_unchanged(
    settings: toy.Settings, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    @view(CARDS, [WINDOW])
    def cards(_tables: Tables, _window: str) -> str:
        raise RuntimeError("out of order")

    assert post(build(showing(cards), settings, store)).status_code == 500
    assert "out of order" in caplog.text
    assert ViewError.__name__ not in caplog.text


def test_the_number_of_parameters_is_checked_at_start(
    settings: toy.Settings, store: MemoryStore
) -> None:
    def none() -> None: ...
    def few(tables: Tables) -> None: ...
    def many(tables: Tables, window: str, other: str) -> None: ...
    def misplaced(tables: Tables, settings: Any, window: str) -> None: ...

    def refusal(function: Callable[..., None], *choices: Input) -> str:
        with pytest.raises(TypeError) as caught:
            build(showing(view(CARDS, choices)(function)), settings, store)
        start = f"the view {__name__}.{function.__qualname__} takes "
        assert str(caught.value).startswith(start)
        return str(caught.value).removeprefix(start)

    needed = "it must take the tables, then 1 choices (window.value), and may take `settings` last"
    assert refusal(none, WINDOW) == f"(): {needed}"
    assert refusal(few, WINDOW) == f"(tables): {needed}"
    assert refusal(many, WINDOW) == f"(tables, window, other): {needed}"
    assert refusal(misplaced, WINDOW) == f"(tables, settings, window): {needed}"
    two = needed.replace("1 choices (window.value)", "2 choices (series.value, window.value)")
    assert refusal(few, Input("series", "value"), WINDOW) == f"(tables): {two}"


def test_settings_are_optional(settings: toy.Settings, store: MemoryStore) -> None:
    @view(CARDS, [WINDOW])
    def cards(_tables: Tables, window: str, settings: toy.Settings) -> str:
        return f"{settings.app.title} {window}"

    @view(Output("trend-graph", "figure"), [WINDOW])
    def trend(_tables: Tables, window: str) -> str:
        return window

    server = build(showing(cards, trend), settings, store)
    assert choose(server, "1h") == "Toy 1h"
    assert choose(server, "1h", "trend-graph") == "1h"


def test_a_view_may_have_no_choices_and_several_outputs(
    settings: toy.Settings, store: MemoryStore
) -> None:
    @view([CARDS, Output("cards", "title")])
    def cards(tables: Tables) -> tuple[str, str]:
        return str(tables.version), "the newest"

    publish(store, 7, 1.0)
    client = build(showing(cards), settings, store).test_client()
    shown = ask(client, "cards.children", {"snapshot-version.data": 7})["cards"]
    assert shown == {"children": "7", "title": "the newest"}


def test_per_snapshot_is_computed_once_for_all_views(
    settings: toy.Settings, store: MemoryStore
) -> None:
    computed = []

    @per_snapshot
    def count(tables: Tables) -> int:
        computed.append(tables.version)
        return len(tables["readings"])

    @view(CARDS, [WINDOW])
    def cards(tables: Tables, window: str) -> str:
        return f"{count(tables)} {window}"

    @view(Output("trend-graph", "figure"), [WINDOW])
    def trend(tables: Tables, window: str) -> str:
        return f"{count(tables)} {window}"

    publish(store, 1, 1.0, 2.0)
    server = build(showing(cards, trend), settings, store)
    for window in ("1h", "2h"):
        assert choose(server, window) == choose(server, window, "trend-graph") == f"2 {window}"
    publish(store, 2, 1.0, 2.0, 3.0)
    assert choose(server, "1h") == "3 1h"
    assert computed == [1, 2]


@pytest.mark.parametrize("column", ["value", None])
def test_a_view_cannot_change_other_views_per_snapshot_values(column: str | None) -> None:
    @per_snapshot
    def derived(tables: Tables) -> Any:
        return tables["readings"][column] if column else tables["readings"]

    tables = Tables(tables_of((NOW, "a", 1.0), (NOW, "b", 2.0)))
    before = derived(tables).copy()
    mine = derived(tables)
    if column:
        mine.iloc[0] = 99.0
        mine *= 2
    else:
        mine.loc[0, "value"] = 99.0
        mine["value"] *= 2
        mine["more"] = 1
        mine.pop("series")
    assert not mine.equals(before)
    assert derived(tables).equals(before)
    assert tables["readings"].equals(tables_of((NOW, "a", 1.0), (NOW, "b", 2.0))["readings"])


def test_a_view_that_is_only_imported_is_added_once(
    settings: toy.Settings, store: MemoryStore
) -> None:
    own, other = module_of(toy.cards), ModuleType("other")
    vars(other).update(vars(module_of(toy.cards, toy.trend)), __name__="other")

    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = toy.app_of(own, settings, data)
        add_views(app, other, settings, data)
        return app

    client = build(create_app, settings, store).test_client()
    declared = [it["output"] for it in json.loads(client.get("/_dash-dependencies").text)]
    assert declared.count("cards.children") == 1
    assert "trend-graph.figure" not in declared


def test_a_plain_callback_is_computed_for_each_viewer(
    settings: toy.Settings, store: MemoryStore
) -> None:
    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = toy.app_of(ModuleType("empty"), settings, data)

        @app.server.before_request
        def log_in() -> None:
            if who := request.args.get("who"):
                session["user"] = who

        @app.callback(CARDS, VERSION, WINDOW)
        def cards(_version: int | None, window: Literal["all"]) -> str:
            return f"for {session['user']}"

        return app

    server = build(create_app, settings, store)
    ann, bob = server.test_client(), server.test_client()
    for _ in range(2):
        for who, client in {"ann": ann, "bob": bob}.items():
            client.get(f"/?who={who}")
            values = {"snapshot-version.data": 1, "window.value": "all"}
            assert ask(client, "cards", values)["cards"]["children"] == f"for {who}"
    assert post(server, "1h").status_code == 400, "its arguments are checked, too"


def wrapped(route: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(route)
    def guarded(**values: Any) -> Any:
        return route(**values) if request.headers.get("X-Who") == "friend" else ("", 401)

    return guarded


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "a function": wrapped,
    "a partial": functools.partial,
    "a lambda": lambda route: lambda **values: route(**values),
}


@pytest.mark.parametrize("name", ["/", PATH, "/_dash-layout"])
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_an_app_that_wraps_routes_of_dash_is_rejected_at_start(
    wrap: Callable[[Any], Any], name: str, settings: toy.Settings, store: MemoryStore
) -> None:
    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = toy.create_app(settings, data)
        app.server.view_functions[name] = wrap(app.server.view_functions[name])
        return app

    with pytest.raises(TypeError) as caught:
        build(create_app, settings, store)
    assert str(caught.value) == (
        f"create_app wraps the route {name}, which would leave other routes open: "
        "check who may see the page in a hook, with @app.server.before_request"
    )


def test_an_app_may_have_its_own_routes(settings: toy.Settings, store: MemoryStore) -> None:
    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = toy.create_app(settings, data)
        app.server.add_url_rule("/hello", "hello", lambda: "hello")
        return app

    assert build(create_app, settings, store).test_client().get("/hello").text == "hello"


@pytest.mark.parametrize("when", ["before", "after", "globally", "as a view"])
def test_a_callback_that_replaces_a_view_is_rejected_at_start(
    when: str, settings: toy.Settings, store: MemoryStore
) -> None:
    def cards(*_: Any) -> str:
        return str(session.get("user"))

    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = toy.app_of(module_of(*[toy.cards] * (when != "before")), settings, data)
        if when == "globally":
            dash.callback(CARDS, [VERSION, *toy.CHOICES])(cards)
        elif when != "as a view":
            app.callback(CARDS, [VERSION, *toy.CHOICES])(cards)
        if when in ("before", "as a view"):
            add_views(app, module_of(toy.cards), settings, data)
        return app

    error = DuplicateCallback if when == "globally" else TypeError  # raised by Dash
    try:
        with pytest.raises(
            error, match=r"two callbacks have the output cards\.children|was already assigned"
        ):
            build(create_app, settings, store)
    finally:
        GLOBAL_CALLBACK_MAP.clear()
        GLOBAL_CALLBACK_LIST.clear()


def test_protection_does_not_depend_on_lines_in_the_app(
    settings: toy.Settings, store: MemoryStore
) -> None:
    """Even a minimal app has a login, headers, validation and health checks."""

    def create_app(_settings: toy.Settings, _data: Data) -> Dash:
        app = Dash("bare")
        app.layout = []

        @app.callback(CARDS, WINDOW)
        def cards(window: Literal["all"]) -> str:
            return window

        return app

    hash_ = generate_password_hash("right", "pbkdf2:sha256:1")
    auth = type(settings.auth).model_validate({"users": {"ann": hash_}})
    chosen = changed(settings.model_copy(update={"auth": auth}), "server", max_body_bytes=1_000)
    client = build(create_app, chosen, store).test_client()
    for path in ("/", "/_dash-layout", "/_live", "/none"):
        response = client.get(path)
        assert response.status_code == 401
        assert "Content-Security-Policy" in response.headers
    ann: Any = {"auth": ("ann", "right")}
    assert client.get("/healthz").status_code == client.get("/", **ann).status_code == 200
    assert client.get("/_live", **ann).json
    assert client.post(PATH, json={"output": "cards.children"}, **ann).status_code == 400
    assert client.post(PATH, data=b"x" * 1_001, **ann).status_code == 413
