"""What of a source is needed, so that no more of it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from .events import start_of_bucket
from .shape import ALL, Shape

Rows = Callable[[pd.DataFrame], pd.DataFrame] | None  # a change to the raw rows


@dataclass(frozen=True)
class Wanted:
    """The needed columns, `only` those or all, and the first rows or all."""

    needed: frozenset[str] = frozenset()
    only: bool = False
    head: int | None = None

    @property
    def columns(self) -> Callable[[object], bool] | None:
        """Whether pandas is to parse a column; none to parse all."""
        return (lambda name: str(name) in self.needed) if self.only else None


EVERYTHING = Wanted()


def wanted(source: Shape, rows: Rows) -> Wanted:
    """Return what the settings need; a function that changes the raw rows may need all columns."""
    if rows:
        return EVERYTHING
    values = [it for it in source.values if it != ALL]
    needed = frozenset([*source.times, *source.keys, *values, *source.where])
    return Wanted(needed, only=ALL not in source.values and source.columns == "series")


@dataclass(frozen=True)
class Span:
    """The start of the first whole bucket, or of all rows, and the time that rows are newer than.

    They differ for buckets, because a row may lie on the start of one.
    """

    first: datetime
    newer_than: datetime


def span(since: datetime, source: Shape) -> Span:
    """Return what to read from a source that is asked for rows newer than `since`."""
    first = start_of_bucket(since, source)
    return Span(first, first - timedelta(seconds=1) if source.aggregate else first)
