"""KPIs and charts, as pure functions of tables and choices."""

import html
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .engine.figures import (
    catalog,
    formats,
    importance,
    limits,
    lines,
    panels,
    ranking,
    states,
    timelines,
)
from .engine.figures.lines import POINTS, downsample  # noqa: F401  (for a figure of your own)

SERIES = Path(__file__).with_name("assets") / "static_data" / "series.csv"
# Each has a contrast of at least 3:1 on the light and the dark background, and any two of them are
# distinguishable for color-blind viewers, too.
COLORS = ["#724fd9", "#969a0b", "#1ca69b", "#ac4657", "#7e90db", "#f73c89", "#965c01", "#c0197f"]
# For states, dark enough for white text or light enough for black; these two are for limits only.
WARN, CRITICAL = "#b97a00", "#d92b4b"
STATES = [
    "#5e8fd6", "#0c7b46", "#a789b3", "#7743ec", "#2ea47e", "#696776", "#5c64cc", "#7b5c9d"
]  # fmt: skip
GRID = "rgba(128,128,128,0.22)"
CLEAR = "rgba(0,0,0,0)"
# Shown before the first data arrive, when a chart fails, and when nothing matches the selection.
EMPTY = "Nothing to show yet"
UTC = ZoneInfo("UTC")
LEGEND_NAME, AXIS_NAME = 32, 24  # the longest names there, in characters
TIMELINES = 40  # rows of states in a chart
MANY = 30  # series shown at once, unless a viewer chooses
State = Literal["ok", "warn", "critical", "none"]  # none: the series has no limits


@dataclass(frozen=True)
class Kpi:
    """A KPI, ready to show: the newest value, the range, and the state according to the limits."""

    label: str
    unit: str
    value: str
    low: str
    high: str
    state: State
    since: str = ""  # the time of its last reading, if other series have much newer ones
    began: str = ""  # for a state: since when


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
    known = known if "color" in known else survey(readings, known)
    return catalog.present(readings, known, COLORS)


def select(
    readings: pd.DataFrame, names: list[str] | None = None, window: timedelta | None = None
) -> pd.DataFrame:
    """Return the readings of some series (default: all), for a window that ends at the newest."""
    if window is not None and len(readings):
        start = readings["time"].searchsorted(readings["time"].iloc[-1] - window)
        readings = readings.iloc[start:]
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
    # All categories, with data or not: for a million rows, this takes half the memory.
    values = readings.groupby("series", observed=False)["value"].agg(["last", "min", "max"])
    figures = []
    for name, row in describe(readings, series).iterrows():
        last, low, high = values.loc[name]
        state = rate(last, row.warn, row.critical)
        since = formats.moment(row["last"], zone) if is_late(row) else ""
        value, low, high = (formats.number(it, row.decimals) for it in (last, low, high))
        figures.append(Kpi(row.label, row.unit, value, low, high, state, since))
    return figures


def is_late(row: pd.Series) -> bool:
    """Return whether a series lags behind the newest one by far more than its usual interval."""
    usual = timedelta(microseconds=row.usual)
    return bool(row.newest - row["last"] > max(lines.FAR * usual, timedelta(minutes=1)))


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
        figures.append(Kpi(row.label, "", band["state"], "", "", state, since, began))
    return figures


def trend_figure(readings: pd.DataFrame, series: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """Draw each series over time, in panels by unit and size; times are shown in `zone`."""
    known = describe(readings, series)
    shown = list(known["panel"].unique())
    if not shown:
        return message_figure(EMPTY)
    rows, traces, drawn = lines.split(readings), [], []
    labels = panels.labels(known, LEGEND_NAME)
    for name, row in known.iterrows():
        line = lines.line(readings, rows[name], row.usual, zone)
        drawn.append(line)
        number = formats.d3_format(row.decimals, np.nanmax(np.abs(line.y)))
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
                **panels.axes(shown, row.panel),
            )
        )
    return go.Figure(traces, panels.of_lines(_style, known, drawn, len(readings)))


def distribution_figure(readings: pd.DataFrame, series: pd.DataFrame) -> go.Figure:
    """Draw the spread of each series as a box of its 5, 25, 50, 75 and 95 %, by unit and size."""
    known = describe(readings, series)
    shown, titles = list(known["panel"].unique()), panels.units(known)
    if not shown:
        return message_figure(EMPTY)
    known = known.iloc[::-1]  # Plotly draws the first one at the bottom
    rows, values, places = lines.split(readings), readings["value"].to_numpy(), Counter[int]()
    labels = panels.labels(known, AXIS_NAME)
    boxes = []
    for name, row in known.iterrows():
        low, q1, median, q3, high = np.quantile(values[rows[name]], [0.05, 0.25, 0.5, 0.75, 0.95])
        boxes.append(
            go.Box(
                lowerfence=[low],
                q1=[q1],
                median=[median],
                q3=[q3],
                upperfence=[high],
                boxpoints=False,  # otherwise, a hover label would appear twice
                y=[places[row.panel]],
                name=labels[name],
                uid=panels.uid(name),
                orientation="h",
                line={"color": row.color, "width": 1.6},
                showlegend=False,
                **panels.axes(shown, row.panel),
            )
        )
        places[row.panel] += 1
    layout = panels.of_boxes(_style, titles, shown, known, labels)
    return go.Figure(boxes, panels.noted(layout, "whiskers: 5 to 95 %"))


