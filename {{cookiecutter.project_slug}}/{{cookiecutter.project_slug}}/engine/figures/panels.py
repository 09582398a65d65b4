"""Lays out panels, one below the other."""

import html
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from . import formats

TITLE = 28  # characters, besides "and 3 more"
MARGIN = {"l": 44, "r": 12, "t": 24, "b": 40}
AXIS = {
    "zeroline": False,
    "ticklabelstandoff": 4,
    "separatethousands": True,
    "exponentformat": "SI",  # for bytes, "2.8B" would look like a unit
}
# At the top of the chart, whatever its height; the border leaves room for the first panel's title.
LEGEND = {
    "orientation": "h",
    **{"xref": "container", "x": 0, "xanchor": "left"},
    **{"yref": "container", "y": 1, "yanchor": "top"},
    "borderwidth": 8,
    "maxheight": 0.75,  # of the chart; charts.js makes the chart high enough for the whole legend
}


def labels(known: pd.DataFrame, length: int) -> dict[str, str]:
    """Return labels for Plotly: escaped, and shortened to the available room."""
    labels = formats.shorten(list(known["label"]), length)
    return {
        name: html.escape(label, quote=False)
        for name, label in zip(known.index, labels, strict=True)
    }


def uid(name: str) -> str:
    """Return a series' id for Plotly, which uses it as an object's key and in CSS selectors."""
    return f"series-{name.encode().hex()}"


def height(boxes: tuple[int, ...]) -> int:
    """Return the height in pixels of panels with these numbers of boxes."""
    return 60 * len(boxes) + 24 * sum(boxes)


def at_least(layout: dict[str, Any], height: int) -> dict[str, Any]:
    """Set the minimum height of a figure in pixels; charts.js adds the legend's and applies it."""
    return {**layout, "meta": {**layout.get("meta", {}), "min_height": height}}


def axes(shown: list[int], panel: int) -> dict[str, str]:
    """Return the axes of one of the panels shown."""
    number = shown.index(panel) + 1
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def units(known: pd.DataFrame) -> tuple[str, ...]:
    """Return the unit of each panel."""
    return tuple(dict(zip(known["panel"].tolist(), known["unit"].tolist(), strict=True)).values())


def titles(known: pd.DataFrame) -> tuple[str, ...]:
    """Return the title of each panel: its unit, and the series' names if that is not enough."""
    of, labels = units(known), dict[int, list[str]]()
    if of == ("",):
        return of
    for panel, label in zip(known["panel"].tolist(), known["label"].tolist(), strict=True):
        labels.setdefault(panel, []).append(label)
    return tuple(
        unit if unit and of.count(unit) == 1 else " · ".join(filter(None, (unit, _enumerated(it))))
        for unit, it in zip(of, labels.values(), strict=True)
    )


def _enumerated(labels: list[str]) -> str:
    """Return as many labels as fit on a phone, and how many more there are."""
    found, more = formats.shorten(labels[:1], TITLE)[0], len(labels) - 1
    for label in labels[1:]:
        if len(found) + len(label) > TITLE:
            break
        found, more = f"{found}, {label}", more - 1
    return f"{found} and {more} more" if more else found


def title(text: str, y: float) -> dict[str, Any]:
    """Return the title of a panel whose upper edge is at `y`."""
    place = {"x": 0, "xanchor": "left", "y": y, "yanchor": "bottom"}
    paper = {"xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 12}}
    return {"text": text} | place | paper


def noted(layout: dict[str, Any], text: str) -> dict[str, Any]:
    """Add a small remark below a chart, on the right."""
    if not text:
        return layout
    note = {"text": text, "x": 1, "xanchor": "right", "y": 0, "yanchor": "top", "yshift": -36}
    paper = {"xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 12}}
    notes = [*layout.get("annotations", []), note | paper]
    return {**layout, "annotations": notes, "margin": layout["margin"] | {"b": 56}}


@lru_cache(maxsize=64)
def layout(
    style: Callable[[go.Figure], go.Figure],
    titles: tuple[str, ...],
    boxes: tuple[int, ...],
) -> dict[str, Any]:
    """Lay out panels with these titles, one below the other.

    `boxes`: how many each panel has, which determines its share of the height. Cached, because
    Plotly takes longer for the layout than for the data.
    """
    gap = min(0.4 / len(titles), 50 / height(boxes))  # it has tick labels
    figure = make_subplots(
        rows=len(titles),
        row_heights=[1 + count for count in boxes],
        subplot_titles=[html.escape(title, quote=False) for title in titles],
        vertical_spacing=gap,
    ).update_annotations(x=0, xanchor="left", font_size=12)
    style(figure).update_yaxes(automargin=True)
    figure.update_xaxes(tickangle=0, nticks=4)  # so that long numbers do not overlap
    layout: dict[str, Any] = figure.to_plotly_json()["layout"]
    return layout
