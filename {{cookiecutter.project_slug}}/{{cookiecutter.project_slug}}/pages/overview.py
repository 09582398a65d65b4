"""The overview page: KPIs and charts of the newest data, filtered by the viewer's choices."""

from typing import Any

import plotly.graph_objects as go
from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component
from pydantic import validate_call

from .. import engineering
from ..engine.page import Data, Tables, aria, loading, view
from ..setting import Settings
from .controls import controls
from .parts import bands_table, card, panel, ranking_table
from .selection import (
    CHOICES,
    Names,
    Window,
    csv,
    filtered,
    is_blank,
    known,
    selected,
    selected_bands,
    shown,
)


@view(Output("cards", "children"), CHOICES)
def cards(tables: Tables, names: Names, window: Window, settings: Settings) -> list[Component]:
    """Show the KPIs."""
    readings, zone = shown(tables, names, window), settings.app.timezone
    series, texts = engineering.known_series(), selected_bands(tables, names, window)
    kpis = engineering.kpis(readings, known(tables), zone)
    return [card(it) for it in [*kpis, *engineering.state_kpis(texts, series, zone)]]


@view(Output("trend-graph", "figure"), CHOICES)
def trend(tables: Tables, names: Names, window: Window, settings: Settings) -> go.Figure:
    """Show the readings over time."""
    readings = shown(tables, names, window)
    if is_blank(tables, readings):
        return engineering.hidden_figure()
    figure = engineering.trend_figure(readings, known(tables), settings.app.timezone)
    return figure.update_layout(uirevision=f"{window} {names}")  # new choices reset the zoom


@view(Output("distribution-graph", "figure"), CHOICES)
def distribution(tables: Tables, names: Names, window: Window) -> go.Figure:
    """Show the spread of the readings."""
    readings = shown(tables, names, window)
    if is_blank(tables, readings):
        return engineering.hidden_figure()
    return engineering.distribution_figure(readings, known(tables))


@view([Output("states-graph", "figure"), Output("states-table", "children")], CHOICES)
def timelines(
    tables: Tables, names: Names, window: Window, settings: Settings
) -> tuple[go.Figure, list[Component]]:
    """Show the states over time, and the newest of them as a table."""
    series, zone = engineering.known_series(), settings.app.timezone
    bands = selected_bands(tables, names, window)
    figure = engineering.states_figure(bands, series, zone)
    return figure.update_layout(uirevision=f"{window} {names}"), bands_table(bands, series, zone)


@view([Output("ranking-graph", "figure"), Output("ranking-table", "children")], [CHOICES[0]])
def bars(tables: Tables, names: Names) -> tuple[go.Figure, list[Component]]:
    """Show the rows of a table without a time, the largest first."""
    rows, series = filtered(tables["ranking"], names), engineering.known_series()
    return engineering.ranking_figure(rows, series), ranking_table(rows, series)


@view(Output("more", "children"), CHOICES)
def more(tables: Tables, names: Names, window: Window) -> str:
    """Say how many series are not shown, if any."""
    count = selected(tables, names, window)["series"].nunique()
    if names or count <= engineering.MANY:
        return ""
    why = "those beyond their limits or with the largest changes. Choose others above."
    return f"{engineering.MANY} of {count:,} series: {why}"


def add_callbacks(app: Dash, settings: Settings, data: Data) -> None:
    """Add callbacks that depend on the viewer."""

    @app.callback(
        Output("download", "data"),
        Input("download-button", "n_clicks"),
        State("series", "value"),
        State("window", "value"),
        prevent_initial_call=True,
    )
    @validate_call
    def download(_clicks: int | None, names: Names, window: Window) -> dict[str, Any]:
        content = csv(data.tables(), names, window, settings)
        return {"content": content, "filename": f"{app.config.name}.csv"}


def layout(settings: Settings, data: Data) -> Component:
    """Return the page without its data."""
    return html.Main(
        [
            controls(settings, data),
            html.P(id="more", className="more"),
            loading(
                # On a phone, many cards scroll sideways; a keyboard needs the focus for that.
                html.Div(
                    id="cards", className="cards", role="group", tabIndex=0, **aria(label="KPIs")
                ),
                html.Div(
                    [
                        panel("Trend", "trend-graph"),
                        panel("Distribution", "distribution-graph"),
                        panel("States", "states-graph", rows="states-table"),
                        panel("Ranking", "ranking-graph", rows="ranking-table"),
                    ],
                    className="panels",
                ),
            ),
        ]
    )
