"""Columns that grow without being copied."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Self

import numpy as np

SPARE = 32  # there is spare room for one in this many rows
BLOCK = 1 << 16  # rows compared at once, which fit into the processor's cache


class Room:
    """Columns of equal length, of which the first `used` rows are filled and never change."""

    def __init__(self, columns: Sequence[Any], used: int = 0) -> None:
        self.columns, self.used, self.lock = list(columns), used, Lock()

    @classmethod
    def of(cls, size: int, dtypes: Sequence[Any]) -> Self:
        """Make room for this many rows and some more; memory that is never used takes no space."""
        return cls([np.empty(_spacious(size), it) for it in dtypes])


@dataclass(frozen=True)
class Growing:
    """Rows of columns that others may extend; these rows never change."""

    room: Room
    start: int
    end: int

    @classmethod
    def copied(cls, *parts: Sequence[Any]) -> Self:
        """Concatenate columns; each part has all of them."""
        size = sum(len(it[0]) for it in parts)
        room = Room.of(size, [it.dtype for it in parts[0]])
        for column, pieces in zip(room.columns, zip(*parts, strict=True), strict=True):
            np.concatenate(pieces, out=column[:size])
        room.used = size
        return cls(room, 0, size)

    @classmethod
    def empty(cls, sizes: Sequence[int], dtype: Any) -> list[Self]:
        """Make room for several columns in one block of memory.

        Once free, a large block is returned to the system; many small ones would not be.
        """
        rooms = [_spacious(it) for it in sizes]
        piece, ends = np.empty(sum(rooms), dtype), np.cumsum(rooms)
        return [cls(Room([it]), 0, 0) for it in np.split(piece, ends[:-1])]

    @property
    def columns(self) -> list[Any]:
        """The rows, read-only."""
        found = [it[self.start : self.end] for it in self.room.columns]
        for it in found:
            it.flags.writeable = False
        return found

    def ends_with(self, columns: Sequence[Any]) -> bool:
        """Whether these are the last of the rows: in the same memory, not just equal."""
        same = zip(self.columns, columns, strict=True)
        return all(a.dtype == b.dtype and _end(a) == _end(b) for a, b in same)

    def has_room(self, rows: int) -> bool:
        """Whether this many more rows can be appended without copying the others."""
        return self.end + rows <= len(self.room.columns[0])

    def extended(self, dropped: int, replaced: int, more: Sequence[Any]) -> "Growing":
        """Drop some of the first rows, and replace some of the last ones by more rows.

        All rows are copied if there is no more room, or if the room has other rows in this place,
        because those replaced were different or others were appended already.
        """
        room, start, end = self.room, self.start + dropped, self.end - replaced
        stop, pairs = end + len(more[0]), list(zip(room.columns, more, strict=True))
        with room.lock:
            known = room.used - end
            fits = room.used <= stop and self.has_room(len(more[0]) - replaced)
            if fits and all(equal(it[end : room.used], new[:known]) for it, new in pairs):
                for column, new in pairs:
                    column[room.used : stop] = new[known:]
                room.used = stop
                return Growing(room, start, stop)
        return self.copied([it[start:end] for it in room.columns], more)


def common(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Return how many of the first rows are the same in two tables."""
    size, pairs = min(len(first[0]), len(second[0])), list(zip(first, second, strict=True))
    if all(a.dtype == b.dtype and a.ctypes.data == b.ctypes.data for a, b in pairs):
        return size
    for start in range(0, size, BLOCK):
        block = slice(start, min(start + BLOCK, size))
        same = [_bits(a[block]) == _bits(b[block]) for a, b in pairs]
        if not all(it.all() for it in same):
            return start + int(np.logical_and.reduce(same).argmin())
    return size


def equal(first: Any, second: Any) -> bool:
    """Return whether two columns are equal; a missing value equals itself."""
    return bool(np.array_equal(_bits(first), _bits(second)))


def _spacious(size: int) -> int:
    return size + size // SPARE + SPARE


def _end(column: Any) -> int:
    return int(column.ctypes.data) + int(column.nbytes)


def _bits(column: Any) -> Any:
    return column.view(f"i{column.itemsize}") if column.dtype.kind == "f" else column
