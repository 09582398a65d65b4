"""The page of the benchmark: one view of the newest snapshot, and one choice."""

import sys
from pathlib import Path
from typing import Literal

import plotly.graph_objects as go
from dash import Dash, Input, Output, dcc, html

from . import work
from .engine.page import Data, Tables, add_views, alert, loading, status_line, stores, view
from .setting import Settings

ASSETS = Path(__file__).with_name("assets")
Area = Literal["north", "east", "south", "west"] | None  # all of them


@view([Output("line-graph", "figure"), Output("bar-graph", "figure")], [Input("area", "value")])
def show(tables: Tables, area: Area) -> tuple[go.Figure, go.Figure]:
    """Draw both charts."""
    return work.figures(tables["readings"], tables.version, area)


def create_app(settings: Settings, data: Data) -> Dash:
    """Create the Dash application."""
    prefix = settings.server.url_prefix
    app = Dash(__package__, assets_folder=str(ASSETS), url_base_pathname=prefix)
    app.layout = lambda: html.Div(
        [
            *stores(data),
            status_line(),
            alert(),
            html.Button("Refresh now", id="refresh-now"),
            dcc.RadioItems(work.SERIES, id="area"),
            loading(dcc.Graph(id="line-graph"), dcc.Graph(id="bar-graph")),
        ]
    )
    add_views(app, sys.modules[__name__], settings, data)
    return app
