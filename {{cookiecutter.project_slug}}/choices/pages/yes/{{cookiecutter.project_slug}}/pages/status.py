"""The status page: recent refreshes that changed something or failed, and the end of the log.

Errors and the log name hosts, files and queries, so only operators see the page.
"""

import os
import platform
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from ..engine import Outcome, Status
from ..engine.page import Data, aria, instead, is_operator, log_tail
from ..setting import Settings

COLUMNS = ["Ended", "Seconds", "New rows", "Outcome"]


def add_callbacks(app: Dash, settings: Settings, data: Data) -> None:
    """Update both at each poll, since a failed refresh brings no new data; status.js draws them."""

    @app.callback(
        Output("status-content", "data"), Output("log-of", "children"), Input("poll", "data")
    )
    def show(_poll: dict[str, Any] | None) -> tuple[dict[str, Any], str]:
        if not is_operator(settings.auth):
            return {"history": [], "lines": []}, ""
        process = f"of process {os.getpid()} on {platform.node()}, the newest line first"
        return {"history": history(data.status(), settings), "lines": log_tail()[::-1]}, process

    app.clientside_callback(ClientsideFunction("status", "show"), Input("status-content", "data"))


def layout(settings: Settings, _data: Data) -> Component:
    """Return the page without its content."""
    if not is_operator(settings.auth):
        return instead("For operators only", "The status page shows errors and the log.")
    heads = html.Thead(html.Tr([html.Th(name, scope="col") for name in COLUMNS]))
    return html.Main(
        [
            html.Button("Refresh now", id="refresh-now", className="action"),
            html.H2("Refreshes"),
            frame(html.Table([heads, html.Tbody(id="history")]), label="Refreshes"),
            html.H2(["Log ", html.Small(id="log-of")]),
            frame(html.Pre(id="log-lines"), label="Log"),
            dcc.Store(id="status-content"),
        ],
        className="status",
    )


def frame(content: Component, label: str) -> Component:
    """Return a frame that can be scrolled, also with the keyboard."""
    return html.Section(content, className="panel", tabIndex=0, **aria(label=label))


def history(status: Status, settings: Settings) -> list[dict[str, Any]]:
    """Return the last refreshes as rows of the table, the newest first."""
    outcomes = sorted((*status.changes, *status.failures), key=lambda it: it.ended)
    return [row(it, settings) for it in reversed(outcomes)]


def row(outcome: Outcome, settings: Settings) -> dict[str, Any]:
    """Return the cells of an outcome as a row of the table, and whether it failed."""
    ended = outcome.ended.astimezone(settings.app.timezone)
    said = "\n".join(filter(None, (outcome.error or "OK", outcome.note)))
    cells = [f"{ended:%Y-%m-%d %H:%M:%S}", f"{outcome.seconds:.3f}", f"{outcome.rows:,}", said]
    return {"cells": cells, "failed": bool(outcome.error)}
