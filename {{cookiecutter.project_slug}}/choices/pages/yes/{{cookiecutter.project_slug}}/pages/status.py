"""The status: how the newest refreshes went, and the end of the log."""

import os
import platform
from typing import Any

import pandas as pd
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from .. import live, log
from ..setting import Settings
from ..store import Outcome, Store

COLUMNS = ["Ended", "Seconds", "New rows", "Outcome"]


def register(app: Dash, settings: Settings, store: Store, _series: pd.DataFrame) -> None:
    """Have both follow each answer to the page's question for news, as failures bring no data."""

    @app.callback(
        Output("history", "children"),
        Output("log-of", "children"),
        Output("log-lines", "children"),
        Input("answer", "data"),
    )
    def show(_answer: dict[str, Any] | None) -> tuple[list[Component], str, str]:
        status = store.status()
        outcomes = sorted((*status.changes, *status.failures), key=lambda it: it.ended)[::-1]
        lines = "\n".join(reversed(log.tail()))
        process = f"of process {os.getpid()} on {platform.node()}, the newest line first"
        return [row(it, settings) for it in outcomes], process, lines


def layout(_store: Store, _series: pd.DataFrame) -> Component:
    """Return the page without what it says."""
    heads = html.Thead(html.Tr([html.Th(name, scope="col") for name in COLUMNS]))
    return html.Main(
        [
            html.Button("Refresh now", id="refresh-now", className="action"),
            html.H2("Refreshes"),
            frame(html.Table([heads, html.Tbody(id="history")]), label="Refreshes"),
            html.H2(["Log ", html.Small(id="log-of")]),
            frame(html.Pre(id="log-lines"), label="Log"),
        ],
        className="status",
    )


def frame(content: Component, label: str) -> Component:
    """Return a frame that scrolls, by the keyboard too."""
    return html.Section(content, className="panel", tabIndex=0, **live.aria(label=label))


def row(outcome: Outcome, settings: Settings) -> Component:
    """Return an outcome as a row of the table."""
    ended = outcome.ended.astimezone(settings.app.timezone)
    said = outcome.error or "OK"
    cells = [f"{ended:%Y-%m-%d %H:%M:%S}", f"{outcome.seconds:.3f}", f"{outcome.rows:,}", said]
    return html.Tr([html.Td(it) for it in cells], className="failed" if outcome.error else "")
