"""Keeps open pages live: they poll for a new version, which their views follow."""

from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
from dash import ClientsideFunction, Dash, Input, Output, State
from flask import Blueprint, Response, abort, request

from ..data import freshness
from ..data.snapshot import now_utc
from ..data.store import Store
from ..figures import formats
from ..settings import AnySettings
from .fast_path import FastPath
from .response_cache import CachedResponse
from .views import views_of

OLD = 30 * 86_400  # seconds; the page shows the date of data this old, instead of their age
HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]


def code_version(folder: Path) -> str:
    """Return a hash of a folder's files; open pages with another one reload."""
    files = (it for it in sorted(folder.rglob("*")) if it.is_file() and it.suffix != ".pyc")
    return blake2b(b"".join(it.read_bytes() for it in files), digest_size=8).hexdigest()


def install(
    app: Dash, settings: AnySettings, store: Store, fast_path: FastPath, folder: Path
) -> None:
    """Answer polls, and have the page follow them; `folder` has the dashboard's code."""
    code = code_version(folder)
    app.config.meta_tags += [
        {"name": "code-version", "content": code},
        {"name": "max-body-bytes", "content": str(settings.server.max_body_bytes)},
    ]
    routes = Blueprint("live", __name__, url_prefix=app.config.routes_pathname_prefix)

    def newest(query: str) -> CachedResponse:
        seen = query.removeprefix("version=")
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
    fast_path.add("GET", path, "live.poll", lambda environ: newest(environ["QUERY_STRING"]))
    _add_callbacks(app)


def poll_response(settings: AnySettings, store: Store) -> dict[str, Any]:
    """Return the poll response: the newest version, its freshness, and when to poll again.

    `until`: the time of the newest row if it is old, or if the data are complete; "" without times.
    """
    now, status = now_utc(), store.status()
    state = freshness.check(settings, store, now)
    problems, remarks = freshness.problems(settings, store, state), freshness.remarks(store)
    comes = status.next_due + status.takes if status.next_due else now
    return {
        "version": state.version,
        "state": state.status,
        "age": state.age_seconds,
        "until": _until(settings, state),
        "refreshed": (now - state.refreshed).total_seconds() if state.refreshed else None,
        "next": 0 if store.refresh_requested() else (comes - now).total_seconds(),
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


def _add_callbacks(app: Dash) -> None:
    """Connect the page's `components` to the functions of live.js."""
    app.clientside_callback(
        ClientsideFunction("live", "start"),
        Input("snapshot-version", "id"),
        State("snapshot-version", "data"),
    )
    button = Input("refresh-now", "n_clicks", allow_optional=True)
    app.clientside_callback(ClientsideFunction("live", "ask"), button)
    app.clientside_callback(
        ClientsideFunction("live", "status"),
        Output("status", "data-state"),
        Output("status", "data-version"),
        Output("status-state", "children"),
        Output("status-age", "children"),
        Output("alert", "children"),
        Output("alert", "data-level"),
        Output("announcement", "children"),
        Input("clock", "n_intervals"),
        Input("poll", "data"),
    )
    choices = {str(it): it for view in views_of(app).values() for it in view.choices}
    app.clientside_callback(
        ClientsideFunction("live", "loading"),
        Output("loading", "display"),
        Input("poll", "data"),
        *(
            Input(it.component_id, it.component_property, allow_optional=True)
            for it in choices.values()
            if isinstance(it, Input)
        ),
    )
