"""Lays out lines over time: panels below each other, with one time axis and one hover label."""

import html
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from . import ends, formats, marks, panels, summaries
from .lines import Line

DAY = 86_400_000  # milliseconds
PANEL, GAP = 139, 0.24  # pixels of a panel with the gap below, and the share of the gaps
ROW = 17  # pixels per line in the hover label
AT_ONCE = 15  # lines in a hover label; above that, it covers only the panel under the mouse


def axis(shown: list[int], panel: int) -> str:
    """Return the y axis of one of the panels shown; they share the x axis."""
    return f"y{shown.index(panel) + 1}"


def layout(
    style: Callable[[go.Figure], go.Figure],
    known: pd.DataFrame,
    drawn: list[Line],
    colors: dict[str, str],
) -> dict[str, Any]:
    """Lay out the lines of the series in `known`, with their limits and last values.

    `colors`: of the limits.
    """
    whole_days = not any((line.x % DAY).any() for line in drawn)
    found = _stacked(style, panels.titles(known), whole_days, len(known) <= AT_ONCE)
    found = ends.labeled(panels.noted(found, left_out(drawn)), known, drawn)
    own: dict[int, list[marks.Own]] = {}
    columns = (known[it].tolist() for it in ("panel", "label", "unit", "warn", "critical"))
    for panel, label, unit, warn, critical, line in zip(*columns, drawn, strict=True):
        of = marks.Own(label, unit, warn, critical, line.low, line.high)
        own.setdefault(panel, []).append(of)
    height = max(PANEL * len(own), ROW * len(known))
    found["shapes"] = marks.lines(own.values(), (1 - GAP) * height / len(own), colors)
    found = panels.at_least(found, 64 + height)
    return summaries.summarized(found, summaries.of_lines(known, drawn))


def left_out(drawn: list[Line]) -> str:
    """Return a note about the readings that a chart leaves out, if any."""
    spacing = timedelta(microseconds=max(line.spacing for line in drawn))
    return f"1 point per {formats.about(spacing)}, peaks kept" if spacing else ""


@lru_cache(maxsize=64)
def _stacked(
    style: Callable[[go.Figure], go.Figure],
    titles: tuple[str, ...],
    whole_days: bool,
    at_once: bool,
) -> dict[str, Any]:
    """Lay out panels with these titles. Cached, because Plotly takes long for the layout."""
    count = len(titles)
    gap = GAP / count
    height = (1 - gap * (count - 1)) / count
    clock = "%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M:%S"
    found: dict[str, Any] = {
        "xaxis": {"type": "date", "hoverformat": clock, "tickangle": 0, "anchor": f"y{count}"},
        # One label for all panels that share the time axis.
        "hoversubplots": "axis" if at_once else "overlaying",
        "annotations": [],
    }
    for number, title in enumerate(titles):
        top = 1 - number * (height + gap)
        domain = [max(top - height, 0), top]
        found[f"yaxis{number + 1}"] = {"domain": domain, "anchor": "x", "automargin": True}
        if title:
            found["annotations"].append(panels.title(html.escape(title, quote=False), top))
    drawn: dict[str, Any] = style(go.Figure(layout=found)).to_plotly_json()["layout"]
    return drawn
