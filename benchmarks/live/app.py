"""The page of the benchmark: one view of the newest snapshot."""

from pathlib import Path

import plotly.graph_objects as go
from dash import Dash, Input, Output, dcc, html

from . import live, pipeline, work
from .setting import Settings
from .store import Store

ASSETS = Path(__file__).with_name("assets")


def create_app(settings: Settings, store: Store) -> Dash:
    """Make the Dash application over a store."""
    app = Dash(__package__, assets_folder=str(ASSETS))
    app.layout = lambda: html.Div(
        [
            *live.machinery(store),
            live.status_line(),
            live.notice(),
            html.Button("Refresh now", id="refresh-now"),
            live.loading(dcc.Graph(id="line-graph"), dcc.Graph(id="bar-graph")),
        ]
    )
    live.register(app, settings, store, [])

    @app.callback(
        Output("line-graph", "figure"),
        Output("bar-graph", "figure"),
        Input("snapshot-version", "data"),
    )
    def show(version: int) -> tuple[go.Figure, go.Figure]:
        return work.figures(pipeline.table(store.latest(), "readings"), version)

    return app
