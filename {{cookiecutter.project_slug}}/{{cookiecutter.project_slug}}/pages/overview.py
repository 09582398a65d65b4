"""The overview: key figures and graphs of the newest snapshot, by the viewer's choices."""

import re
from datetime import timedelta
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from ... import engineering
from ..engine.web import polling
from ..engine.refresh import pipeline
from ..engine.web.csv_export import to_csv
from ..engineering import Kpi
from ..engine.settings import Settings
from ..engine.data.store import Store

CHOICES = [Input("series", "value"), Input("window", "value")]
# What a viewer may choose; a callback is not called with anything that its annotations exclude.
Names = list[str] | None
Window = Literal["5 min", "1 hour", "6 hours", "1 day", "All"]
WINDOWS: dict[Window, timedelta | None] = {
    "5 min": timedelta(minutes=5),
    "1 hour": timedelta(hours=1),
    "6 hours": timedelta(hours=6),
    "1 day": timedelta(days=1),
    "All": None,
}
# Plotly's own buttons to select have no use here, and one would send the data to its cloud.
GRAPH: Any = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "sendChartToCloud"],
}
KEPT: Any = {"persistence": True, "persistence_type": "session"}  # when the page is loaded again
UNSEEN = "\N{WORD JOINER}"
STATES = {"ok": "OK", "warn": "Warning", "critical": "Critical", "none": ""}
# By what Plotly calls the ends of whiskers, which here are percentiles.
PERCENTILES = {"min:": "5 %:", "q1:": "25 %:", "median:": "50 %:", "q3:": "75 %:", "max:": "95 %:"}
CONFIG: Any = {"distribution-graph": {"locales": {"en": {"dictionary": PERCENTILES}}}}


def register(app: Dash, settings: Settings, store: Store, series: pd.DataFrame) -> None:
    """Have the views follow the data and the choices."""
    inputs = [Input("snapshot-version", "data"), *CHOICES]
    known = Survey(store, series)

    @app.callback(Output("cards", "children"), inputs)
    def show_cards(_version: int | None, names: Names, window: Window) -> list[Component]:
        data = chosen(store, names, window)
        return [card(it) for it in engineering.kpis(data, known(), settings.app.timezone)]

    @app.callback(Output("trend-graph", "figure"), inputs)
    def show_trend(_version: int | None, names: Names, window: Window) -> go.Figure:
        data = chosen(store, names, window)
        figure = engineering.trend_figure(data, known(), settings.app.timezone)
        return figure.update_layout(uirevision=f"{window} {names}")  # other choices end a zoom

    @app.callback(Output("distribution-graph", "figure"), inputs)
    def show_distribution(_version: int | None, names: Names, window: Window) -> go.Figure:
        return engineering.distribution_figure(chosen(store, names, window), known())

    @app.callback(
        Output("download", "data"),
        Input("download-button", "n_clicks"),
        State("series", "value"),
        State("window", "value"),
        prevent_initial_call=True,
    )
    def download(_clicks: int | None, names: Names, window: Window) -> dict[str, Any]:
        data = chosen(store, names, window)
        data = data.assign(time=data["time"].dt.tz_convert(settings.app.timezone))
        return {"content": to_csv(data), "filename": f"{app.config.name}.csv"}


def layout(store: Store, series: pd.DataFrame) -> Component:
    """Return the page without its data."""
    return html.Main(
        [
            controls(store, series),
            live.loading(
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


class Survey:
    """What all readings tell of each series, whatever a viewer has chosen, once a snapshot."""

    def __init__(self, store: Store, series: pd.DataFrame) -> None:
        self._store, self._series = store, series
        self._last = 0, engineering.survey(pipeline.table(None, "readings"), series)

    def __call__(self) -> pd.DataFrame:
        snapshot = self._store.latest()
        if snapshot and snapshot.version != self._last[0]:
            readings = pipeline.table(snapshot, "readings")
            known = engineering.survey(readings, self._series, snapshot.created)
            self._last = (snapshot.version, known)
        return self._last[1].copy()  # a view's own


def chosen(store: Store, names: Names, window: Window) -> pd.DataFrame:
    """Return the newest readings that a viewer has chosen."""
    readings = pipeline.table(store.latest(), "readings")
    return engineering.select(readings, [plain(it) for it in names or []], WINDOWS[window])


def guarded(text: str) -> str:
    """Put an invisible sign into `__proto__`, by which the dropdown's search breaks the page."""
    return re.sub("(?i)(?<=__proto)(?=__)", UNSEEN, text)


def plain(text: str) -> str:
    """Return what was guarded."""
    return re.sub(f"(?i)(?<=__proto){UNSEEN}(?=__)", "", text)


def controls(store: Store, series: pd.DataFrame) -> Component:
    """Return what a viewer can choose and do."""
    known = engineering.describe(pipeline.table(store.latest(), "readings"), series)
    labels = {**series["label"], **known["label"]}
    options = [{"value": guarded(it), "label": guarded(label)} for it, label in labels.items()]
    return html.Section(
        [
            html.Label("Series", htmlFor="series"),
            dcc.Dropdown(options, [], id="series", multi=True, placeholder="All", **KEPT),
            html.Fieldset(
                [
                    html.Legend("Time"),
                    dcc.RadioItems(list(WINDOWS), "All", id="window", inline=True, **KEPT),
                ]
            ),
            html.Button("Refresh now", id="refresh-now", className="action"),
            html.Button("Download CSV", id="download-button", className="action"),
            dcc.Download(id="download"),
        ],
        className="controls",
        **live.aria(label="Choices"),
    )


def panel(title: str, graph: str) -> Component:
    """Return a titled frame with a graph in it."""
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
        **live.aria(label=title),
    )


def card(kpi: Kpi) -> Component:
    """Return a key figure as a card."""
    late = [html.Span(["last reading ", html.Time(kpi.since)], className="card-late")]
    size = {"--characters": len(kpi.value)}  # by which css-layout.css chooses it
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
