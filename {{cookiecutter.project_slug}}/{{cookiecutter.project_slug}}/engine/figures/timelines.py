"""Lays out timelines of states, one below the other, and bars of a ranking."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from . import panels

ROW = 34  # pixels
DARK, LIGHT = "#0b0f14", "#ffffff"
PATTERNS = {"warn": "/", "critical": "x"}
TEXT = {"textposition": "inside", "insidetextanchor": "middle", "textangle": 0}  # on a bar
WORDS = {"warn": "warning", "critical": "critical"}
# However thin it is, a border makes Plotly round bars to whole pixels. Otherwise it would widen
# those shorter than a pixel, so that the state that is drawn last would hide all others.
BORDER = 0.02


def marker(color: str, level: str) -> dict[str, Any]:
    """Return the look of bars: a pattern marks warnings and critical states without color, too."""
    if level not in PATTERNS:
        return {"color": color, "line": {"width": BORDER, "color": color}}
    look = {"shape": PATTERNS[level], "fillmode": "overlay", "size": 6, "solidity": 0.2}
    pattern = {**look, "fgcolor": LIGHT, "fgopacity": 0.5}
    # Even a short one is visible, at every zoom.
    return {"color": color, "line": {"width": 2, "color": color}, "pattern": pattern}


def rated(name: str, level: str) -> str:
    """Return a state's name, with its level if it is not neutral."""
    return f"{name} ({WORDS[level]})" if level in WORDS else name


def uid(level: str, state: str) -> str:
    """Return an id that may be part of an HTML id: the patterns of a trace have one."""
    return f"state-{level}-{state.encode().hex()}"


def readable_on(color: str) -> str:
    """Return the color of text on a bar: black or white."""
    parts = [int(color[it : it + 2], 16) / 255 for it in (1, 3, 5)]
    red, green, blue = (((it + 0.055) / 1.055) ** 2.4 for it in parts)
    return LIGHT if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.18 else DARK


def layout(
    style: Callable[[go.Figure], go.Figure],
    labels: list[str],
    bars: pd.DataFrame,
    clock: str,
    note: str,
) -> dict[str, Any]:
    """Lay out a row for each series, as wide as the time of all bars, with a remark below."""
    figure = style(go.Figure())
    height = ROW * len(labels)
    ends = {"clipmin": bars["x"].min(), "clipmax": (bars["x"] + bars["length"]).max()}
    # No room beyond the first and the last bar; a viewer's zoom would not survive a fixed range.
    figure.update_xaxes(type="date", hoverformat=clock, tickangle=0, autorangeoptions=ends)
    figure.update_yaxes(
        tickvals=list(range(len(labels))),
        ticktext=labels,
        range=[len(labels) - 0.5, -0.5],
        fixedrange=True,
        showgrid=False,
        automargin=True,
    )
    figure.update_layout(
        barmode="overlay",
        hovermode="closest",
        uniformtext={"minsize": 11, "mode": "hide"},
        legend_itemsizing="constant",
        showlegend=True,
        margin_b=48,  # for the year below the month
        meta={"min_height": 64 + (8 if note else 0) + height},
    )
    found: dict[str, Any] = figure.to_plotly_json()["layout"]
    return panels.noted(found, note)


def left_out(shown: int, bands: int, series: int, all_series: int) -> str:
    """Return a remark about the bands and series that a chart leaves out, if any."""
    said = [f"{series} of {all_series} series shown"] if series < all_series else []
    if bands:
        said.append(f"1 of {max(round((shown + bands) / shown), 2):,} states shown, the worst kept")
    return ", ".join(said)
