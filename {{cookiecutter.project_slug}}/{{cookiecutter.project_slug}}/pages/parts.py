"""The parts of a page: cards, panels and tables."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from .. import engineering
from ..engine.figures import catalog, formats, ranking, states
from ..engine.page import aria, text_table
from ..engineering import Kpi

# Plotly's selection buttons have no use here, and one button would send the data to its cloud.
GRAPH: Any = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "sendChartToCloud"],
}
STATES = {"ok": "OK", "warn": "Warning", "critical": "Critical", "none": ""}
# Plotly's names for the ends of the whiskers, which are percentiles here.
PERCENTILES = {"min:": "5 %:", "q1:": "25 %:", "median:": "50 %:", "q3:": "75 %:", "max:": "95 %:"}
CONFIG: Any = {"distribution-graph": {"locales": {"en": {"dictionary": PERCENTILES}}}}


def panel(title: str, graph: str, rows: str = "") -> Component:
    """Return a frame with a title and a graph; with `rows`, a table below it.

    charts.js hides a frame without data; one with rows is hidden until they arrive.
    """
    table = html.Details([html.Summary("Table"), html.Div(id=rows)])
    empty = engineering.message_figure(engineering.EMPTY)
    return html.Section(
        [
            html.H2(title),
            html.Div(
                dcc.Graph(
                    id=graph,
                    figure=engineering.hidden_figure() if rows else empty,
                    config=GRAPH | CONFIG.get(graph, {}),
                ),
                className="graph",
            ),
            *([table] if rows else []),
        ],
        className="panel" + (" panel-rows" if rows else ""),
        hidden=bool(rows),
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
            html.Span(
                f"since {kpi.began}" if kpi.began else f"{kpi.low} to {kpi.high}",
                className="card-range",
            ),
            html.Span(STATES[kpi.state], className="card-state"),
            *(late if kpi.since else []),
        ],
        className=f"card card-{kpi.state}" + (" card-behind" if kpi.since else ""),
    )


def bands_table(bands: pd.DataFrame, series: pd.DataFrame, zone: ZoneInfo) -> list[Component]:
    """Return the newest states as a table."""
    newest = bands.sort_values("start", ascending=False, kind="stable").head(states.ROWS)
    known = catalog.listed(newest["series"].unique(), series)
    labels, level = known["label"], states.levels(newest, known)
    rows = [
        [
            labels[row.series],
            row.state,
            STATES[states.LEVELS[at]],
            formats.moment(row.start, zone),
            states.lasted(row.end - row.start),
        ]
        for row, at in zip(newest.itertuples(), level, strict=True)
    ]
    heads = ["Series", "State", "", "Since", "Lasted"]
    return text_table("Newest states", heads, rows, len(bands))


def ranking_table(rows: pd.DataFrame, series: pd.DataFrame) -> list[Component]:
    """Return the rows of a ranking as a table."""
    known = catalog.listed(rows["series"].unique(), series).head(ranking.PANELS)
    wide = ranking.by_item(rows, list(known.index))
    top = wide.head(ranking.ROWS)
    columns = [list(top.index), *(ranking.written(top[name]) for name in known.index)]
    heads = [
        "Item",
        *(
            f"{label} ({unit})" if unit else label
            for label, unit in known[["label", "unit"]].itertuples(index=False)
        ),
    ]
    return text_table("Ranking", heads, zip(*columns, strict=True), len(wide), len(known))
