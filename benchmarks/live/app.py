"""The page of the benchmark: one view of the newest snapshot."""

import sys
from pathlib import Path

import plotly.graph_objects as go
from dash import Dash, Output, dcc, html

from . import work
from .engine.page import Data, Tables, add_views, alert, loading, status_line, stores, view
from .setting import Settings

ASSETS = Path(__file__).with_name("assets")


@view([Output("line-graph", "figure"), Output("bar-graph", "figure")])
def show(tables: Tables) -> tuple[go.Figure, go.Figure]:
    """Draw both charts."""
    return work.figures(tables["readings"], tables.version)


def create_app(settings: Settings, data: Data) -> Dash:
    """Create the Dash application."""
    app = Dash(__package__, assets_folder=str(ASSETS))
    app.layout = lambda: html.Div(
        [
            *stores(data),
            status_line(),
            alert(),
            html.Button("Refresh now", id="refresh-now"),
            loading(dcc.Graph(id="line-graph"), dcc.Graph(id="bar-graph")),
        ]
    )
    add_views(app, sys.modules[__name__], settings, data)
    return app
