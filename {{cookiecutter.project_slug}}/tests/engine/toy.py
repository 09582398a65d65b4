"""A dashboard for the engine's tests, which do not use your modules."""

import sys
from collections.abc import Mapping
from datetime import datetime
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa
import plotly.graph_objects as go
from dash import Dash, Input, Output, dcc, html
from pydantic_settings import SettingsConfigDict

from {{cookiecutter.project_slug}} import engine
from {{cookiecutter.project_slug}}.engine import (
    TEXT,
    UTC,
    Dashboard,
    Pipeline,
    Section,
    Table,
)
from {{cookiecutter.project_slug}}.engine.page import (
    Data,
    Tables,
    add_views,
    alert,
    loading,
    status_line,
    stores,
    view,
)
from {{cookiecutter.project_slug}}.engine.serve import cli, gunicorn

NAME, PREFIX = "toy", "TOY__"
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
SHORT = pa.Check.str_length(max_value=100, error="is longer than 100 characters")
COLUMNS = {
    "time": pa.Column(UTC),
    "series": pa.Column(TEXT, SHORT),
    "value": pa.Column(float, pa.Check(np.isfinite, error="isfinite")),
}
SCHEMA = pa.DataFrameSchema(COLUMNS, coerce=True, strict=True, drop_invalid_rows=True)
TABLES = {"readings": Table(schema=SCHEMA, key=("time", "series"), mode="append")}
CHOICES = [Input("series", "value"), Input("window", "value")]
# The values that a page sends for a view.
CHOSEN = {"snapshot-version.data": None, "series.value": [], "window.value": "all"}


class Source(Section):
    """The settings in `[source]`: none."""


class Settings(engine.Settings[Source]):
    model_config = SettingsConfigDict(env_prefix=PREFIX)


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    now = pd.Timestamp.now("UTC")
    return {"readings": pd.DataFrame({"time": now, "series": ["a", "b"], "value": [1.0, 2.0]})}


def clean(raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return dict(raw)


@view(Output("cards", "children"), CHOICES)
def cards(tables: Tables, _names: list[str] | None, _window: Literal["all"]) -> list[str]:
    return texts(tables["readings"])


def texts(data: pd.DataFrame) -> list[str]:
    return [f"{it:.2f}" for it in data["value"]]


@view(Output("trend-graph", "figure"), CHOICES)
def trend(tables: Tables, _names: list[str] | None, _window: Literal["all"]) -> go.Figure:
    data = tables["readings"]
    return go.Figure(go.Scatter(x=data["time"], y=data["value"]))


def create_app(settings: Settings, data: Data) -> Dash:
    return app_of(sys.modules[__name__], settings, data)


def app_of(module: ModuleType, settings: Settings, data: Data) -> Dash:
    """Return an app with the views of a module."""
    app = Dash(
        __name__, update_title="", assets_folder="", url_base_pathname=settings.server.url_prefix
    )
    app.layout = lambda: html.Div(
        [
            *stores(data),
            status_line(),
            alert(),
            dcc.Dropdown(["a", "b"], [], id="series", multi=True),
            dcc.RadioItems(["all"], "all", id="window"),
            html.Button("Refresh now", id="refresh-now"),
            loading(html.Div(id="cards"), dcc.Graph(id="trend-graph")),
        ]
    )
    add_views(app, module, settings, data)
    return app


DASHBOARD = Dashboard(NAME, Settings, Pipeline(read=read, clean=clean, tables=TABLES))


def main(argv: list[str] | None = None) -> int:
    if argv and argv[0] == "schedule":
        return cli.refresh(DASHBOARD, argv[1:])
    return cli.serve(DASHBOARD, create_app, argv)


def wsgi() -> Any:
    return gunicorn.wsgi(DASHBOARD, create_app)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