def states_figure(bands: pd.DataFrame, series: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """Draw a timeline for each series of states; times are shown in `zone`."""
    every = catalog.listed(sorted(bands["series"].unique()), series)
    known = every.head(TIMELINES)
    if known.empty:
        return hidden_figure()
    timeline = states.timeline(bands, known, zone)
    bars = timeline.bars
    colors = states.colors(list(bands["state"].cat.categories), STATES)
    traces = []
    for (level, state), own in bars.groupby(["level", "state"], observed=True):  # the worst on top
        color = {"warn": WARN, "critical": CRITICAL}.get(level, colors[state])
        name = html.escape(state, quote=False)
        word = timelines.WORDS.get(level)
        traces.append(
            go.Bar(
                base=own["x"],
                x=own["length"],
                y=own["row"],
                width=0.8,
                orientation="h",
                name=f"{name} ({word})" if word else name,
                uid=timelines.uid(level, state),
                marker=timelines.marker(color, level),
                text=np.where(own["wide"], name, ""),
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont_color=timelines.readable_on(color),
                customdata=own["said"],
                hovertemplate="%{y}: <b>%{fullData.name}</b><br>%{customdata}<extra></extra>",
            )
        )
    labels = list(panels.labels(known, AXIS_NAME).values())
    note = timelines.left_out(len(bars), timeline.left_out, len(known), len(every))
    return go.Figure(traces, timelines.layout(_style, labels, bars, timeline.clock, note))


def ranking_figure(rows: pd.DataFrame, series: pd.DataFrame) -> go.Figure:
    """Draw the largest values of each series of a table without a time, a panel for each."""
    every = catalog.listed(rows["series"].unique(), series)
    known = every.head(ranking.PANELS)
    if known.empty:
        return hidden_figure()
    bars, titles, ticks = [], [], []
    for number, (name, own) in enumerate(ranking.largest(rows, list(known.index)).items(), 1):
        label, unit = known.loc[name, "label"], known.loc[name, "unit"]
        titles.append(ranking.title(label, unit, len(own), int((rows["series"] == name).sum())))
        ticks.append(panels.labels(pd.DataFrame({"label": list(own["item"])}), AXIS_NAME))
        bars.append(
            go.Bar(
                x=own["value"],
                y=np.arange(len(own)),
                orientation="h",
                name=html.escape(label, quote=False),
                uid=panels.uid(name),
                marker_color=COLORS[(number - 1) % len(COLORS)],
                text=ranking.written(own["value"]),
                textposition="outside",
                cliponaxis=False,  # the text may reach into the margin
                hovertemplate=f"%{{y}}: <b>%{{text}}</b> {unit}<extra></extra>",
                xaxis=f"x{number}",
                yaxis=f"y{number}",
            )
        )
    counts = tuple(map(len, ticks))
    layout = panels.layout(_style, tuple(titles), counts)
    numbers = (text for bar in bars for text in bar.text)
    layout = ranking.named(layout, [list(it.values()) for it in ticks], numbers)
    if len(known) < len(every):
        layout = panels.noted(layout, f"{len(known)} of {len(every)} series shown")
    return go.Figure(bars, panels.at_least(layout, 64 + panels.height(counts)))


def hidden_figure() -> go.Figure:
    """Return a figure whose panel the page hides."""
    return go.Figure(layout={"meta": {"empty": True}})


def message_figure(text: str) -> go.Figure:
    """Draw only a sentence."""
    figure = _style(go.Figure())
    figure.add_annotation(text=text, showarrow=False, font_size=16)
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def _style(figure: go.Figure) -> go.Figure:
    """Style a figure like the page; css-theme.css colors its text."""
    figure.update_layout(
        template="none",
        margin={"l": 44, "r": 12, "t": 24, "b": 40},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"family": "system-ui, sans-serif", "size": 12},
        hovermode="x unified",
        hoverlabel={"bgcolor": "#1f2937", "font_color": "#f9fafb", "namelength": -1},
        legend={"orientation": "h", "yanchor": "bottom", "x": 0, "maxheight": 120},
        modebar={"bgcolor": CLEAR, "color": "#8a94a3", "activecolor": COLORS[0]},
        uirevision="keep",  # zoom and hidden lines survive an update
    )
    axis = {
        "gridcolor": GRID,
        "zeroline": False,
        "ticklabelstandoff": 4,
        "separatethousands": True,
        "exponentformat": "SI",  # of a number of bytes, "2.8B" would look like its unit
    }
    return figure.update_xaxes(axis).update_yaxes(axis)
