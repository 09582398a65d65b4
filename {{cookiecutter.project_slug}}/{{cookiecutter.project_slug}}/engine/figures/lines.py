"""Reduces a series to the points that a screen can show, and breaks its line at gaps.

A gap is more than three times the usual interval, which nine in ten of the newest intervals do not
exceed: neither weekends in business days nor two missing readings are gaps.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from tsdownsample import MinMaxLTTBDownsampler

from ..data.points import Points, positions
from ..data.points import microseconds as microseconds
from ..data.shown import points as points

# Points per line, about as many as a wide screen has pixels.
POINTS = 1000
FAR = 3  # times the usual interval
MOST = 250  # gaps in a line; if there are more, only those that a screen can show
NEAR = np.arange(-5, 6)
NONE = np.array([], dtype=int)
BLOCK = 1 << 16  # times


@dataclass(frozen=True)
class Line:
    """The points of a series for Plotly, with a missing value in each gap."""

    x: Any  # milliseconds
    y: Any
    alone: Any  # for each point, whether it has a gap on both sides
    spacing: float  # microseconds between two points, on average; 0 if no reading is left out

    @property
    def count(self) -> int:
        """How many readings it has; the engineering.py of older projects needs it."""
        return int(np.isfinite(self.y).sum())

    @cached_property
    def low(self) -> float:
        """The smallest value."""
        return float(np.nanmin(self.y))

    @cached_property
    def high(self) -> float:
        """The largest value."""
        return float(np.nanmax(self.y))


def split(readings: pd.DataFrame) -> dict[str, Any]:
    """Return the positions of each series' rows."""
    names, codes = readings["series"].array.categories, readings["series"].array.codes
    return dict(zip(names, positions(codes, len(names)), strict=True))


def line(
    readings: pd.DataFrame, rows: Any, usual: int, zone: ZoneInfo, factor: float = 1.0
) -> Line:
    """Return the line of the rows at some positions; the engineering.py of older projects needs it.

    See `reduce`.
    """
    time, value = microseconds(readings["time"])[rows], readings["value"].to_numpy()[rows]
    return reduce(Points(time, value), usual, zone, factor)


def reduce(own: Points, usual: int, zone: ZoneInfo, factor: float = 1.0) -> Line:
    """Return the line of one series, in local time.

    `factor`: by which to multiply its values, for the unit of the axis.
    """
    time, value = own.time, own.value
    before = gaps(time, usual)
    kept = thin(time, value, before)
    x, y = wall_clock(moments(time[kept]), zone), value[kept] * factor
    ends = np.searchsorted(kept, before)
    x, y = np.insert(x, ends + 1, x[ends]), np.insert(y, ends + 1, np.nan)
    hole = np.concatenate([[True], np.isnan(y), [True]])
    covered = time[-1] - time[0] - (time[before + 1] - time[before]).sum()
    spacing = covered / len(kept) if len(kept) < len(time) else 0.0
    return Line(x, y, hole[:-2] & hole[2:] & ~hole[1:-1], spacing)


def usual_distance(time: Any) -> int:
    """Return the interval that nine in ten of a series' intervals do not exceed; 0 without any."""
    distances = np.diff(time)
    distances = distances[distances > 0]
    if not len(distances):
        return 0
    place = 9 * (len(distances) - 1) // 10
    return int(np.partition(distances, place)[place])


def gaps(time: Any, usual: int) -> Any:
    """Return the positions of the times that a gap follows."""
    found = _far_apart(time, FAR * usual) if usual else NONE
    if len(found) > MOST:
        found = found[_distances(time, found) > (time[-1] - time[0]) / MOST]
    if not len(found):
        return NONE
    # Not a gap if its neighbors are like it: the interval may have been longer once.
    near = _distances(time, np.clip(found[:, None] + NEAR, 0, len(time) - 2))
    return found[_distances(time, found) > FAR * np.median(near, axis=1)]


def _far_apart(time: Any, least: int) -> Any:
    """Return the positions of the times that are followed by none for longer than `least`.

    Blocks that fit into the processor's cache take half the time of all at once.
    """
    starts = range(0, len(time) - 1, BLOCK)
    found = (np.flatnonzero(np.diff(time[it : it + BLOCK + 1]) > least) + it for it in starts)
    return np.concatenate([NONE, *found])


def _distances(time: Any, rows: Any) -> Any:
    return time[rows + 1] - time[rows]


def thin(time: Any, value: Any, before: Any = NONE) -> Any:
    """Return the positions of the points that a screen can show: peaks, and both ends of gaps."""
    if len(time) <= POINTS:
        return np.arange(len(time))
    kept = MinMaxLTTBDownsampler().downsample(time, value, n_out=POINTS - 3 * len(before))
    return np.unique(np.concatenate([kept.astype(int), before, before + 1]))


def downsample(line: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of one series that a screen can show, including its peaks."""
    return line.iloc[thin(microseconds(line["time"]), line["value"].to_numpy())]


def moments(microseconds: Any) -> pd.DatetimeIndex:
    """Return times that are given as whole numbers."""
    return pd.DatetimeIndex(microseconds.view("datetime64[us]"), tz="UTC")


def wall_clock(time: Any, zone: ZoneInfo) -> Any:
    """Return the whole milliseconds that make Plotly, which knows no zones, show the zone's time.

    When clocks are set back in autumn, the line goes back by an hour.
    """
    local = pd.DatetimeIndex(time).tz_convert(zone).tz_localize(None)
    return local.to_numpy("datetime64[ms]").astype("float64")
