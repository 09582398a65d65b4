import functools
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import toy
from dash import Dash
from flask import Blueprint, Flask, Response, abort, current_app, g, request, request_started
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash
from werkzeug.test import run_wsgi_app

from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.page import Data

pytestmark = pytest.mark.usefixtures("patient")
FRIEND = {"X-Who": "friend"}
BODY = {
    "output": "cards.children",
    "outputs": {"id": "cards", "property": "children"},
    "inputs": [
        {"id": "snapshot-version", "property": "data", "value": 1},
        {"id": "series", "property": "value", "value": []},
        {"id": "window", "property": "value", "value": "all"},
    ],
    "changedPropIds": ["snapshot-version.data"],
}


def check() -> None:
    if request.headers.get("X-Who") != "friend":
        abort(401)


@functools.wraps(Dash._setup_server)
def disguised(*_: Any) -> None:
    check()


class Middleware:
    """WSGI middleware that only lets friends through."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ.get("HTTP_X_WHO") == "friend":
            return self.app(environ, start_response)
        start_response("401 UNAUTHORIZED", [])
        return [b""]


def wrap_app(server: Flask) -> None:
    server.wsgi_app = Middleware(server.wsgi_app)  # type: ignore[method-assign]


def wrap_dispatch(server: Flask) -> None:
    dispatch = server.dispatch_request

    def dispatch_request() -> Any:
        check()
        return dispatch()

    server.dispatch_request = dispatch_request  # type: ignore[method-assign]


def wrap_views(server: Flask) -> None:
    def guarded(view: Any) -> Any:
        @functools.wraps(view)
        def guard(**values: Any) -> Any:
            check()
            return view(**values)

        return guard

    server.view_functions = {name: guarded(view) for name, view in server.view_functions.items()}


def blueprint(server: Flask) -> None:
    routes = Blueprint("login", __name__)
    routes.before_app_request(check)
    server.register_blueprint(routes)


def teardown(server: Flask) -> None:
    """Close the server to all but friends after the first request."""

    @server.before_request
    def tick() -> None:
        if g.get("closed") or current_app.config.get("closed"):
            check()

    @server.teardown_request
    def close(_error: Any) -> None:
        current_app.config["closed"] = True


def preprocess(server: Flask) -> None:
    @server.url_value_preprocessor
    def tick(_endpoint: Any, _values: Any) -> None:
        check()


def after(server: Flask) -> None:
    @server.after_request
    def tick(response: Any) -> Any:
        check()
        return response


def signal(server: Flask) -> None:
    server.extensions["kept alive"] = receiver = lambda *_, **__: check()
    request_started.connect(receiver, server)


GUARDS: dict[str, Callable[[Flask], Any]] = {
    "a hook": lambda server: server.before_request(check),
    "a hook that looks like Dash's": lambda server: server.before_request(disguised),
    "a hook in part": lambda server: server.before_request(functools.partial(check)),
    "a hook of a blueprint": blueprint,
    "a hook after": after,
    "a hook of the address": preprocess,
    "a signal": signal,
    "middleware": wrap_app,
    "a method": wrap_dispatch,
}


# The reason that is logged for each guard.
REASONS = {
    "a hook": "the hook test_fast_path.check runs for them",
    "a hook that looks like Dash's": "the hook dash.dash.Dash._setup_server runs for them",
    "a hook in part": "the hook functools.partial runs for them",
    "a hook of a blueprint": "the hook test_fast_path.check runs for them",
    "a hook after": "the hook test_fast_path.after.<locals>.tick runs for them",
    "a hook of the address": "the hook test_fast_path.preprocess.<locals>.tick runs for them",
    "a signal": "Flask's signals have receivers",
    "middleware": "wsgi_app is test_fast_path.Middleware",
    "a method": "dispatch_request is test_fast_path.wrap_dispatch.<locals>.dispatch_request",
}

# Guards that Flask still accepts after its first request, which `build` has sent.
LATE = ("a signal", "middleware", "a method")


@pytest.fixture
def make(settings: toy.Settings) -> Iterator[Callable[..., FlaskClient]]:
    """Return a function that builds a dashboard with a guard, in `create_app` or after `build`."""
    receivers = dict(request_started.receivers)
    hash_ = generate_password_hash("right", "pbkdf2:sha256:1")
    users = type(settings.auth).model_validate({"users": {"ann": hash_}})

    def make(guard: Callable[[Flask], Any], when: str, locked: bool = False) -> FlaskClient:
        def create_app(settings: toy.Settings, data: Data) -> Dash:
            app = toy.create_app(settings, data)
            if when == "in create_app":
                guard(app.server)
            return app

        chosen = settings.model_copy(update={"auth": users}) if locked else settings
        app, _ = toy.DASHBOARD.build(chosen, create_app, MemoryStore())
        if when == "after build":
            guard(app.server)
        client = app.server.test_client()
        if locked:
            client.get("/", auth=("ann", "right"), headers=FRIEND)
        return client

    yield make
    for receiver in [it for it in request_started.receivers if it not in receivers]:
        request_started.receivers.pop(receiver)


def statuses(client: FlaskClient, headers: dict[str, str]) -> list[int]:
    view = json.dumps(BODY)
    url = '/_view?code=x&version=1&output=cards.children&values=[[],"all"]'
    return [
        client.get("/", headers=headers).status_code,
        client.get(url, headers=headers).status_code,
        client.get("/_live", headers=headers).status_code,
        client.post(
            "/_dash-update-component",
            data=view,
            content_type="application/json",
            headers=headers,
        ).status_code,
    ]


CASES = [(name, "in create_app", locked) for name in GUARDS for locked in (False, True)]
CASES += [(name, "after build", locked) for name in LATE for locked in (False, True)]


@pytest.mark.parametrize(("guard", "when", "locked"), CASES)
def test_guards_cannot_be_bypassed(
    guard: str,
    when: str,
    locked: bool,
    make: Callable[..., FlaskClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    client = make(GUARDS[guard], when, locked)
    for _ in range(2):
        assert statuses(client, FRIEND) == [200, 200, 200, 200]
        assert set(statuses(client, {})) <= {401, 500}
        poll = client.get("/_live", headers=FRIEND)
        assert "public" not in poll.headers["Cache-Control"], "caches have no guard"
    lines = [it.getMessage() for it in caplog.records if "fast path" in it.getMessage()]
    in_front = guard == "middleware" and when == "after build"  # in front of the fast path, too
    said = f"the fast path is off, and all requests go through Flask: {REASONS[guard]}"
    assert lines == ([] if in_front else [said])


@pytest.mark.parametrize("guard", [name for name in GUARDS if "hook" in name])
def test_flask_rejects_hooks_added_too_late(guard: str, make: Callable[..., FlaskClient]) -> None:
    with pytest.raises(AssertionError, match="can no longer be called"):
        make(GUARDS[guard], "after build")


@pytest.mark.parametrize("locked", [False, True])
def test_views_wrapped_after_build_cannot_be_bypassed(
    locked: bool, make: Callable[..., FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    client = make(wrap_views, "after build", locked)
    for _ in range(2):
        assert statuses(client, FRIEND) == [200, 200, 200, 200]
        assert set(statuses(client, {})) == {401}
    for name in ("live.poll", "/_dash-update-component"):
        view = client.application.view_functions[name]  # has the name of the view that it wraps
        said = f"the view {name} was replaced by {view.__module__}.{view.__qualname__}\n"
        assert caplog.text.count(f"Flask: {said}") == 1


@pytest.mark.parametrize("locked", [False, True])
def test_wrapping_views_of_dash_in_create_app_is_rejected(
    locked: bool, make: Callable[..., FlaskClient]
) -> None:
    with pytest.raises(TypeError, match=r"/_dash-component-suites/.*before_request"):
        make(wrap_views, "in create_app", locked)


def test_a_teardown_hook_runs_after_every_request(
    make: Callable[..., FlaskClient],
) -> None:
    client = make(teardown, "in create_app")
    assert statuses(client, FRIEND) == [200, 200, 200, 200]
    assert set(statuses(client, {})) == {401}


def test_what_ends_each_request_in_the_app_is_run(make: Callable[..., FlaskClient]) -> None:
    ended = []

    def close(_error: Any) -> None:
        ended.append("closed")

    client = make(lambda server: server.teardown_appcontext(close), "in create_app")
    ended.clear()
    for _ in range(3):
        assert client.get("/_live").status_code == 200
    assert ended == ["closed"] * 3


@pytest.mark.parametrize("locked", [False, True])
def test_the_fast_path_is_used_without_other_guards(
    locked: bool,
    make: Callable[..., FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    client = make(lambda server: None, "in create_app", locked)
    assert statuses(client, {}) == [200, 200, 200, 200]

    def fail(*_: Any) -> Any:
        raise AssertionError("Flask was asked")

    monkeypatch.setattr(Flask, "full_dispatch_request", fail)
    assert statuses(client, {})[1:] == [200, 200, 200]
    assert "fast path" not in caplog.text
    with client.get("/_live") as response:
        environ = response.request.environ
    _, status, headers = run_wsgi_app(client.application.wsgi_app, environ)
    assert (status, headers["Content-Type"]) == ("200 OK", "application/json")


@pytest.mark.parametrize("has", ["a cookie", "a password", "trusted hosts"])
def test_flask_answers_clients_that_it_may_know(
    has: str,
    make: Callable[..., FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = make(lambda server: None, "in create_app")
    assert statuses(client, {}) == [200, 200, 200, 200]
    monkeypatch.setattr(Flask, "full_dispatch_request", lambda _: Response("by Flask", 418))
    assert statuses(client, {}) == [418, 200, 200, 200]
    if has == "a cookie":
        client.set_cookie("who", "ann")
    if has == "trusted hosts":
        client.application.config["TRUSTED_HOSTS"] = ["localhost"]
    headers = {"Authorization": "Basic YTpi"} if has == "a password" else {}
    assert statuses(client, headers) == [418, 418, 418, 418]
    why = ["TRUSTED_HOSTS is set"] if has == "trusted hosts" else []
    said = [f"the fast path is off, and all requests go through Flask: {it}" for it in why]
    assert [it.getMessage() for it in caplog.records if "fast path" in it.getMessage()] == said
