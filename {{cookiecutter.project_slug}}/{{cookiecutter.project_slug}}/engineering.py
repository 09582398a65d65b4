"""KPIs and charts, as pure functions of tables and choices."""

import html
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal
from zlib import crc32
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from .engine import SettingError
from .engine.figures import formats, lines
from .engine.figures.lines import POINTS, downsample  # noqa: F401  (for a figure of your own)

SERIES = Path(__file__).with_name("assets") / "static_data" / "series.csv"
# Each has a contrast of at least 3:1 on the light and the dark background, and any two of them are
# distinguishable for color-blind viewers, too.
COLORS = ["#724fd9", "#969a0b", "#1ca69b", "#ac4657", "#7e90db", "#f73c89", "#965c01", "#c0197f"]
GRID = "rgba(128,128,128,0.22)"
CLEAR = "rgba(0,0,0,0)"
# Shown before the first data arrive, when a chart fails, and when nothing matches the selection.
EMPTY = "Nothing to show yet"
UTC = ZoneInfo("UTC")
DAY = 86_400_000  # milliseconds
LEGEND_NAME, AXIS_NAME = 32, 24  # the longest names there, in characters
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


@cache
def known_series() -> pd.DataFrame:
    """Return the series of series.csv; cached, do not modify it. Raises SettingError."""
    return read_series(SERIES)


def read_series(path: Path) -> pd.DataFrame:
    """Read the label, unit and limits of each series, by name. Raises SettingError."""
    columns = {"series": str, "label": str, "unit": str, "warn": float, "critical": float}
    try:
        # Only empty cells are missing values: a series may be called NA.
        read = pd.read_csv(
            path, dtype=columns, usecols=list(columns), keep_default_na=False, na_values=""
        )
    except ValueError as error:
        raise SettingError(f"{path} cannot be used: {error}.") from error
    if twice := sorted(read.loc[read["series"].duplicated(), "series"]):
        raise SettingError(f"{path} cannot be used: {twice[0]!r} appears twice: keep one row.")
    return read.assign(label=read["label"].fillna(read["series"])).set_index("series")


def survey(
    readings: pd.DataFrame, series: pd.DataFrame, now: datetime | None = None
) -> pd.DataFrame:
    """Return the metadata and statistics of each series, those in `series.csv` first.

    `decimals`: how many to show; `usual`: the interval between two readings, in microseconds;
    `last`: the time of its newest reading; `newest`: that of all series, but not after now.
    """
    rows = {name: rows for name, rows in lines.split(readings).items() if len(rows)}
    names = [name for name in series.index if name in rows]
    names += sorted(rows.keys() - set(names))
    known = series.reindex(names)
    recent = [rows[name][-POINTS:] for name in names]
    time, value = lines.microseconds(readings["time"]), readings["value"].to_numpy()
    last = pd.Series(readings["time"].array[[it[-1] for it in recent]], names)
    digits = [formats.decimals(value[it]) for it in recent]
    return known.assign(
        label=known["label"].fillna(pd.Series(names, names)),
        unit=known["unit"].fillna(""),
        color=colors(names, series),
        decimals=pd.Series(digits, names, object),
        usual=[lines.usual_distance(time[it]) for it in recent],
        last=last,
        newest=min(last.max(), now) if now and names else last.max(),
    )


def colors(names: list[str], series: pd.DataFrame) -> list[str]:
    """Return a color for each series: a free one, or the one least used, above all in its unit.

    Colors do not depend on the selection, and those of `series.csv` do not depend on the data.
    """
    units = series["unit"].fillna("").to_dict()
    used: Counter[Any] = Counter()  # by color, and by unit and color

    def count(name: str, color: str) -> None:
        used.update([color, (units.get(name, ""), color)])

    def free(name: str, first: int) -> str:
        unit, turn = units.get(name, ""), [*COLORS[first:], *COLORS[:first]]
        return min(turn, key=lambda color: (used[unit, color], used[color]))

    known: dict[str, str] = {}
    for row, name in enumerate(units):
        known[name] = free(name, row % len(COLORS))
        count(name, known[name])
    found = {name: known[name] for name in names if name in known}
    used.clear()
    for name, color in found.items():
        count(name, color)
    for name in names:
        if name not in found:  # by hash, so that a new series changes few colors
            found[name] = free(name, crc32(str(name).encode()) % len(COLORS))
            count(name, found[name])
    return [found[name] for name in names]


