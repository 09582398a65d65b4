"""KPIs and charts, as pure functions of tables and choices."""

import html
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .engine import Window
from .engine.figures import (
    boxplots,
    catalog,
    changes,
    formats,
    importance,
    limits,
    lines,
    panels,
    ranking,
    sparklines,
    states,
    summaries,
    timelines,
    trends,
    units,
)
from .engine.figures.lines import POINTS, downsample  # noqa: F401  (for a figure of your own)

SERIES = Path(__file__).with_name("assets") / "static_data" / "series.csv"
# Each has a contrast of at least 3:1 on the light and the dark background, and any two of them are
# distinguishable for color-blind viewers, too.
COLORS = ["#724fd9", "#969a0b", "#1ca69b", "#ac4657", "#7e90db", "#f73c89", "#965c01", "#c0197f"]
# For states, dark enough for white text or light enough for black; these two are for limits only.
WARN, CRITICAL = "#b97a00", "#d92b4b"
LIMITS = {"warn": WARN, "critical": CRITICAL}
STATES = [
    "#5e8fd6", "#0c7b46", "#a789b3", "#7743ec", "#2ea47e", "#696776", "#5c64cc", "#7b5c9d"
]  # fmt: skip
GRID = "rgba(128,128,128,0.22)"
CLEAR = "rgba(0,0,0,0)"
# How every figure looks; css-theme.css colors its text.
STYLE: dict[str, Any] = {
    "margin": panels.MARGIN,
    "paper_bgcolor": CLEAR,
    "plot_bgcolor": CLEAR,
    "font": {"family": "system-ui, sans-serif", "size": 12},
    "hovermode": "x unified",
    "hoverlabel": {"bgcolor": "#1f2937", "font": {"color": "#f9fafb"}, "namelength": -1},
    "legend": panels.LEGEND | {"bgcolor": CLEAR, "bordercolor": CLEAR},
    "modebar": {"bgcolor": CLEAR, "color": "#8a94a3", "activecolor": COLORS[0]},
    "uirevision": "keep",  # zoom and hidden lines survive an update
}
HIDDEN = {"meta": {"empty": True}}  # the layout of a figure whose panel the page hides
# Shown before the first data arrive, when a chart fails, and when nothing matches the selection.
EMPTY = "Nothing to show"
UTC = ZoneInfo("UTC")
EVERYTHING = Window()
LEGEND_NAME, AXIS_NAME = 32, 24  # the longest names there, in characters
TIMELINES = 40  # rows of states in a chart
MANY = 30  # series shown at once, unless a viewer chooses
State = Literal["ok", "warn", "critical", "none"]  # none: the series has no limits


@dataclass(frozen=True)
class Kpi:
    """A KPI, ready to show: the newest value, the range, and the state according to the limits."""

    name: str
    label: str
    unit: str
    value: str
    low: str
    high: str
    state: State
    since: str = ""  # the time of its last reading, if other series have much newer ones
    began: str = ""  # for a state: since when
    change: str = ""  # since the first reading shown, and how long ago that was
    line: str = ""  # a sparkline of the readings shown, as a CSS image


@cache
def known_series() -> pd.DataFrame:
    """Return the series of series.csv; cached, do not modify it. Raises SettingError."""
    return catalog.read_series(SERIES)


def survey(
    readings: pd.DataFrame, known: pd.DataFrame, now: datetime | None = None
) -> pd.DataFrame:
    """Return the metadata, colors and statistics of each series."""
    return catalog.survey(readings, known, COLORS, now)


