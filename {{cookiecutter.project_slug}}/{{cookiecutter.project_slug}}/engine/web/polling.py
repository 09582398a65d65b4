"""What keeps an open page live: it asks for a new version when one is due, and tells its age."""

import logging
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from flask import Blueprint, Response, abort, request
from flask_compress import Compress

from . import bundles, health
from .validation import Guard
from .response_cache import CachedResponse
from .shared_views import SharedViews
from ..settings import Settings
from .fast_path import FastPath, is_dashs
from ..data.store import Store
from ..data.snapshot import now_utc

logger = logging.getLogger(__name__)

HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
# Only screen readers get at it; `display: none` would hide it from them, too.
HIDDEN = {"position": "absolute", "width": 1, "height": 1, "margin": 0, "overflow": "hidden"}
UNKNOWN: dict[str, Any] = {"data-state": "loading", "data-version": ""}


def code_version() -> str:
    """Return what changes with the package's files: open pages of another one load anew."""
    folder = Path(__file__).parent
    files = (it for it in sorted(folder.rglob("*")) if it.is_file() and it.suffix != ".pyc")
    return blake2b(b"".join(it.read_bytes() for it in files), digest_size=8).hexdigest()


def aria(**attributes: str) -> dict[str, Any]:
    """Return the attributes that tell a screen reader what an element is."""
    return {f"aria-{name}": value for name, value in attributes.items()}


def stores(store: Store) -> list[Component]:
    """Return the invisible parts: the version that views depend on, and what its age goes by."""
    snapshot = store.latest()
    return [
        dcc.Store(id="snapshot-version", data=snapshot.version if snapshot else None),
        dcc.Store(id="answer"),
        dcc.Interval(id="clock", interval=1000),
        html.P(id="announcement", role="status", style=HIDDEN),
    ]


def status_line() -> Component:
    """Return the line that says how fresh the page is."""
    return html.Div(
        [
            html.Span(className="status-dot", **aria(hidden="true")),
            html.Strong(id="status-state"),
            html.Span(id="status-age"),
        ],
        id="status",
        **UNKNOWN,
    )


def notice() -> Component:
    """Return the place that says what is wrong and since when; empty while all is well."""
    return html.P(id="notice")


def loading(*children: Component) -> Component:
    """Mark what is inside as loading, at first and at a viewer's own choice, not at updates."""
    return dcc.Loading(
        list(children),
        id="loading",
        display="show",
        delay_show=300,
        overlay_style={"visibility": "visible", "opacity": 0.4},
        parent_className="loading",
    )


def register(app: Dash, settings: Settings, store: Store, choices: list[Input]) -> None:
    """Wire a page to the server; `choices` are what a viewer can change.

    Called before anything else is put around the app's views, so that this is what it guards.
    """
    app.server.config["MAX_CONTENT_LENGTH"] = settings.server.max_body_bytes
    code = code_version()
    app.config.meta_tags += [
        {"name": "code-version", "content": code},
        {"name": "max-body-bytes", "content": str(settings.server.max_body_bytes)},
    ]
    callbacks = f"{app.config.routes_pathname_prefix}_dash-update-component"
    if not (shares := is_dashs(app.server.view_functions[callbacks])):
        # Who has wrapped it before would not be asked about answers that are kept.
        logger.warning("the view of callbacks is wrapped already, so no answers are shared")
    Guard(app)
    compress = Compress(app.server)
    fast_path = FastPath(app)
    bundles.install(app, compress)
    SharedViews(app, store, compress, fast_path, settings.server, shares)
    routes = Blueprint("live", __name__, url_prefix=app.config.routes_pathname_prefix)

    def newest(query: str) -> CachedResponse:
        seen = query.removeprefix("version=")
        store.latest(int(seen) if seen.isdecimal() and len(seen) < 20 else None)
        now, status = now_utc(), store.status()
        state = health.check(settings, store, now)
        comes = status.next_due + status.takes if status.next_due else now
        answer = {
            "code": code,
            "version": state.version,
            "state": state.status,
            "age": state.age_seconds,
            "refreshed": (now - state.refreshed).total_seconds() if state.refreshed else None,
            "next": 0 if store.refresh_requested() else (comes - now).total_seconds(),
            "stale_in": state.stale_in,
            "message": "\n".join(health.notices(settings, store, state)),
        }
        return CachedResponse(HEADERS, orjson.dumps(answer))

    @routes.get("/_live")
    def poll() -> Response:
        return newest(request.query_string.decode("latin-1")).response()

    @routes.post("/_live")
    def refresh_now() -> Response:
        if not request.is_json:  # which no page of another site can send
            abort(415)
        store.request_refresh()
        return newest("").response()

    app.server.register_blueprint(routes)
    path = f"{routes.url_prefix}_live"
    fast_path.add("GET", path, "live.poll", lambda environ: newest(environ["QUERY_STRING"]))
    app.clientside_callback(
        ClientsideFunction("live", "start"),
        Input("snapshot-version", "id"),
        State("snapshot-version", "data"),
    )
    app.clientside_callback(ClientsideFunction("live", "ask"), Input("refresh-now", "n_clicks"))
    app.clientside_callback(
        ClientsideFunction("live", "status"),
        Output("status", "data-state"),
        Output("status", "data-version"),
        Output("status-state", "children"),
        Output("status-age", "children"),
        Output("notice", "children"),
        Output("announcement", "children"),
        Input("clock", "n_intervals"),
        Input("answer", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("live", "loading"),
        Output("loading", "display"),
        Input("answer", "data"),
        *choices,
    )
