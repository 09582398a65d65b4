"""Reduces a series to the points that a screen can show, and breaks its line at gaps.

A gap is more than three times the usual interval, which nine in ten of the newest intervals do not
exceed: neither weekends in business days nor two missing readings are gaps.
"""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from tsdownsample import MinMaxLTTBDownsampler

# Points per line, about as many as a wide screen has pixels.
POINTS = 1000
FAR = 3  # times the usual interval
MOST = 250  # gaps in a line; if there are more, only those that a screen can show
NEAR = np.arange(-5, 6)
NONE = np.array([], dtype=int)


@dataclass(frozen=True)
class Line:
    """The points of a series for Plotly, with a missing value in each gap."""

    x: Any  # milliseconds
    y: Any
    alone: Any  # for each point, whether it has a gap on both sides
    count: int  # of readings


def split(readings: pd.DataFrame) -> dict[str, Any]:
    """Return the positions of each series' rows."""
    names, codes = readings["series"].cat.categories, readings["series"].cat.codes.to_numpy()
    order = np.argsort(codes, kind="stable")  # a million take only milliseconds
    starts = np.searchsorted(codes, np.arange(1, len(names), dtype=codes.dtype), sorter=order)
    return dict(zip(names, np.split(order, starts), strict=False))


def line(readings: pd.DataFrame, rows: Any, usual: int, zone: ZoneInfo) -> Line:
    """Return the line of one series, whose rows are given by position, in local time."""
    time, value = microseconds(readings["time"])[rows], readings["value"].to_numpy()[rows]
    before = gaps(time, usual)
    kept = thin(time, value, before)
    x, y = wall_clock(readings["time"].iloc[rows[kept]], zone), value[kept]
    ends = np.searchsorted(kept, before)
    x, y = np.insert(x, ends + 1, x[ends]), np.insert(y, ends + 1, np.nan)
    hole = np.concatenate([[True], np.isnan(y), [True]])
    return Line(x, y, hole[:-2] & hole[2:] & ~hole[1:-1], len(kept))


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
    distances = np.diff(time)
    found = np.flatnonzero(distances > FAR * usual) if usual else NONE
    if len(found) > MOST:
        found = found[distances[found] > (time[-1] - time[0]) / MOST]
    if not len(found):
        return NONE
    # Not a gap if its neighbors are like it: the interval may have been longer once.
    near = distances[np.clip(found[:, None] + NEAR, 0, len(distances) - 1)]
    return found[distances[found] > FAR * np.median(near, axis=1)]


def thin(time: Any, value: Any, before: Any = NONE) -> Any:
    """Return the positions of the points that a screen can show: peaks, and both ends of gaps."""
    if len(time) <= POINTS:
        return np.arange(len(time))
    kept = MinMaxLTTBDownsampler().downsample(time, value, n_out=POINTS - 3 * len(before))
    return np.unique(np.concatenate([kept.astype(int), before, before + 1]))


def downsample(line: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of one series that a screen can show, including its peaks."""
    return line.iloc[thin(microseconds(line["time"]), line["value"].to_numpy())]


def microseconds(time: pd.Series) -> Any:
    """Return times as whole numbers."""
    return time.to_numpy("datetime64[us]").view("int64")


def wall_clock(time: pd.Series, zone: ZoneInfo) -> Any:
    """Return the whole milliseconds that make Plotly, which knows no zones, show the zone's time.

    When clocks are set back in autumn, the line goes back by an hour.
    """
    local = time.dt.tz_convert(zone).dt.tz_localize(None)
    return local.to_numpy("datetime64[ms]").astype("float64")
