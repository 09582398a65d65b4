"""Lays out a panel for each unit, one below the other."""

import html
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from . import formats


def labels(known: pd.DataFrame, length: int) -> dict[str, str]:
    """Return labels for Plotly: escaped, and shortened to the available room."""
    labels = formats.shorten(list(known["label"]), length)
    return {
        name: html.escape(label, quote=False)
        for name, label in zip(known.index, labels, strict=True)
    }


def height(boxes: tuple[int, ...]) -> int:
    """Return the height in pixels of panels with these numbers of boxes."""
    return 60 * len(boxes) + 24 * sum(boxes)


def at_least(layout: dict[str, Any], height: int) -> dict[str, Any]:
    """Set the minimum height of a figure in pixels; charts.js applies it."""
    return {**layout, "meta": {"min_height": height}}


def axes(units: list[str], unit: str) -> dict[str, str]:
    """Return the axes of a unit's panel."""
    number = units.index(unit) + 1
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def left_out(shown: int, total: int) -> str:
    """Return a remark about the readings that a chart leaves out, if any."""
    if shown == total:
        return ""
    share = f"1 of {round(total / shown):,}" if total > 1.5 * shown else "not all"
    return f"{share} readings shown, peaks kept"


def noted(layout: dict[str, Any], text: str) -> dict[str, Any]:
    """Add a small remark above a chart, on the right."""
    note = {"text": text, "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"}
    paper = {"xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 12}}
    titles = layout.get("annotations", [])
    return {**layout, "annotations": [*titles, note | paper]} if text else layout


def named(
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
def layout(
    style: Callable[[go.Figure], go.Figure],
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
        gap = min(0.4 / len(units), 50 / height(boxes))
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
    style(figure).update_yaxes(automargin=True).update_xaxes(tickangle=0)
    figure.update_layout(legend_y=1 + 24 / (133 * max(len(units), 3)))
    layout: dict[str, Any] = figure.to_plotly_json()["layout"]
    return layout
