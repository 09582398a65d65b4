"""Adds third-party logins to a rendered project, and checks that they cannot be bypassed.

Run in the project's environment, with dash-auth and flask-login, as: python logins.py PACKAGE.
"""

import json
import sys
from base64 import b64encode
from collections.abc import Callable
from importlib import import_module
from typing import Any

import dash_auth
import flask_login
from dash import Dash, Input, Output
from flask import Response, abort, request, session

Headers = dict[str, str]
NOBODY: Headers = {}
VIEWS = {"cards.children": ["series", "window"], "who.children": []}


def by_dash_auth(app: Dash) -> tuple[Callable[[str], Headers], Callable[[], str]]:
    """Require a password with dash-auth, which keeps a user's groups in the session."""
    groups: Any = {"ann": ["admin"], "bob": ["guest"]}
    dash_auth.BasicAuth(app, {"ann": "pw", "bob": "pw"}, secret_key="key", user_groups=groups)

    def basic(name: str) -> Headers:
        return {"Authorization": f"Basic {b64encode(f'{name}:pw'.encode()).decode()}"}

    return basic, lambda: str(dash_auth.list_groups())


def by_flask_login(app: Dash) -> tuple[Callable[[str], Headers], Callable[[], str]]:
    """Identify users with flask-login."""
    logins = flask_login.LoginManager(app.server)

    @logins.request_loader
    def load(received: Any) -> flask_login.UserMixin | None:
        user = flask_login.UserMixin()
        user.id = received.headers.get("X-Key")
        return user if user.id in ("ann", "bob") else None

    @app.server.before_request
    def check() -> None:
        if not flask_login.current_user.is_authenticated:
            abort(401)

    return lambda name: {"X-Key": name}, lambda: str(flask_login.current_user.id)


def by_a_proxy(app: Dash) -> tuple[Callable[[str], Headers], Callable[[], str]]:
    """Trust a proxy such as oauth2-proxy to name the user."""

    @app.server.before_request
    def check() -> Response | None:
        user = request.headers.get("X-Auth-Request-User")
        if user is None:
            return Response("no proxy", 401)
        session["user"] = {"email": user}
        return None

    return lambda name: {"X-Auth-Request-User": name}, lambda: str(session["user"]["email"])


def statuses(client: Any, headers: Headers) -> list[int]:
    """Return the status codes of the page, its poll and its views."""
    answers = [client.get(path, headers=headers) for path in ("/", "/_live", "/_dash-layout")]
    return [*(it.status_code for it in answers), *(view(client, it, headers)[0] for it in VIEWS)]


def view(client: Any, output: str, headers: Headers) -> tuple[int, str]:
    id_, _, property_ = output.partition(".")
    values = {"series": [], "window": "all"}
    inputs = [{"id": "snapshot-version", "property": "data", "value": None}]
    inputs += [{"id": it, "property": "value", "value": values[it]} for it in VIEWS[output]]
    body = {
        "output": output,
        "outputs": {"id": id_, "property": property_},
        "inputs": inputs,
        "changedPropIds": ["snapshot-version.data"],
    }
    answer = client.post("/_dash-update-component", json=body, headers=headers)
    return answer.status_code, answer.text


def check(package: str, login: Any, when: str) -> None:
    """Check that a login works, whether it is added before or after the views."""
    module, dashboard = (import_module(f"{package}.{name}") for name in ("app", "schedule"))
    add_views = module.add_views
    added: list[Any] = []

    def add_views_and_login(app: Dash, *rest: Any) -> None:
        if when == "before" and not added:
            added.append(login(app))
        add_views(app, *rest)

    def create_app(*args: Any) -> Dash:
        app = module.create_app(*args)

        @app.callback(Output("who", "children"), Input("snapshot-version", "data"))
        def who(_version: int | None) -> str:
            return f"<{added[0][1]()}>"

        if when == "after":
            added.append(login(app))
        return app

    module.add_views = add_views_and_login
    try:
        app, _ = dashboard.DASHBOARD.build(dashboard.Settings.load(), create_app)
    finally:
        module.add_views = add_views
    headers, _ = added[0]
    seen = {}
    for _ in range(2):
        for name in ("ann", "bob"):
            assert statuses(app.server.test_client(), headers(name)) == [200] * 5, (name, when)
            seen[name] = view(app.server.test_client(), "who.children", headers(name))[1]
        refused = statuses(app.server.test_client(), NOBODY)
        assert set(refused) == {401}, (login.__name__, when, refused)
        wrong = statuses(app.server.test_client(), headers("eve"))
        assert set(wrong) == {401} or login is by_a_proxy, (login.__name__, when, wrong)
    assert seen["ann"] != seen["bob"], seen
    shown = {name: json.loads(text)["response"]["who"]["children"] for name, text in seen.items()}
    print(login.__name__, when, shown)


if __name__ == "__main__":
    for each in (by_dash_auth, by_flask_login, by_a_proxy):
        for moment in ("before", "after"):
            check(sys.argv[1], each, moment)
