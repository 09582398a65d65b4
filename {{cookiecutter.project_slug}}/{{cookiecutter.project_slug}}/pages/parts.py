"""The parts of a page: cards, panels and tables."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from .. import engineering
from ..engine.figures import catalog, formats, ranking, states, units
from ..engine.page import Tables, aria, text_table
from ..engineering import Kpi

# Plotly's selection buttons have no use here, and one button would send the data to its cloud. A
# double click resets the zoom, as does the "Autoscale" button.
GRAPH: Any = {
    "displaylogo": False,
    "responsive": True,
    "doubleClick": "autosize",
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "resetScale2d", "sendChartToCloud"],
}
ROWS = 50  # of the table of readings
STATES = {"ok": "OK", "warn": "Warning", "critical": "Critical", "none": ""}
# Plotly's names for the ends of the whiskers, which are percentiles here.
PERCENTILES = {"min:": "5 %:", "q1:": "25 %:", "median:": "50 %:", "q3:": "75 %:", "max:": "95 %:"}
CONFIG: Any = {"distribution-graph": {"locales": {"en": {"dictionary": PERCENTILES}}}}


def panel(title: str, graph: str, rows: str = "", wide: bool = False) -> Component:
    """Return a frame with a title and a graph; with `rows`, a table below it.

    charts.js hides a frame without data; a wide one is hidden until they arrive.
    """
    opened: Any = {"data-opened": f"{rows}-opened"}  # tables.js sets it
    inner = [html.Summary("Table"), html.Div(id=rows), dcc.Store(id=f"{rows}-opened")]
    empty = engineering.message_layout(engineering.EMPTY)
    summary = f"{graph}-summary"
    return html.Section(
        [
            html.H2(title),
            html.Div(
                dcc.Graph(
                    id=graph,
                    figure={"layout": engineering.HIDDEN if wide else empty},
                    config=GRAPH | CONFIG.get(graph, {}),
                ),
                className="graph",
                role="figure",
                **aria(label=title, describedby=summary),
            ),
            html.P(id=summary, className="summary"),  # for screen readers
            *([html.Details(inner, **opened)] if rows else []),
        ],
        className="panel" + (" panel-rows" if wide else ""),
        hidden=wide,
        **aria(label=title),
    )


def card(kpi: Kpi) -> Component:
    """Return a KPI as a card; a click on it chooses its series."""
    late = [html.Span(["last reading ", html.Time(kpi.since)], className="card-late")]
    size = {"--characters": len(kpi.value)}  # css-cards.css chooses the font size by it
    said = "" if kpi.state == "ok" else STATES[kpi.state]  # so that exceptions stand out
    chooses: Any = {"data-series": kpi.name}
    button = html.Button(
        [
            html.Span(kpi.label, className="card-label"),
            html.Span(said, className="card-state"),
            html.Span([kpi.value, html.Small(kpi.unit)], className="card-value", style=size),
            html.Span(className="card-line", style={"--line": kpi.line}, **aria(hidden="true")),
            html.Span(kpi.change, className="card-change"),
            html.Span(
                f"since {kpi.began}" if kpi.began else f"{kpi.low} to {kpi.high}",
                className="card-range",
            ),
            *(late if kpi.since else []),
        ],
        type="button",
        **chooses,
    )
    return html.Li(
        button,
        className=f"card card-{kpi.state}" + (" card-behind" if kpi.since else ""),
    )


def card_places(tables: Tables) -> list[Component]:
    """Return empty items that reserve the space of the cards until they arrive."""
    readings, texts = (tables[it]["series"].cat.categories for it in ("readings", "states"))
    return [html.Li() for _ in [*readings[: engineering.MANY], *texts]]


def readings_table(readings: pd.DataFrame, known: pd.DataFrame, zone: ZoneInfo) -> list[Component]:
    """Return the newest readings as a table; `known` is the result of `engineering.survey`."""
    newest = readings.iloc[: -ROWS - 1 : -1]
    of = known.loc[newest["series"]]
    times = newest["time"].dt.tz_convert(zone).dt.strftime("%Y-%m-%d %H:%M:%S")
    values = map(units.with_unit, newest["value"], of.itertuples())
    rows = list(zip(times, of["label"], values, strict=True))
    return text_table("Newest readings", ["Time", "Series", "Value"], rows, len(readings), 1)


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
            units.duration((row.end - row.start).total_seconds()),
        ]
        for row, at in zip(newest.itertuples(), level, strict=True)
    ]
    heads = ["Series", "State", "Level", "Since", "Lasted"]
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
    return text_table("Ranked rows", heads, zip(*columns, strict=True), len(wide), len(known))