def describe(readings: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Return the metadata of the series in the data; `series` may be the result of `survey`."""
    if "color" not in series:
        return survey(readings, series)
    counts = readings["series"].value_counts()  # takes half the memory of unique()
    present = set(counts.index[counts > 0])
    return series.loc[[name for name in series.index if name in present]]


def select(
    readings: pd.DataFrame, names: list[str] | None = None, window: timedelta | None = None
) -> pd.DataFrame:
    """Return the readings of some series (default: all), for a window that ends at the newest."""
    if window is not None and len(readings):
        start = readings["time"].searchsorted(readings["time"].iloc[-1] - window)
        readings = readings.iloc[start:]
    return readings[readings["series"].isin(names)] if names else readings


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


def trend_figure(readings: pd.DataFrame, series: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """Draw each series over time, with a panel for each unit; times are shown in `zone`."""
    known = describe(readings, series)
    units = list(known["unit"].unique())
    if not units:
        return message_figure(EMPTY)
    rows, traces, drawn = lines.split(readings), [], []
    labels = _short(known, LEGEND_NAME)
    for name, row in known.iterrows():
        line = lines.line(readings, rows[name], row.usual, zone)
        drawn.append(line)
        number = formats.d3_format(row.decimals, np.nanmax(np.abs(line.y)))
        traces.append(
            go.Scatter(
                x=line.x,
                y=line.y,
                name=labels[name],
                uid=f"series {name}",  # must not be a property of every JavaScript object
                mode="lines+markers" if line.alone.any() else "lines",
                line={"color": row.color, "width": 1.6},
                marker={"size": 5.0 * line.alone} if line.alone.any() else None,
                hovertemplate=f"%{{y:{number}}} {row.unit}",
                **_panel(units, row.unit),
            )
        )
    whole_days = not any((line.x % DAY).any() for line in drawn)
    layout = _layout(tuple(units), over_time=True, whole_days=whole_days)
    shown = sum(line.count for line in drawn)
    layout = _noted(layout, _left_out(shown, len(readings)))
    legend = 20 * min(max(len(known) - 4, 0), 6)
    return go.Figure(traces, _at_least(layout, 84 + 133 * len(units) + legend))


def distribution_figure(readings: pd.DataFrame, series: pd.DataFrame) -> go.Figure:
    """Draw the spread of each series as a box of its 5, 25, 50, 75 and 95 %, by unit."""
    known = describe(readings, series)
    units = list(known["unit"].unique())
    if not units:
        return message_figure(EMPTY)
    known = known.iloc[::-1]  # Plotly draws the first one at the bottom
    rows, values, places = lines.split(readings), readings["value"].to_numpy(), Counter[str]()
    labels = _short(known, AXIS_NAME)
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
                y=[places[row.unit]],
                name=labels[name],
                uid=f"series {name}",
                orientation="h",
                line={"color": row.color, "width": 1.6},
                showlegend=False,
                **_panel(units, row.unit),
            )
        )
        places[row.unit] += 1
    counts = tuple(places[unit] for unit in units)
    layout = _layout(tuple(units), counts)
    layout = _noted(_named(layout, units, known, labels), "whiskers: 5 to 95 %")
    return go.Figure(boxes, _at_least(layout, 64 + _height(counts)))


def message_figure(text: str) -> go.Figure:
    """Draw only a sentence."""
    figure = _style(go.Figure())
    figure.add_annotation(text=text, showarrow=False, font_size=16)
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def _short(known: pd.DataFrame, length: int) -> dict[str, str]:
    """Return labels for Plotly: escaped, and shortened to the available room."""
    labels = formats.shorten(list(known["label"]), length)
    return {
        name: html.escape(label, quote=False)
        for name, label in zip(known.index, labels, strict=True)
    }


def _height(boxes: tuple[int, ...]) -> int:
    """Return the height in pixels of panels with these numbers of boxes."""
    return 60 * len(boxes) + 24 * sum(boxes)


def _at_least(layout: dict[str, Any], height: int) -> dict[str, Any]:
    """Set the minimum height of a figure in pixels; charts.js applies it."""
    return {**layout, "meta": {"min_height": height}}


def _panel(units: list[str], unit: str) -> dict[str, str]:
    """Return the axes of a unit's panel."""
    number = units.index(unit) + 1
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def _left_out(shown: int, total: int) -> str:
    """Return a remark about the readings that a chart leaves out, if any."""
    if shown == total:
        return ""
    share = f"1 of {round(total / shown):,}" if total > 1.5 * shown else "not all"
    return f"{share} readings shown, peaks kept"


def _noted(layout: dict[str, Any], text: str) -> dict[str, Any]:
    """Add a small remark above a chart, on the right."""
    note = {"text": text, "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"}
    paper = {"xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 12}}
    titles = layout.get("annotations", [])
    return {**layout, "annotations": [*titles, note | paper]} if text else layout


def _named(
    layout: dict[str, Any], units: list[str], known: pd.DataFrame, labels: dict[str, str]
) -> dict[str, Any]:
    """Label the boxes with the names of the series, and format numbers as everywhere else."""
    layout, rows = dict(layout), list(known.itertuples())
    for unit, number in zip(units, ["", *range(2, len(units) + 1)], strict=True):
        of = [it for it in rows if it.unit == unit]
        texts = [labels[it.Index] for it in of]
        ticks = {"tickvals": list(range(len(of))), "ticktext": texts}
        decimals = [it.decimals for it in of]
        digits = None if None in decimals else max(decimals)
        layout[f"yaxis{number}"] = layout[f"yaxis{number}"] | ticks
        hover = {"hoverformat": formats.d3_format(digits, 0)}
        layout[f"xaxis{number}"] = layout[f"xaxis{number}"] | hover
    return layout


@lru_cache(maxsize=64)
def _layout(
    units: tuple[str, ...],
    boxes: tuple[int, ...] = (),
    over_time: bool = False,
    whole_days: bool = False,
) -> dict[str, Any]:
    """Lay out a panel for each unit, one below the other, with the unit as its title.

    `boxes`: how many each panel has, which determines its share of the height. Cached, because
    Plotly takes longer for the layout than for the data.
    """
    gap = 0.24 / len(units)
    if not over_time:  # each gap has tick labels
        gap = min(0.4 / len(units), 50 / _height(boxes))
    figure = make_subplots(
        rows=len(units),
        row_heights=[1 + count for count in boxes] or None,
        subplot_titles=[html.escape(unit, quote=False) for unit in units],
        vertical_spacing=gap,
        shared_xaxes=over_time,
    ).update_annotations(x=0, xanchor="left", font_size=12)
    if over_time:
        clock = "%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M:%S"
        figure.update_xaxes(type="date", hoverformat=clock)
    else:
        figure.update_xaxes(nticks=4)  # so that long numbers do not overlap
    _style(figure).update_yaxes(automargin=True).update_xaxes(tickangle=0)
    figure.update_layout(legend_y=1 + 24 / (133 * max(len(units), 3)))
    layout: dict[str, Any] = figure.to_plotly_json()["layout"]
    return layout


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
    # SI: of a number of bytes, "2.8B" would look like its unit.
    axis = {"gridcolor": GRID, "zeroline": False, "ticklabelstandoff": 4, "exponentformat": "SI"}
    return figure.update_xaxes(axis).update_yaxes(axis)
