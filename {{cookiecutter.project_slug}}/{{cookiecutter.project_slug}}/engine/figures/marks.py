"""Draws the limits of series in the panels whose data come near them."""

import html
from collections.abc import Iterable
from typing import Any, NamedTuple

from . import formats

MOST = 4  # limits in a panel; more would only clutter it
DASHES = {"warn": "3px,3px", "critical": "10px,4px"}  # distinguishable without color, too
PLACES = ("end", "start", "middle")  # of a label on its line
HEIGHT = 15  # of a label, in pixels
WIDTH = 1.2


class Own(NamedTuple):
    """A series of a panel: its limits, and the range of its data."""

    label: str
    unit: str
    warn: float
    critical: float
    low: float
    high: float


def is_near(limit: float, low: float, high: float) -> bool:
    """Return whether a limit is within one span of the data; farther ones would squash them."""
    return low - (high - low) <= limit <= high + (high - low)


def lines(
    panels: Iterable[list[Own]], height: float, colors: dict[str, str]
) -> list[dict[str, Any]]:
    """Return a dashed line for each limit near the data of its panel.

    `height`: of a panel in pixels, at least.
    """
    return [
        shape
        for number, of in enumerate(panels, 1)
        for shape in _lines(of, f"y{number}", HEIGHT / height, colors)
    ]


def _lines(
    panel: list[Own], axis: str, close: float, colors: dict[str, str]
) -> list[dict[str, Any]]:
    """Return the lines of a panel, labeled where no labels overlap.

    `close`: labels nearer than this share of the panel's height would overlap.
    """
    low, high = min(it.low for it in panel), max(it.high for it in panel)
    near, shapes = _limits(panel, low, high), []
    bottom, top = (of([*(it[0] for it in near), at]) for of, at in ((min, low), (max, high)))
    taken: list[tuple[str, float]] = []
    for value, level, text in near:
        at = (value - bottom) / ((top - bottom) or 1)
        # Below its line if there is no room above.
        side = "top" if value >= high or at > 1 - close else "bottom"
        at -= close if side == "top" else 0
        free = (it for it in PLACES if all(abs(at - no) >= close for of, no in taken if of == it))
        shape = {
            "type": "line",
            **{"xref": "paper", "x0": 0, "x1": 1, "yref": axis, "y0": value, "y1": value},
            "line": {"color": colors[level], "dash": DASHES[level], "width": WIDTH},
        }
        if place := next(free, ""):
            taken.append((place, at))
            label = {"text": text, "textposition": place, "yanchor": side, "padding": 2}
            shape["label"] = label | {"font": {"size": 11}}
        shapes.append(shape)
    return shapes


def _limits(panel: list[Own], low: float, high: float) -> list[tuple[float, str, str]]:
    """Return the limits near a panel's data, each with its level and a label, sorted by value.

    If there are too many, because each series has its own, none are returned.
    """
    found = dict[tuple[float, str], list[str]]()
    for it in panel:
        for level, value in (("warn", it.warn), ("critical", it.critical)):
            if is_near(value, low, high):
                found.setdefault((value, level), []).append(it.label)
    if len(found) > MOST:
        return []
    unit, every = panel[0].unit, len(panel)
    return sorted(
        (value, level, _label(level, value, unit, [] if len(of) == every else of))
        for (value, level), of in found.items()
    )


def _label(level: str, value: float, unit: str, names: list[str]) -> str:
    """Return a limit's label, with the series' names if it is not for all of the panel."""
    text = f"{level} {value:,.10g} {unit}".rstrip()
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        text += f" · {formats.shorten(names[:1], 16)[0]}{more}"
    return html.escape(text, quote=False)
