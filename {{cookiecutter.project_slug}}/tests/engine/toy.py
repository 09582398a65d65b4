"""A dashboard for the tests of the engine, so that no edit of your own modules fails them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pandera.pandas as pa
import plotly.graph_objects as go
from dash import Dash, Input, Output, dcc, html
from pydantic import BaseModel

from {{cookiecutter.project_slug}}.engine.web import polling
from {{cookiecutter.project_slug}}.engine.refresh import pipeline
from {{cookiecutter.project_slug}} import preprocess, reading
from {{cookiecutter.project_slug}}.engine.serve import cli
from {{cookiecutter.project_slug}}.engine.settings import Settings
from {{cookiecutter.project_slug}}.engine.data.store import Store
from {{cookiecutter.project_slug}}.engine.data.tables import TEXT, UTC, Batch, Table

CONFIG = """\
[app]
title = "Toy"

[server]
port = 8050
secret_key = "sessions outlive the server"

[auth]
users = {}
session = "7d"

[source]
"""
NAME = pa.Check.str_length(max_value=100, error="is longer than 100 characters")
COLUMNS = {
    "time": pa.Column(UTC),
    "series": pa.Column(TEXT, NAME),
    "value": pa.Column(float, pa.Check(np.isfinite, error="isfinite")),
}
SCHEMA = pa.DataFrameSchema(COLUMNS, coerce=True, strict=True, drop_invalid_rows=True)
TABLES = {"readings": Table(schema=SCHEMA, key=("time", "series"), mode="append")}
CHOICES = {"snapshot-version.data": None, "series.value": [], "window.value": "All"}


class Source(BaseModel, extra="forbid"):
    """What `[source]` may say: nothing."""


def read(settings: Settings, since: datetime) -> dict[str, pd.DataFrame]:
    now = pd.Timestamp.now("UTC")
    return {"readings": pd.DataFrame({"time": now, "series": ["a", "b"], "value": [1.0, 2.0]})}


def clean(raw: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return dict(raw)


def cards(data: pd.DataFrame) -> list[str]:
    return [f"{it:.2f}" for it in data["value"]]


def create_app(settings: Settings, store: Store) -> Dash:
    app = Dash(
        __name__,
        update_title="",
        assets_folder=str(Path(server.__file__).with_name("assets")),
        url_base_pathname=settings.server.url_prefix,
    )
    choices = [Input("series", "value"), Input("window", "value")]
    inputs = [Input("snapshot-version", "data"), *choices]
    app.layout = lambda: html.Div(
        [
            *live.stores(store),
            live.status_line(),
            live.notice(),
            dcc.Dropdown(["a", "b"], [], id="series", multi=True),
            dcc.RadioItems(["All"], "All", id="window"),
            html.Button("Refresh now", id="refresh-now"),
            live.loading(html.Div(id="cards"), dcc.Graph(id="trend-graph")),
        ]
    )
    live.register(app, settings, store, choices)

    @app.callback(Output("cards", "children"), inputs)
    def show_cards(_version: int | None, _names: list[str] | None, _window: str) -> list[str]:
        return cards(pipeline.table(store.latest(), "readings"))

    @app.callback(Output("trend-graph", "figure"), inputs)
    def show_trend(_version: int | None, _names: list[str] | None, _window: str) -> go.Figure:
        data = pipeline.table(store.latest(), "readings")
        return go.Figure(go.Scatter(x=data["time"], y=data["value"]))

    return app


@contextmanager
def installed() -> Iterator[None]:
    """Put it in the place of your own modules."""
    with (
        patch.object(reading, "read", read),
        patch.object(reading, "Source", Source),
        patch.dict(preprocess.TABLES, TABLES, clear=True),
        patch.object(preprocess, "clean", clean),
        patch.object(server, "create_app", create_app),
    ):
        yield


def fetch(settings: Settings) -> Batch:
    """Refresh in a process that knows only your own modules."""
    with installed():
        return pipeline.fetch(settings, None)


if __name__ == "__main__":
    with installed():
        sys.exit(server.main())
