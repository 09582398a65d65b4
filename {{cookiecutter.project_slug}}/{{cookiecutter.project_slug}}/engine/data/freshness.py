"""How far a table's rows reach: its usual pace, and which of its series is furthest behind."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .snapshot import Pace
from .tables import Table

TAIL = 1_000  # rows that the usual distance is taken from
WAIT = timedelta(hours=1)  # a series further behind than this, or ten distances, is not waited for


def measure(data: pd.DataFrame, table: Table) -> Pace:
    """Return a table's pace; its rows are in order of time, and there is at least one.

    The usual distance is the one that nine of ten distances within a series do not exceed, so that
    weekends without rows are usual for a table of working days.
    """
    count, newest = TAIL, data["time"].iloc[-1].to_pydatetime()
    while not len(distances := _distances(data.iloc[-count:], table)) and count < len(data):
        count *= 2  # there are more series than that
    if not len(distances):
        return Pace(newest)
    return Pace(newest, timedelta(microseconds=float(np.quantile(distances, 0.9))))


def _distances(tail: pd.DataFrame, table: Table) -> NDArray[np.int64]:
    """Return the microseconds between the rows of each series."""
    series = np.zeros(len(tail), "int64")
    for name in _names(table):
        codes, names = pd.factorize(tail[name].array)
        series = series * (len(names) + 1) + codes
    order = series.argsort(kind="stable")
    times = tail["time"].to_numpy("datetime64[us]").view("int64")[order]
    distances: NDArray[np.int64] = np.diff(times)[np.diff(series[order]) == 0]
    return distances


def furthest_behind(data: pd.DataFrame, table: Table, pace: Pace, now: datetime) -> datetime:
    """Return the newest time of the series that is furthest behind, but none after now.

    A series that is too far behind is not waited for: it would have its rows read again and again.
    """
    newest = min(pace.newest, now)  # of a forecast, or of a fast clock, it may be later
    wait = max(WAIT, 10 * (pace.distance or timedelta(0)))
    recent = data.iloc[data["time"].searchsorted(newest - wait) :]
    if recent.empty:
        return newest
    names = [recent[it] for it in _names(table)]
    each = recent.groupby(names, observed=True)["time"].max() if names else recent["time"].iloc[-1:]
    behind: datetime = each.min().to_pydatetime()
    return min(behind, now)


def _names(table: Table) -> list[str]:
    """Return the columns that tell one series of a table from another."""
    return [column for column in table.key if column != "time"]
