"""Lays out box plots, one below the other, with marks for the limits of each."""

from collections import defaultdict
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from . import formats, lines, marks, panels, summaries
from .quantiles import quantiles

PARTS = {"lowerfence": 0.05, "q1": 0.25, "median": 0.5, "q3": 0.75, "upperfence": 0.95}
WHISKERS = "whiskers: 5 to 95 %"
# Distinguishable without color, too: thin and dashed, or thick.
LOOKS: dict[str, dict[str, Any]] = {
    "warn": {"dash": "2px,2px", "width": 2},
    "critical": {"width": 3},
}
SIGNS = {
    "warn": "\N{BOX DRAWINGS LIGHT QUADRUPLE DASH VERTICAL}",
    "critical": "\N{BOX DRAWINGS HEAVY VERTICAL}",
}
HALF = 0.4  # of a mark's height, as a share of a row


class _Row(NamedTuple):
    """A series of a panel, from the bottom."""

    label: str
    spread: Any  # see `spreads`
    decimals: Any  # int or None
    warn: float
    critical: float


def placed(known: pd.DataFrame) -> pd.DataFrame:
    """Return the series in reverse, as Plotly draws the first one at the bottom, with a `place`."""
    places: dict[int, count[int]] = defaultdict(count)
    known = known.iloc[::-1]
    return known.assign(place=[next(places[it]) for it in known["panel"]])


def spreads(readings: pd.DataFrame, known: pd.DataFrame) -> dict[str, Any]:
    """Return the 5, 25, 50, 75 and 95 % of each series' values, in the unit of its axis."""
    points, shares = lines.points(readings), list(PARTS.values())
    factors = known["factor"].items()
    return {it: quantiles(points[it].value, shares) * factor for it, factor in factors}


def drawn(spread: Any) -> dict[str, Any]:
    """Return what draws the box of a series; `spread`: see `spreads`."""
    parts = {part: [value] for part, value in zip(PARTS, spread, strict=True)}
    return {**parts, "boxpoints": False}  # otherwise, a hover label would appear twice


def layout(
    style: Callable[[go.Figure], go.Figure],
    known: pd.DataFrame,
    spreads: dict[str, Any],
    labels: dict[str, str],
    colors: dict[str, str],
) -> dict[str, Any]:
    """Lay out the boxes of the series in `known`, which `placed` returned.

    `colors`: of the limits.
    """
    known = known.iloc[::-1]
    of: dict[int, list[_Row]] = {}
    columns = (known[it].tolist() for it in ("panel", "decimals", "warn", "critical"))
    for name, panel, *row in zip(known.index, *columns, strict=True):
        of.setdefault(panel, []).insert(0, _Row(labels[name], spreads[name], *row))
    counts = tuple(map(len, of.values()))
    found = dict(panels.layout(style, panels.units(known), counts))
    shapes, said = [], dict.fromkeys([WHISKERS])
    for number, rows in enumerate(of.values(), 1):
        axis = str(number) if number > 1 else ""
        found[f"yaxis{axis}"] = found[f"yaxis{axis}"] | _named(rows)
        found[f"xaxis{axis}"] = found[f"xaxis{axis}"] | _numbers(rows)
        for level, path in _marks(rows).items():
            said[f"{SIGNS[level]} {level}"] = None
            line = {"color": colors[level]} | LOOKS[level]
            axes = {"xref": f"x{axis}", "yref": f"y{axis}"}
            shapes.append({"type": "path", "path": path, "line": line} | axes)
    # By position, so that the label and a click belong to the box under the mouse.
    found |= {"shapes": shapes, "hovermode": "y unified"}
    found = panels.noted(found, " · ".join(said))
    found = panels.at_least(found, 64 + panels.height(counts))
    return summaries.summarized(found, summaries.of_boxes(known, spreads))


def _named(rows: list[_Row]) -> dict[str, Any]:
    return {"tickvals": list(range(len(rows))), "ticktext": [it.label for it in rows]}


def _numbers(rows: list[_Row]) -> dict[str, Any]:
    """Format tick labels like all other numbers."""
    decimals = [it.decimals for it in rows]
    digits = None if None in decimals else max(decimals)
    return {"hoverformat": formats.d3_format(digits, 0)}


def _marks(rows: list[_Row]) -> dict[str, str]:
    """Return a path across the rows whose limits are within one span of the panel's data."""
    low = float(min(it.spread[0] for it in rows))
    high = float(max(it.spread[-1] for it in rows))
    found = {}
    for level in LOOKS:
        pairs = [(at, getattr(it, level)) for at, it in enumerate(rows)]
        near = [it for it in pairs if marks.is_near(it[1], low, high)]
        if near:
            found[level] = "".join(f"M{it},{at - HALF}L{it},{at + HALF}" for at, it in near)
    return found
