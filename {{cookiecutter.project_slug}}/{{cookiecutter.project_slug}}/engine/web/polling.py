"""Keeps open pages live: they poll for a new version, which their views follow."""

from collections.abc import Sequence
from typing import Any
from wsgiref.types import WSGIEnvironment

import orjson
from dash import ClientsideFunction, Dash, Input, Output, State
from flask import Blueprint, Response, abort, request

from ..data import freshness
from ..data.snapshot import now_utc
from ..data.store import Store
from ..figures import formats
from ..settings import AnySettings
from .fast_path import PUBLIC, FastPath
from .response_cache import CachedResponse
from .views import views_of

OLD = 30 * 86_400  # seconds; the page shows the date of data this old, instead of their age
TWO_TIMES = "2026-11-01T08:00/2026-11-02T09:30"
HEADERS = [("Content-Type", "application/json")]
# A proxy asks once a second, however many viewers poll. Those who poll meanwhile may get a response
# that is a little older, but not much: they must notice that the server does not answer.
LIFETIME = "max-age=1, stale-while-revalidate=2"


def install(app: Dash, settings: AnySettings, store: Store, fast_path: FastPath, code: str) -> None:
    """Answer polls, and have the page follow them; `code` identifies the release."""
    inputs = _view_inputs(app)
    values = [it for it in inputs if _is_named_value(it)]
    app.config.meta_tags += [
        {"name": "code-version", "content": code},
        {"name": "choices", "content": orjson.dumps([it.component_id for it in values]).decode()},
        {"name": "max-body-bytes", "content": str(settings.server.max_body_bytes)},
        {"name": "timezone", "content": settings.app.timezone.key},
        {"name": "zoom", "content": "yes" if _can_zoom(app) else "no"},
    ]
    routes = Blueprint("live", __name__, url_prefix=app.config.routes_pathname_prefix)

    def newest(query: str) -> CachedResponse:
        seen = query.partition("&")[0].removeprefix("version=")
        store.latest(int(seen) if seen.isdecimal() and len(seen) < 20 else None)
        return CachedResponse(
            HEADERS, orjson.dumps({"code": code, **poll_response(settings, store)})
        )

    @routes.get("/_live")
    def poll() -> Response:
        return newest(request.query_string.decode("latin-1")).response()

    @routes.post("/_live")
    def refresh_now() -> Response:
        if not request.is_json:  # a page of another site cannot send JSON
            abort(415)
        store.request_refresh()
        return newest("").response()

    app.server.register_blueprint(routes)
    path = f"{routes.url_prefix}_live"

    def polled(environ: WSGIEnvironment) -> CachedResponse:
        response = newest(environ["QUERY_STRING"])
        return response.public(LIFETIME) if environ[PUBLIC] else response

    fast_path.add("GET", path, "live.poll", polled)
    _add_callbacks(app, inputs, values)


def poll_response(settings: AnySettings, store: Store) -> dict[str, Any]:
    """Return the poll response: the newest version, its freshness, and when to poll again.

    `at`: when this was, in seconds, because it may come from a cache. `until`: the time of the
    newest row if it is old, or if the data are complete; "" without times.
    """
    requested = store.refresh_requested()  # before the version that it brings
    now, status = now_utc(), store.status()
    state = freshness.check(settings, store, now)
    problems, remarks = freshness.problems(settings, store, state), freshness.remarks(store)
    # If the clock contradicts the data, the time of the next refresh means nothing.
    due = None if state.is_fault else status.next_due
    left = (due + status.takes - now).total_seconds() if due else -1.0
    return {
        "at": round(now.timestamp(), 3),
        "version": state.version,
        "state": state.status,
        "age": state.age_seconds,
        "until": _until(settings, state),
        "refreshed": (now - state.refreshed).total_seconds() if state.refreshed else None,
        "next": 0 if requested else left,  # 0 only until a requested refresh is done
        "stale_in": state.stale_in,
        "message": "\n".join([*problems, *remarks]),
        "warns": bool(problems),
    }


def _until(settings: AnySettings, state: freshness.Freshness) -> str | None:
    if state.newest is None:
        return "" if state.status == "live" else None
    if settings.app.stale_after is not None and (state.age_seconds or 0) < OLD:
        return None
    return formats.moment(state.newest, settings.app.timezone)


def _view_inputs(app: Dash) -> list[Input]:
    """Return the inputs of views other than the data; they may be on other pages."""
    inputs = {str(it): it for view in views_of(app).values() for it in view.choices}
    return [
        Input(it.component_id, it.component_property, allow_optional=True)
        for it in inputs.values()
        if isinstance(it, Input)
    ]


def _can_zoom(app: Dash) -> bool:
    """Whether the time range of views may be two times; in an older project, it may not."""
    return all(it.accepts("window.value", TWO_TIMES) for it in views_of(app).values())


def _is_named_value(it: Input) -> bool:
    """Return whether an input can be part of the page's address."""
    return it.component_property == "value" and isinstance(it.component_id, str)


def _add_callbacks(app: Dash, inputs: Sequence[Input], values: Sequence[Input]) -> None:
    """Connect the page's `components` to the functions of the engine's scripts."""
    app.clientside_callback(
        ClientsideFunction("live", "start"),
        Input("snapshot-version", "id"),
        State("snapshot-version", "data"),
    )
    for button, function in {"refresh-now": "ask", "pause": "toggle"}.items():
        clicks = Input(button, "n_clicks", allow_optional=True)
        script = button.replace("-", "_")
        app.clientside_callback(ClientsideFunction(script, function), clicks)
    app.clientside_callback(
        ClientsideFunction("status_line", "status"),
        # First, so that a state is announced before it is shown.
        Output("announcement", "children"),
        Output("status", "data-state"),
        Output("status", "data-version"),
        Output("status-state", "children"),
        Output("status-age", "children"),
        Output("alert", "children"),
        Output("alert", "data-level"),
        Input("clock", "n_intervals"),
        Input("poll", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("live", "loading"),
        Output("loading", "display"),
        Input("poll", "data"),
        *inputs,
    )
    if values:
        app.clientside_callback(ClientsideFunction("address", "write"), *values)
