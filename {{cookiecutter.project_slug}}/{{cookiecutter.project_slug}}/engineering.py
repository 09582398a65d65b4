"""What the data say: key figures and pictures, as pure functions of tables and choices."""

import math
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from zlib import crc32
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from tsdownsample import MinMaxLTTBDownsampler

from .setting import SettingError

# As many points of a line as a wide screen has pixels to show them; more would only be weight.
POINTS = 1000
# Each keeps a contrast of 3:1 and more on the light background and on the dark one.
COLORS = ["#3b82f6", "#d9660b", "#16a34a", "#a855f7", "#e11d48", "#0d9488", "#b7790a", "#6b7f99"]
GRID = "rgba(128,128,128,0.22)"
CLEAR = "rgba(0,0,0,0)"


@dataclass(frozen=True)
class Kpi:
    """One key figure, ready to show: the newest value, its range, and where its limits put it."""

    label: str
    unit: str
    value: str
    low: str
    high: str
    state: Literal["ok", "warn", "critical"]


def read_series(path: Path) -> pd.DataFrame:
    """Read what is known of each series, by its name. Raises SettingError."""
    columns = {"series": str, "label": str, "unit": str, "warn": float, "critical": float}
    try:
        # Only what is empty is missing: a series may be called NA.
        read = pd.read_csv(
            path, dtype=columns, usecols=list(columns), keep_default_na=False, na_values=""
        )
    except ValueError as error:
        raise SettingError(f"{path} cannot be used: {error}.") from error
    if twice := sorted(read.loc[read["series"].duplicated(), "series"]):
        raise SettingError(f"{path} cannot be used: {twice[0]!r} is there twice, give it one row.")
    return read.assign(label=read["label"].fillna(read["series"])).set_index("series")


