"""Draws sparklines: a series as a small line without axes."""

from typing import Any
from urllib.parse import quote

import numpy as np
from tsdownsample import MinMaxDownsampler

from ..data.points import Points
from . import lines

POINTS, GAPS = 32, 8  # at most: each update of the page contains the lines of all cards
PARTS = 8 * POINTS
SAFE = " =/:,'"
WIDTH, HEIGHT = 99, 20  # of the drawing, which CSS stretches
SVG = (
    f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='-1 -1 {WIDTH + 2} {HEIGHT + 2}' "
    "preserveAspectRatio='none'><path d='{}' fill='none' stroke='red' stroke-width='1.5' "
    "vector-effect='non-scaling-stroke'/></svg>"
)
START, END = (quote(it, SAFE) for it in SVG.split("{}"))  # a path needs no quoting


def draw(times: Any, rows: Any, value: Any, usual: int) -> str:
    """Return the line of the rows at some positions, as the engineering.py of older projects does.

    `times`: of all series, in microseconds; see `image`.
    """
    return image(Points(times[rows], value), times[0], times[-1], usual) if len(rows) else ""


def image(own: Points, start: int, end: int, usual: int) -> str:
    """Return the line of a series as an image for CSS, or nothing for a single reading.

    `start` and `end`: of the period shown, in microseconds. Gaps in the data are gaps in the line.
    """
    if len(own) < 2:
        return ""
    end, time = max(end, start + 1), own.time
    before = _gaps(time, max((end - start) // POINTS, lines.FAR * usual))
    kept = np.arange(len(own))
    if len(own) > POINTS:
        kept = MinMaxDownsampler().downsample(own.value, n_out=POINTS).astype(int)
        kept = np.unique([0, *kept, *before, *(before + 1), len(own) - 1])
    x = np.rint((time[kept] - start) * (WIDTH / (end - start))).astype(int)
    path = _path(x, _heights(own.value[kept]), np.isin(kept, [0, *(before + 1)]))
    return f'url("data:image/svg+xml,{START}{path}{END}")'


def _gaps(time: Any, least: int) -> Any:
    """Return the positions of the readings that a gap follows, at most one in each part.

    Only parts that take long enough are searched: to compare all times would take longer than the
    rest.
    """
    ends = np.unique(np.linspace(0, len(time) - 1, PARTS + 1).astype(int))
    found = []
    for part in np.flatnonzero(np.diff(time[ends]) > least)[:GAPS]:
        distances = np.diff(time[ends[part] : ends[part + 1] + 1])
        if distances.max() > least:
            found.append(ends[part] + distances.argmax())
    return np.array(found, int)


def _heights(value: Any) -> Any:
    """Return values as whole numbers: the largest is 0, the smallest HEIGHT."""
    value = value / (np.abs(value).max() or 1)  # so that the difference is not too large
    low, high = value.min(), value.max()
    if low == high:
        return np.full(len(value), HEIGHT // 2)
    return np.rint((high - value) * (HEIGHT / (high - low))).astype(int)


def _path(x: Any, y: Any, starts: Any) -> str:
    """Return points as the path of an SVG, in which some begin a new line with a dot."""
    steps = np.stack([np.diff(x, prepend=0), np.diff(y, prepend=0), starts]).T.tolist()
    return "".join(
        f"m{dx: d}{dy: d} 1 0-1 0" if begins else f"{dx: d}{dy: d}" for dx, dy, begins in steps
    )
