"""The overview page: KPIs and charts of the newest data, filtered by the viewer's choices."""

from typing import Any

import plotly.graph_objects as go
from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component
from pydantic import validate_call

from .. import engineering
from ..engine import Window
from ..engine.figures import importance
from ..engine.figures.zoom import zoomed
from ..engine.page import Data, Tables, aria, loading, view
from ..setting import Settings
from .controls import controls
from .parts import (
    bands_table,
    card,
    card_places,
    panel,
    ranking_table,
    readings_table,
)
from .selection import (
    CHOICES,
    Names,
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
    series, zone = engineering.known_series(), settings.app.timezone
    readings, texts = (it(tables, names, window, zone) for it in (shown, selected_bands))
    kpis = engineering.kpis(readings, known(tables), zone)
    kpis += engineering.state_kpis(texts, series, zone)
    return [card(it) for it in importance.worst_first(kpis)]


@view(Output("trend-graph", "figure"), CHOICES)
def trend(tables: Tables, names: Names, window: Window, settings: Settings) -> go.Figure:
    """Show the readings over time."""
    readings = shown(tables, names, window, settings.app.timezone)
    if is_blank(tables, readings):
        return engineering.hidden_figure()
    figure = engineering.trend_figure(readings, known(tables), settings.app.timezone)
    figure.update_layout(uirevision=f"{window} {names}")  # new choices reset the zoom
    return zoomed(figure, window)


@view(Output("distribution-graph", "figure"), CHOICES)
def distribution(tables: Tables, names: Names, window: Window, settings: Settings) -> go.Figure:
    """Show the spread of the readings."""
    readings = shown(tables, names, window, settings.app.timezone)
    if is_blank(tables, readings):
        return engineering.hidden_figure()
    return engineering.distribution_figure(readings, known(tables))


@view(
    [Output("states-graph", "figure"), Output("states-table", "children")],
    [*CHOICES, Input("states-table-opened", "data")],
)
def timelines(
    tables: Tables, names: Names, window: Window, opened: bool | None, settings: Settings
) -> tuple[go.Figure, list[Component]]:
    """Show the states over time, and the newest of them while their table is open."""
    series, zone = engineering.known_series(), settings.app.timezone
    bands = selected_bands(tables, names, window, zone)
    figure = engineering.states_figure(bands, series, zone)
    figure.update_layout(uirevision=f"{window} {names}")
    return zoomed(figure, window), bands_table(bands, series, zone) if opened else []


@view(
    [Output("ranking-graph", "figure"), Output("ranking-table", "children")],
    [CHOICES[0], Input("ranking-table-opened", "data")],
)
def bars(tables: Tables, names: Names, opened: bool | None) -> tuple[go.Figure, list[Component]]:
    """Show the rows of a table without a time, the largest first, and as text while opened."""
    rows, series = filtered(tables["ranking"], names), engineering.known_series()
    return engineering.ranking_figure(rows, series), ranking_table(rows, series) if opened else []


@view(
    [Output("more", "children"), Output("trend-table", "children")],
    [*CHOICES, Input("trend-table-opened", "data")],
)
def more(
    tables: Tables, names: Names, window: Window, opened: bool | None, settings: Settings
) -> tuple[str, list[Component]]:
    """Say how many series are not shown, and list the readings while their table is open."""
    zone = settings.app.timezone
    count = len(engineering.describe(selected(tables, names, window, zone), known(tables)))
    why = "those beyond their limits or with the largest changes. Choose others above."
    few = names or count <= engineering.MANY
    said = "" if few else f"{engineering.MANY} of {count:,} series: {why}"
    if not opened:
        return said, []
    return said, readings_table(shown(tables, names, window, zone), known(tables), zone)


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
                html.Ul(
                    card_places(data.tables()), id="cards", className="cards", **aria(label="KPIs")
                ),
                html.Div(
                    [
                        panel("Trend", "trend-graph", rows="trend-table"),
                        panel("Distribution", "distribution-graph"),
                        panel("States", "states-graph", rows="states-table", wide=True),
                        panel("Ranking", "ranking-graph", rows="ranking-table", wide=True),
                    ],
                    className="panels",
                ),
            ),
        ]
    )
