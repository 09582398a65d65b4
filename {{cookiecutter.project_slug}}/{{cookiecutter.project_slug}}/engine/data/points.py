"""The readings of each series of a table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

FEW = 12  # series


@dataclass(frozen=True, slots=True)
class Points:
    """The readings of a series, sorted by time; times are in microseconds."""

    time: Any
    value: Any

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, rows: Any) -> "Points":
        return Points(self.time[rows], self.value[rows])


@dataclass(frozen=True)
class Columns:
    """The columns of a table of readings as arrays; nothing is copied."""

    time: Any
    code: Any
    value: Any
    names: pd.Index  # of the series, by code

    @classmethod
    def of(cls, readings: pd.DataFrame) -> Self:
        """Return the columns of a table."""
        series, value = readings["series"].array, readings["value"].to_numpy()
        return cls(microseconds(readings["time"]), series.codes, value, series.categories)

    @property
    def arrays(self) -> tuple[Any, Any, Any]:
        """All columns."""
        return self.time, self.code, self.value

    def __getitem__(self, rows: slice) -> Self:
        return replace(self, time=self.time[rows], code=self.code[rows], value=self.value[rows])

    def __len__(self) -> int:
        return len(self.code)


class Selected(Mapping[str, Points]):
    """The readings of each series by its name, copied on each access."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        rows = positions(columns.code, len(columns.names))
        self._rows = dict(zip(columns.names, rows, strict=True))

    def __getitem__(self, name: str) -> Points:
        rows = self._rows[name]
        return Points(self._columns.time[rows], self._columns.value[rows])

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def positions(code: Any, count: int) -> Iterator[Any]:
    """Yield the positions of each code from 0 to `count`."""
    if count <= FEW:  # twice as fast
        yield from (np.flatnonzero(code == it) for it in range(count))
        return
    order = np.argsort(code, kind="stable")  # takes only milliseconds for a million
    starts = np.searchsorted(code, np.arange(count, dtype=code.dtype), sorter=order)
    yield from np.split(order, starts)[1:]


def microseconds(time: pd.Series) -> Any:
    """Return times as whole numbers."""
    return time.to_numpy("datetime64[us]").view("int64")
