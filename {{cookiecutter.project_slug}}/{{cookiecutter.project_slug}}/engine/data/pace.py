"""Measures a table: the usual interval between its rows, and its slowest series."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .snapshot import Pace
from .tables import Table

TAIL = 1_000  # rows used to compute the usual interval
WAIT = timedelta(hours=1)  # a series further behind than this, or than ten intervals, is ignored


def measure(data: pd.DataFrame, table: Table) -> Pace:
    """Return the pace of a table, which must have rows and be sorted by time.

    The usual interval is the 90th percentile of the intervals within each series, so a table of
    working days may skip weekends.
    """
    count, newest = TAIL, data["time"].iloc[-1].to_pydatetime()
    while not len(distances := _distances(data.iloc[-count:], table)) and count < len(data):
        count *= 2  # there are more series than rows in the tail
    if not len(distances):
        return Pace(newest)
    usual = timedelta(microseconds=float(np.quantile(distances, 0.9)))
    return Pace(newest, usual, _only_changes(data.iloc[-count:], table))


def _only_changes(tail: pd.DataFrame, table: Table) -> bool:
    """Return whether the rows are texts, none of which is that of the row before in its series."""
    texts = [it for it in tail if it not in table.key]
    if len(texts) != 1 or not isinstance(tail[texts[0]].dtype, pd.CategoricalDtype):
        return False
    codes, names = tail[texts[0]].cat.codes.astype(int), [tail[it] for it in _names(table)]
    steps = codes.groupby(names, observed=True).diff() if names else codes.diff()
    return bool((steps.dropna() != 0).all())


def _distances(tail: pd.DataFrame, table: Table) -> NDArray[np.int64]:
    """Return the microseconds between consecutive rows of each series."""
    series = np.zeros(len(tail), "int64")
    for name in _names(table):
        codes, names = pd.factorize(tail[name].array)
        series = series * (len(names) + 1) + codes
    order = series.argsort(kind="stable")
    times = tail["time"].to_numpy("datetime64[us]").view("int64")[order]
    distances: NDArray[np.int64] = np.diff(times)[np.diff(series[order]) == 0]
    return distances


def furthest_behind(data: pd.DataFrame, table: Table, pace: Pace, now: datetime) -> datetime:
    """Return the newest time of the series that is furthest behind, or now if that is earlier.

    A series that is too far behind is ignored: it has probably ended, and waiting for it would mean
    reading the rows of all others again and again.
    """
    newest = min(pace.newest, now)  # forecasts, and devices with a fast clock, are ahead
    wait = max(WAIT, 10 * (pace.distance or timedelta(0)))
    recent = data.iloc[data["time"].searchsorted(newest - wait) :]
    names = [recent[it] for it in _names(table)]
    each = recent.groupby(names, observed=True)["time"].max() if names else recent["time"].iloc[-1:]
    behind: datetime = each.min().to_pydatetime()
    return min(behind, now)


def _names(table: Table) -> list[str]:
    """Return the columns that identify a series."""
    return [column for column in table.key if column != "time"]