def describe(readings: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Return label, unit, limits and color of the series in the data, the known ones first."""
    counts = readings["series"].value_counts()  # takes half the memory of unique()
    present = set(counts.index[counts > 0])
    names = [name for name in series.index if name in present]
    names += sorted(present.difference(names))
    known = series.reindex(names)
    # A color goes with its series, whatever others are shown.
    place = {name: position for position, name in enumerate(series.index)}
    color = [COLORS[place.get(name, crc32(str(name).encode())) % len(COLORS)] for name in names]
    return known.assign(
        label=known["label"].fillna(pd.Series(names, names)),
        unit=known["unit"].fillna(""),
        color=color,
    )


def select(
    readings: pd.DataFrame, names: list[str] | None = None, window: timedelta | None = None
) -> pd.DataFrame:
    """Return the readings of some series (none named: all), back from the newest by a window."""
    if window is not None and len(readings):
        start = readings["time"].searchsorted(readings["time"].iloc[-1] - window)
        readings = readings.iloc[start:]
    return readings[readings["series"].isin(names)] if names else readings


def kpis(readings: pd.DataFrame, series: pd.DataFrame) -> list[Kpi]:
    """Return the key figure of each series, in the order of `series.csv`."""
    # All of them, with data or not: of a million rows that takes half the memory.
    values = readings.groupby("series", observed=False)["value"].agg(["last", "min", "max"])
    figures = []
    for name, row in describe(readings, series).iterrows():
        last, low, high = values.loc[name]
        digits = decimals(max(abs(low), abs(high)))
        value, low, high = (f"{number:,.{digits}f}" for number in (last, low, high))
        state = rate(last, row.warn, row.critical)
        figures.append(Kpi(row.label, row.unit, value, low, high, state))
    return figures


def rate(value: float, warn: float, critical: float) -> Literal["ok", "warn", "critical"]:
    """Compare a value with its limits; a `critical` below `warn` means that low values are bad."""
    sign = -1 if critical < warn else 1
    if sign * value >= sign * critical:
        return "critical"
    return "warn" if sign * value >= sign * warn else "ok"


def decimals(value: float) -> int:
    """Return how many decimals show three significant digits of a number, four at most."""
    if value == 0 or not math.isfinite(value):
        return 0
    return min(max(2 - math.floor(math.log10(abs(value))), 0), 4)


def trend_figure(readings: pd.DataFrame, series: pd.DataFrame, zone: ZoneInfo) -> go.Figure:
    """Draw each series over time, a panel for each unit; times are those of the zone's clocks."""
    known = describe(readings, series)
    units = list(known["unit"].unique())
    if not units:
        return message_figure("No data to show yet")
    lines = []
    for name, row in known.iterrows():
        line = downsample(readings[readings["series"] == name])
        digits = decimals(line["value"].abs().max())
        lines.append(
            go.Scatter(
                x=_wall_clock(line["time"], zone),
                y=line["value"].to_numpy(),
                name=row.label,
                uid=str(name),
                mode="lines",
                line={"color": row.color, "width": 1.6},
                hovertemplate=f"%{{y:,.{digits}f}} {row.unit}",
                **_panel(units, row.unit),
            )
        )
    return go.Figure(lines, _layout(tuple(units), over_time=True))


def distribution_figure(readings: pd.DataFrame, series: pd.DataFrame) -> go.Figure:
    """Draw the spread of each series as a box of its 5, 25, 50, 75 and 95 %, by unit."""
    known = describe(readings, series)
    units = list(known["unit"].unique())
    if not units:
        return message_figure("No data to show yet")
    boxes = []
    for name, row in known.iloc[::-1].iterrows():  # Plotly draws the first one at the bottom
        values = readings.loc[readings["series"] == name, "value"]
        low, q1, median, q3, high = values.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
        boxes.append(
            go.Box(
                lowerfence=[low],
                q1=[q1],
                median=[median],
                q3=[q3],
                upperfence=[high],
                y=[row.label],
                name=row.label,
                uid=str(name),
                orientation="h",
                line={"color": row.color, "width": 1.6},
                showlegend=False,
                **_panel(units, row.unit),
            )
        )
    return go.Figure(boxes, _layout(tuple(units)))


def message_figure(text: str) -> go.Figure:
    """Draw nothing but a sentence."""
    figure = _style(go.Figure())
    figure.add_annotation(text=text, showarrow=False, font_size=16)
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def downsample(line: pd.DataFrame) -> pd.DataFrame:
    """Keep the points of one series that a screen can show, its peaks among them."""
    if len(line) <= POINTS:
        return line
    time, value = line["time"].to_numpy("datetime64[us]").view("int64"), line["value"].to_numpy()
    return line.iloc[MinMaxLTTBDownsampler().downsample(time, value, n_out=POINTS)]


def _wall_clock(time: pd.Series, zone: ZoneInfo) -> Any:
    """Return the whole milliseconds that make Plotly, which knows no zones, show the zone's time.

    In the hour that autumn brings twice, a line goes back by that hour.
    """
    local = time.dt.tz_convert(zone).dt.tz_localize(None)
    return local.to_numpy("datetime64[ms]").astype("float64")


def _panel(units: list[str], unit: str) -> dict[str, str]:
    """Return the axes of a unit's panel."""
    number = units.index(unit) + 1
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


@lru_cache(maxsize=64)
def _layout(units: tuple[str, ...], over_time: bool = False) -> dict[str, Any]:
    """Lay out a panel for each unit, one below the other, with the unit as its title.

    Kept, since Plotly takes longer for it than for the data.
    """
    figure = make_subplots(
        rows=len(units),
        subplot_titles=units,
        vertical_spacing=(0.24 if over_time else 0.4) / len(units),
        shared_xaxes=over_time,
    ).update_annotations(x=0, xanchor="left", font_size=12)
    if over_time:
        figure.update_xaxes(type="date", hoverformat="%Y-%m-%d %H:%M:%S")
    else:
        figure.update_yaxes(automargin=True)
    layout: dict[str, Any] = _style(figure).to_plotly_json()["layout"]
    return layout


def _style(figure: go.Figure) -> go.Figure:
    """Give a figure the look of the page; css-theme.css colors its texts."""
    figure.update_layout(
        template="none",
        margin={"l": 44, "r": 12, "t": 24, "b": 40},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"family": "system-ui, sans-serif", "size": 12},
        hovermode="x unified",
        hoverlabel={"bgcolor": "#1f2937", "font_color": "#f9fafb"},
        legend={"orientation": "h", "y": 1.06, "yanchor": "bottom", "x": 0},
        modebar={"bgcolor": CLEAR, "color": "#8a94a3", "activecolor": COLORS[0]},
        uirevision="keep",  # zoom and hidden lines survive an update
    )
    axis = {"gridcolor": GRID, "zeroline": False, "ticklabelstandoff": 4}
    return figure.update_xaxes(axis).update_yaxes(axis)
