"""Lays out panels, one below the other."""

import html
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from . import formats
from .lines import Line

DAY = 86_400_000  # milliseconds
TITLE = 28  # characters, besides "and 3 more"


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
    """Set the minimum height of a figure in pixels; charts.js applies it."""
    return {**layout, "meta": {"min_height": height}}


def axes(shown: list[int], panel: int) -> dict[str, str]:
    """Return the axes of one of the panels shown."""
    number = shown.index(panel) + 1
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def units(known: pd.DataFrame) -> tuple[str, ...]:
    """Return the unit of each panel."""
    return tuple(known.drop_duplicates("panel")["unit"])


def titles(known: pd.DataFrame) -> tuple[str, ...]:
    """Return the title of each panel: its unit, and the series' names if that is not enough."""
    of = units(known)
    names = [_enumerated(list(it)) for _, it in known.groupby("panel", sort=False)["label"]]
    if of == ("",):
        return of
    return tuple(
        unit if unit and of.count(unit) == 1 else " · ".join(filter(None, (unit, name)))
        for unit, name in zip(of, names, strict=True)
    )


def _enumerated(labels: list[str]) -> str:
    """Return as many labels as fit on a phone, and how many more there are."""
    found, more = formats.shorten(labels[:1], TITLE)[0], len(labels) - 1
    for label in labels[1:]:
        if len(found) + len(label) > TITLE:
            break
        found, more = f"{found}, {label}", more - 1
    return f"{found} and {more} more" if more else found


def left_out(shown: int, total: int) -> str:
    """Return a remark about the readings that a chart leaves out, if any."""
    if shown == total:
        return ""
    share = f"1 of {round(total / shown):,}" if total > 1.5 * shown else "not all"
    return f"{share} readings shown, peaks kept"


def noted(layout: dict[str, Any], text: str) -> dict[str, Any]:
    """Add a small remark below a chart, on the right."""
    if not text:
        return layout
    note = {"text": text, "x": 1, "xanchor": "right", "y": 0, "yanchor": "top", "yshift": -36}
    paper = {"xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 12}}
    notes = [*layout.get("annotations", []), note | paper]
    return {**layout, "annotations": notes, "margin": layout["margin"] | {"b": 56}}


def named(
    layout: dict[str, Any], shown: list[int], known: pd.DataFrame, labels: dict[str, str]
) -> dict[str, Any]:
    """Label the boxes with the names of the series, and format numbers as everywhere else."""
    layout = dict(layout)
    for number, panel in enumerate(shown, 1):
        axis, of = str(number) if number > 1 else "", known[known["panel"] == panel]
        ticks = {"tickvals": list(range(len(of))), "ticktext": [labels[it] for it in of.index]}
        decimals = list(of["decimals"])
        digits = None if None in decimals else max(decimals)
        layout[f"yaxis{axis}"] = layout[f"yaxis{axis}"] | ticks
        hover = {"hoverformat": formats.d3_format(digits, 0)}
        layout[f"xaxis{axis}"] = layout[f"xaxis{axis}"] | hover
    return layout


def of_lines(
    style: Callable[[go.Figure], go.Figure], known: pd.DataFrame, drawn: list[Line], total: int
) -> dict[str, Any]:
    """Lay out lines over time; `total`: how many readings they are of, drawn or left out."""
    whole_days = not any((line.x % DAY).any() for line in drawn)
    of = titles(known)
    found = layout(style, of, over_time=True, whole_days=whole_days)
    found = noted(found, left_out(sum(line.count for line in drawn), total))
    legend = 20 * min(max(len(known) - 4, 0), 6)
    return at_least(found, 84 + 133 * len(of) + legend)


def of_boxes(
    style: Callable[[go.Figure], go.Figure],
    titles: tuple[str, ...],
    shown: list[int],
    known: pd.DataFrame,
    labels: dict[str, str],
) -> dict[str, Any]:
    """Lay out boxes, one below the other."""
    counts = tuple(int((known["panel"] == panel).sum()) for panel in shown)
    found = named(layout(style, titles, counts), shown, known, labels)
    return at_least(found, 64 + height(counts))


@lru_cache(maxsize=64)
def layout(
    style: Callable[[go.Figure], go.Figure],
    titles: tuple[str, ...],
    boxes: tuple[int, ...] = (),
    over_time: bool = False,
    whole_days: bool = False,
) -> dict[str, Any]:
    """Lay out panels with these titles, one below the other.

    `boxes`: how many each panel has, which determines its share of the height. Cached, because
    Plotly takes longer for the layout than for the data.
    """
    gap = 0.24 / len(titles)
    if not over_time:  # each gap has tick labels
        gap = min(0.4 / len(titles), 50 / height(boxes))
    figure = make_subplots(
        rows=len(titles),
        row_heights=[1 + count for count in boxes] or None,
        subplot_titles=[html.escape(title, quote=False) for title in titles],
        vertical_spacing=gap,
        shared_xaxes=over_time,
    ).update_annotations(x=0, xanchor="left", font_size=12)
    if over_time:
        clock = "%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M:%S"
        figure.update_xaxes(type="date", hoverformat=clock)
    else:
        figure.update_xaxes(nticks=4)  # so that long numbers do not overlap
    style(figure).update_yaxes(automargin=True).update_xaxes(tickangle=0)
    figure.update_layout(legend_y=1 + 24 / (133 * max(len(titles), 3)))
    layout: dict[str, Any] = figure.to_plotly_json()["layout"]
    return layout