def describe(readings: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return those of the series in the data; `known` may be the result of `survey`."""
    known = known if "panel" in known else survey(readings, known)
    return catalog.present(readings, known, COLORS)


def select(
    readings: pd.DataFrame,
    names: list[str] | None = None,
    window: Window = EVERYTHING,
    zone: ZoneInfo = UTC,
) -> pd.DataFrame:
    """Return the readings of some series (default: all) in a time window."""
    readings = readings.iloc[window.rows(readings["time"], zone)]
    return readings[readings["series"].isin(names)] if names else readings


def important(readings: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Return the readings of at most MANY series: beyond their limits, or with large changes.

    `series`: the result of `survey`.
    """
    if len(series) <= MANY:
        return readings
    known = describe(readings, series)
    return select(readings, importance.most_important(readings, known, rate, MANY))


def kpis(readings: pd.DataFrame, series: pd.DataFrame, zone: ZoneInfo = UTC) -> list[Kpi]:
    """Return the KPI of each series, in the order of `series.csv`."""
    points, times, figures = lines.points(readings), lines.microseconds(readings["time"]), []
    for row in describe(readings, series).itertuples():
        own = points[row.Index]
        value, newest = own.value, lines.moments(own.time[-1:])[0]
        number, unit = units.parts(value[-1], row)
        low, high = (units.text(it, row) for it in (value.min(), value.max()))
        state = rate(value[-1], row.warn, row.critical)
        since = formats.moment(newest, zone) if row.late and newest == row.last else ""
        change = changes.change(own.time, value, row)
        line = sparklines.image(own, times[0], times[-1], row.usual)
        figure = Kpi(row.Index, row.label, unit, number, low, high, state, since, "", change, line)
        figures.append(figure)
    return figures


def rate(value: float, warn: float, critical: float) -> State:
    """Compare a value with its limits; if `critical` is below `warn`, low values are bad."""
    if np.isnan(warn) and np.isnan(critical):
        return "none"
    sign = -1 if critical < warn else 1
    if sign * value >= sign * critical:
        return "critical"
    return "warn" if sign * value >= sign * warn else "ok"


def state_kpis(bands: pd.DataFrame, series: pd.DataFrame, zone: ZoneInfo = UTC) -> list[Kpi]:
    """Return the KPI of each series of states, which `states.bands` has turned into bands."""
    newest = bands.drop_duplicates("series", keep="last").set_index("series")
    known, figures = catalog.listed(sorted(newest.index), series), []
    for name, row in known.iterrows():
        band = newest.loc[name]
        state = limits.rate(band["state"], *states.limits_of(known, name))
        began = formats.moment(band["start"], zone) + ("" if band["known"] else " or earlier")
        since = formats.moment(band["last"], zone) if band["late"] else ""
        figures.append(Kpi(name, row.label, "", band["state"], "", "", state, since, began))
    return figures


def trend_figure(readings: pd.DataFrame, series: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """Draw each series over time, in panels by unit and size; times are shown in `zone`."""
    known = units.on_axes(describe(readings, series))
    shown = list(known["panel"].unique())
    if not shown:
        return message_figure(EMPTY)
    points, traces, drawn = lines.points(readings), [], []
    labels = panels.labels(known, LEGEND_NAME)
    for name, row in known.iterrows():
        line = lines.reduce(points[name], row.usual, zone, row.factor)
        drawn.append(line)
        number = formats.d3_format(row.decimals, max(-line.low, line.high))
        traces.append(
            go.Scatter(
                x=line.x,
                y=line.y,
                name=labels[name],
                uid=panels.uid(name),
                mode="lines+markers" if line.alone.any() else "lines",
                line={"color": row.color, "dash": row.dash, "width": 1.6},
                marker={"size": 5.0 * line.alone} if line.alone.any() else None,
                hovertemplate=f"%{{y:{number}}} {row.unit}",
                yaxis=trends.axis(shown, row.panel),
            )
        )
    return go.Figure(traces, trends.layout(_style, known, drawn, LIMITS))


def distribution_figure(readings: pd.DataFrame, series: pd.DataFrame) -> go.Figure:
    """Draw the spread of each series as a box of its 5, 25, 50, 75 and 95 %, by unit and size."""
    known = units.on_axes(describe(readings, series))
    shown = list(known["panel"].unique())
    if not shown:
        return message_figure(EMPTY)
    known, spreads = boxplots.placed(known), boxplots.spreads(readings, known)
    labels = panels.labels(known, AXIS_NAME)
    boxes = []
    for name, row in known.iterrows():
        boxes.append(
            go.Box(
                **boxplots.drawn(spreads[name]),
                y=[row.place],
                name=labels[name],
                uid=panels.uid(name),
                orientation="h",
                line={"color": row.color, "width": 1.6},
                showlegend=False,
                **panels.axes(shown, row.panel),
            )
        )
    return go.Figure(boxes, boxplots.layout(_style, known, spreads, labels, LIMITS))


def states_figure(bands: pd.DataFrame, series: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """Draw a timeline for each series of states; times are shown in `zone`."""
    every = catalog.listed(sorted(bands["series"].unique()), series)
    known = every.head(TIMELINES)
    if known.empty:
        return hidden_figure()
    timeline = states.timeline(bands, known, zone)
    bars = timeline.bars
    colors, traces = states.colors(list(bands["state"].cat.categories), STATES), []
    for (level, state), own in bars.groupby(["level", "state"], observed=True):  # the worst on top
        color, name = LIMITS.get(level, colors[state]), html.escape(state, quote=False)
        traces.append(
            go.Bar(
                base=own["x"],
                x=own["length"],
                y=own["row"],
                width=0.8,
                orientation="h",
                name=timelines.rated(name, level),
                uid=timelines.uid(level, state),
                marker=timelines.marker(color, level),
                text=np.where(own["wide"], name, ""),
                **timelines.TEXT,
                textfont_color=timelines.readable_on(color),
                customdata=own["said"],
                hovertemplate="%{y}: <b>%{fullData.name}</b><br>%{customdata}<extra></extra>",
            )
        )
    labels = list(panels.labels(known, AXIS_NAME).values())
    note = timelines.left_out(len(bars), timeline.left_out, len(known), len(every))
    layout = timelines.layout(_style, labels, bars, timeline.clock, note)
    return go.Figure(traces, summaries.summarized(layout, summaries.of_states(bands, known, zone)))


def ranking_figure(rows: pd.DataFrame, series: pd.DataFrame) -> go.Figure:
    """Draw the largest values of each series of a table without a time, a panel for each."""
    every = catalog.listed(rows["series"].unique(), series)
    known = every.head(ranking.PANELS)
    if known.empty:
        return hidden_figure()
    largest = ranking.largest(rows, list(known.index))
    bars = [
        go.Bar(
            x=own["value"],
            y=np.arange(len(own)),
            orientation="h",
            name=html.escape(known.loc[name, "label"], quote=False),
            uid=panels.uid(name),
            marker_color=COLORS[(number - 1) % len(COLORS)],
            text=ranking.written(own["value"]),
            textposition="outside",
            cliponaxis=False,  # the text may reach into the margin
            hovertemplate=f"%{{y}}: <b>%{{text}}</b> {known.loc[name, 'unit']}<extra></extra>",
            xaxis=f"x{number}",
            yaxis=f"y{number}",
        )
        for number, (name, own) in enumerate(largest.items(), 1)
    ]
    ticks = ranking.items(largest, AXIS_NAME)
    layout = ranking.layout(_style, rows, every, largest, ticks)
    return go.Figure(bars, summaries.summarized(layout, summaries.of_bars(known, bars, ticks)))


def hidden_figure() -> go.Figure:
    """Return a figure whose panel the page hides."""
    return go.Figure(layout=HIDDEN)


def message_figure(text: str) -> go.Figure:
    """Draw only a sentence."""
    return go.Figure(layout=message_layout(text))


def message_layout(text: str) -> dict[str, Any]:
    """Return the layout of a figure that is only a sentence."""
    message = {"text": text, "showarrow": False, "font": {"size": 16}}
    axes = {"xaxis": {"visible": False}, "yaxis": {"visible": False}}
    return STYLE | axes | {"annotations": [message]}


def _style(figure: go.Figure) -> go.Figure:
    """Style a figure like the page."""
    axis = panels.AXIS | {"gridcolor": GRID}
    return figure.update_layout(STYLE, template="none").update_xaxes(axis).update_yaxes(axis)
