"""Recognizes the readings that views are given, which are divided once for all of them."""

from collections.abc import Mapping
from threading import Lock
from weakref import WeakValueDictionary

import numpy as np
import pandas as pd

from .division import Division
from .points import Columns, Points, Selected

COLUMNS = ("time", "series", "value")
LONG = 1000  # rows per series, on average; shorter ones are selected quickly enough


class Shown:
    """A table that views are given; the first one that needs its series divides it for all.

    `before` is the table shown before this one.
    """

    def __init__(self, data: pd.DataFrame, before: "Shown | None") -> None:
        self._data = data  # as long as it exists, pandas copies whatever a user changes
        self._columns, self._lock = Columns.of(data), Lock()
        self._division: Division | None = None
        older: Shown | None = before._before if before else None
        self._before: Shown | None = before if before and before._division else older

    def points(self, part: Columns) -> Mapping[str, Points] | None:
        """Return the readings in consecutive rows of this table; None for any other rows."""
        start = self._start(part)
        if start is None:
            return None
        division = self._divided()
        is_whole = len(part) == len(self._columns)
        found = division.points if is_whole else division.rows(start, start + len(part))
        return dict(zip(part.names, found, strict=True))

    def release(self) -> None:
        """Free the memory; when a view needs it again, the whole table is read."""
        with self._lock:
            self._before = self._division = None

    def _divided(self) -> Division:
        with self._lock:
            if self._division is None:
                before, self._before = self._before, None
                self._division = Division.of(self._columns, before._division if before else None)
            return self._division

    def _start(self, part: Columns) -> int | None:
        """Return where in this table's memory some rows begin."""
        if len(part.names) != len(self._columns.names) or not len(part):
            return None
        starts = set()
        for own, whole in zip(part.arrays, self._columns.arrays, strict=True):
            if own.dtype != whole.dtype or not own.flags.c_contiguous:
                return None
            starts.add((own.ctypes.data - whole.ctypes.data) / own.itemsize)
        start = starts.pop()
        is_part = not starts and 0 <= start <= len(self._columns) - len(part)
        return int(start) if is_part else None


# Weak, so that a table that is no longer shown takes no memory.
SHOWN: WeakValueDictionary[int, Shown] = WeakValueDictionary()


def show(tables: Mapping[str, pd.DataFrame], before: Mapping[str, Shown]) -> dict[str, Shown]:
    """Have `points` recognize tables, sorted by time, as long as the result exists.

    `before` is the result for the previous snapshot.
    """
    found = {name: Shown(it, before.get(name)) for name, it in tables.items() if _fits(it)}
    SHOWN.update({id(it): it for it in found.values()})
    return found


def release() -> None:
    """Free the memory that divided tables take."""
    for it in _all():
        it.release()


def points(readings: pd.DataFrame) -> Mapping[str, Points]:
    """Return the readings of each series, also of those that have none."""
    columns = Columns.of(readings)
    return _points(columns) or Selected(columns)


def present(readings: pd.DataFrame) -> set[str]:
    """Return the series that have readings."""
    found = _points(Columns.of(readings))
    if found is not None:
        return {name for name, own in found.items() if len(own)}
    counts = readings["series"].value_counts()  # takes half the memory of unique()
    return set(counts.index[counts > 0])


def _points(columns: Columns) -> Mapping[str, Points] | None:
    for it in _all():
        if found := it.points(columns):
            return found
    return None


def _all() -> list[Shown]:
    return [it for ref in SHOWN.valuerefs() if (it := ref())]  # other threads may add some


def _fits(data: pd.DataFrame) -> bool:
    """Return whether a table has long series of readings."""
    time, series, value = (getattr(data.get(it), "dtype", None) for it in COLUMNS)
    return (
        isinstance(time, pd.DatetimeTZDtype)
        and time.unit == "us"
        and isinstance(series, pd.CategoricalDtype)
        and isinstance(value, np.dtype)
        and value.kind == "f"
        and len(data) >= LONG * max(len(series.categories), 1)
    )
