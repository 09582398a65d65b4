"""Divides a table among its series; only the rows that a previous table lacked are read."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from .growing import Growing, common, equal
from .points import Columns, Points, positions


class Part(NamedTuple):
    """The readings of a series; series that were read at the same times share their times."""

    time: Growing
    value: Growing

    def extended(self, dropped: int, replaced: int, more: Points) -> "Part":
        """See `Growing.extended`."""
        columns = zip(self, (more.time, more.value), strict=True)
        return Part(*(it.extended(dropped, replaced, [new]) for it, new in columns))


@dataclass(frozen=True)
class Division:
    """A table and the readings of each of its series, by code."""

    columns: Columns
    parts: list[Part]
    points: list[Points]

    @classmethod
    def of(cls, columns: Columns, before: Self | None) -> Self:
        """Divide a table; `before` is the division of a previous one."""
        parts = _next(before, columns) if before else _whole(columns)
        points = [Points(it.time.columns[0], it.value.columns[0]) for it in parts]
        return cls(columns, parts, points)

    def rows(self, start: int, end: int) -> list[Points]:
        """Return only the readings in these rows of the table."""
        bounds = zip(self.points, self._before(start), self._before(end), strict=True)
        return [it[first:last] for it, first, last in bounds]

    def _before(self, row: int) -> list[int]:
        """Return how many readings of each series come before a row; rows are sorted by time."""
        time, code = self.columns.time, self.columns.code
        if row == len(time):
            return [len(it) for it in self.points]
        first = int(time.searchsorted(time[row]))
        more = counts(code[first:row], len(self.points))  # at the same time as the row
        earlier = [it.time.searchsorted(time[row]) for it in self.points]
        return [int(it) for it in earlier + more]


def counts(code: Any, size: int) -> Any:
    """Return how often each code below `size` occurs; -1 stands for none."""
    return np.bincount(code[code >= 0], minlength=size)


def _next(before: Division, new: Columns) -> list[Part]:
    old = before.columns
    if not old.names.equals(new.names[: len(old.names)]):
        return _whole(new)
    first = int(old.time.searchsorted(new.time[0]))  # older rows have been dropped
    same = common([it[first:] for it in old.arrays], new.arrays)
    if not same:
        return _whole(new)
    more, size = new[same:], len(new.names)
    dropped, replaced = (counts(it, size) for it in (old.code[:first], old.code[first + same :]))
    parts = [*before.parts, *_whole(more[:0])[len(before.parts) :]]
    for code, rows in enumerate(positions(more.code, size)):
        if dropped[code] or replaced[code] or len(rows):
            points = Points(more.time[rows], more.value[rows])
            parts[code] = parts[code].extended(dropped[code], replaced[code], points)
    return parts


def _whole(columns: Columns) -> list[Part]:
    found: list[Part] = []
    sizes = counts(columns.code, len(columns.names)).tolist()
    rooms = [Growing.empty(sizes, it.dtype) for it in (columns.time, columns.value)]
    rows = positions(columns.code, len(columns.names))
    for at, time, value in zip(rows, *rooms, strict=True):
        own = columns.time[at]
        if found and equal(found[-1].time.columns[0], own):
            time = found[-1].time
        else:
            time = time.extended(0, 0, [own])
        found.append(Part(time, value.extended(0, 0, [columns.value[at]])))
    return found
