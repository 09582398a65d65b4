"""The overview page: KPIs and charts of the newest data, filtered by the viewer's choices."""

import re
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from pydantic import validate_call

from .. import engineering
from ..engine import Duration
from ..engine.figures import formats
from ..engine.page import Data, Tables, aria, loading, per_snapshot, to_csv, view
from ..engineering import Kpi
from ..setting import Settings

CHOICES = [Input("series", "value"), Input("window", "value")]
# What a viewer may choose; requests with any other values are rejected.
Names = list[str] | None
Window = Duration | Literal["all"]
# Plotly's selection buttons have no use here, and one button would send the data to its cloud.
GRAPH: Any = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "sendChartToCloud"],
}
# Choices survive a reload.
PERSISTENT: Any = {"persistence": True, "persistence_type": "session"}
UNSEEN = "\N{WORD JOINER}"
STATES = {"ok": "OK", "warn": "Warning", "critical": "Critical", "none": ""}
# Plotly's names for the ends of the whiskers, which are percentiles here.
PERCENTILES = {"min:": "5 %:", "q1:": "25 %:", "median:": "50 %:", "q3:": "75 %:", "max:": "95 %:"}
CONFIG: Any = {"distribution-graph": {"locales": {"en": {"dictionary": PERCENTILES}}}}


@view(Output("cards", "children"), CHOICES)
def cards(tables: Tables, names: Names, window: Window, settings: Settings) -> list[Component]:
    """Show the KPIs."""
    readings = selected(tables, names, window)
    return [card(it) for it in engineering.kpis(readings, known(tables), settings.app.timezone)]


@view(Output("trend-graph", "figure"), CHOICES)
def trend(tables: Tables, names: Names, window: Window, settings: Settings) -> go.Figure:
    """Show the readings over time."""
    readings = selected(tables, names, window)
    figure = engineering.trend_figure(readings, known(tables), settings.app.timezone)
    return figure.update_layout(uirevision=f"{window} {names}")  # new choices reset the zoom


@view(Output("distribution-graph", "figure"), CHOICES)
def distribution(tables: Tables, names: Names, window: Window) -> go.Figure:
    """Show the spread of the readings."""
    return engineering.distribution_figure(selected(tables, names, window), known(tables))


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
            loading(
                html.Div(id="cards", className="cards"),
                html.Div(
                    [
                        panel("Trend", "trend-graph"),
                        panel("Distribution", "distribution-graph"),
                    ],
                    className="panels",
                ),
            ),
        ]
    )


@per_snapshot
def known(tables: Tables) -> pd.DataFrame:
    """Return the metadata and statistics of each series, from all readings."""
    series = engineering.known_series()
    return engineering.survey(tables["readings"], series, tables.created)


def selected(tables: Tables, names: Names, window: Window) -> pd.DataFrame:
    """Return the readings that a viewer has selected."""
    chosen = [plain(it) for it in names or []]
    return engineering.select(tables["readings"], chosen, None if window == "all" else window)


def csv(tables: Tables, names: Names, window: Window, settings: Settings) -> str:
    """Return the selected readings as CSV, with times in the dashboard's time zone."""
    readings = selected(tables, names, window)
    times = readings["time"].dt.tz_convert(settings.app.timezone)
    return to_csv(readings.assign(time=times))


def guarded(text: str) -> str:
    """Insert an invisible character into `__proto__`, which would break the dropdown's search."""
    return re.sub("(?i)(?<=__proto)(?=__)", UNSEEN, text)


def plain(text: str) -> str:
    """Return the original value."""
    return re.sub(f"(?i)(?<=__proto){UNSEEN}(?=__)", "", text)


def controls(settings: Settings, data: Data) -> Component:
    """Return the controls."""
    labels = {**engineering.known_series()["label"], **known(data.tables())["label"]}
    options = [{"value": guarded(it), "label": guarded(label)} for it, label in labels.items()]
    ranges = {formats.duration(it): formats.words(it) for it in settings.app.ranges}
    return html.Section(
        [
            html.Label("Series", htmlFor="series"),
            dcc.Dropdown(options, [], id="series", multi=True, placeholder="All", **PERSISTENT),
            html.Fieldset(
                [
                    html.Legend("Time"),
                    dcc.RadioItems(
                        ranges | {"all": "All"}, "all", id="window", inline=True, **PERSISTENT
                    ),
                ]
            ),
            html.Button("Refresh now", id="refresh-now", className="action"),
            html.Button("Download CSV", id="download-button", className="action"),
            dcc.Download(id="download"),
        ],
        className="controls",
        **aria(label="Choices"),
    )


def panel(title: str, graph: str) -> Component:
    """Return a frame with a title and a graph."""
    return html.Section(
        [
            html.H2(title),
            html.Div(
                dcc.Graph(
                    id=graph,
                    figure=engineering.message_figure(engineering.EMPTY),
                    config=GRAPH | CONFIG.get(graph, {}),
                ),
                className="graph",
            ),
        ],
        className="panel",
        **aria(label=title),
    )


def card(kpi: Kpi) -> Component:
    """Return a KPI as a card."""
    late = [html.Span(["last reading ", html.Time(kpi.since)], className="card-late")]
    size = {"--characters": len(kpi.value)}  # css-layout.css chooses the font size by it
    return html.Div(
        [
            html.Span(kpi.label, className="card-label"),
            html.Span([kpi.value, html.Small(kpi.unit)], className="card-value", style=size),
            html.Span(f"{kpi.low} to {kpi.high}", className="card-range"),
            html.Span(STATES[kpi.state], className="card-state"),
            *(late if kpi.since else []),
        ],
        className=f"card card-{kpi.state}" + (" card-behind" if kpi.since else ""),
    )
