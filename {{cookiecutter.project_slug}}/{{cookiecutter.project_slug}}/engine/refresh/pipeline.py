"""Reads the source and cleans the new rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ..data.frames import concat
from ..data.merge import Update, merge
from ..data.pace import furthest_behind
from ..data.snapshot import EPOCH, Snapshot, is_longer, now_utc
from ..data.tables import Batch, DataError, Rules, Table, deduplicate_and_sort, validate
from ..settings import AnySettings, Refresh
from ..sources.events import FILLED
from ..sources.shape import Shape
from ..sources.zeros import zeros

READINGS, COLUMNS = "readings", {"time", "series", "value"}  # of counted events
Frames = Mapping[str, pd.DataFrame]
ENDED = timedelta(days=30)  # a table further behind than this, or ten intervals, has ended


@dataclass(frozen=True)
class Pipeline:
    """How to read the source and clean its rows, and the tables that the rows must match.

    `read` and `clean` are module-level functions, so that other processes can import them.
    """

    read: Callable[[Any, datetime], Frames]
    clean: Callable[[Frames], Frames]
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class Span:
    """The time to read from.

    `whole` means that no rows are known yet: if the source has none since then, read all.
    """

    since: datetime
    whole: bool = False


# What this process read last, and the id of that refresh: an unchanged table is not cleaned again.
# The frames are shallow copies, so changes to the originals do not reach them.
_last: tuple[str, Frames] = ("", {})


def load(_read: Callable[..., Frames], _clean: Callable[..., Frames]) -> None:
    """Do nothing; receiving this call makes a process import what a refresh needs."""


def fetch(
    read: Callable[[Any, datetime], Frames],
    clean: Callable[[Frames], Frames],
    source: object,
    span: Span,
    refresh: str = "",
    known: str = "",
) -> Frames:
    """Read and clean new rows. An executor runs this, possibly in another process.

    `refresh` is the id of this refresh; `known` is the id of the last one whose rows are in the
    newest snapshot. A table that `read` leaves out or returns unchanged has nothing new.
    """
    global _last
    raw = read_source(read, source, span)
    before = _last[1] if known and _last[0] == known else {}
    new = {name: data for name, data in raw.items() if not _is_equal(data, before.get(name))}
    _last = refresh, {**before, **{name: _copy(data) for name, data in raw.items()}}
    return apply_clean(clean, new)


def read_source(read: Callable[[Any, datetime], Frames], source: object, span: Span) -> Frames:
    """Read the source; if a first read finds no rows in the span, read everything."""
    raw = read(source, span.since)
    if span.whole and isinstance(raw, Mapping) and all(map(_is_empty, raw.values())):
        raw = read(source, EPOCH)
    if not isinstance(raw, Mapping):
        kind = type(raw).__name__
        raise DataError(f"reading.read returned a {kind}: return a dict of tables")
    return raw


def apply_clean(clean: Callable[[Frames], Frames], raw: Frames) -> Frames:
    """Pass copies of the tables to `clean`, and return its result."""
    cleaned = clean({name: _copy(data) for name, data in raw.items()})
    if not isinstance(cleaned, Mapping):
        kind = type(cleaned).__name__
        raise DataError(f"preprocess.clean returned a {kind}: return a dict of tables")
    return cleaned


def refresh_once(it: Pipeline, settings: AnySettings) -> Update:
    """Return the result of a first refresh."""
    now = now_utc()
    start = span(None, it.tables, settings.refresh, now)
    rows = fetch(it.read, it.clean, settings.source, start)
    return first_update(it, settings, rows, now)[1]


def first_update(
    it: Pipeline, settings: AnySettings, rows: Frames, now: datetime
) -> tuple[Batch, Update]:
    """Validate the rows of a first refresh, and return them with the first snapshot."""
    batch = validate(rows, it.tables, rules(settings, now))
    return batch, merge(None, batch, it.tables, now, now, settings.refresh)


def with_zeros(
    it: Pipeline, settings: AnySettings, previous: Snapshot | None, batch: Batch, now: datetime
) -> Batch:
    """Return a batch with a zero for each count of events that did not happen since the last one.

    A refresh reads only newer events, so it does not know of a series without any.
    """
    source, table, new = settings.source, it.tables.get(READINGS), batch.tables.get(READINGS)
    known = previous.tables.get(READINGS) if previous else None
    if new is None or known is None or {*new} != COLUMNS or not isinstance(source, Shape):
        return batch
    if table is None or table.mode != "append" or source.aggregate not in FILLED:
        return batch
    raw = zeros(known, new, source, settings.app.timezone)
    added = validate({READINGS: raw}, it.tables, rules(settings, now)).tables[READINGS]
    both = deduplicate_and_sort(concat(new, added), table)
    return replace(batch, tables={**batch.tables, READINGS: both})


def span(
    previous: Snapshot | None, tables: Mapping[str, Table], refresh: Refresh, now: datetime
) -> Span:
    """Return the time to read from.

    This is the newest time of the series that is furthest behind, minus the overlap or three usual
    intervals between rows, whichever is longer, to find late and corrected rows. A first read, or
    one with a longer history than before, starts with the history.
    """
    times, newest, waits = [], [], []
    for name, pace in previous.paces.items() if previous else ():
        if tables[name].mode == "append":
            assert previous is not None
            rows = previous.visible(name)
            behind = furthest_behind(rows, tables[name], pace, now)
            distance = pace.distance or timedelta(0)
            times.append(behind - max(refresh.overlap, 3 * distance))
            newest.append(min(pace.newest, now))
            waits.append(refresh.history or max(ENDED, 10 * distance))
    if not times or reads_whole(previous, refresh):
        if refresh.history is None:
            return Span(EPOCH)
        return Span(now - refresh.history, whole=True)
    # The bound: otherwise, one table that has ended would make all others be read in full.
    bounds = [max(newest) - wait for wait in waits]
    return Span(min(map(max, times, bounds)))


def reads_whole(previous: Snapshot | None, refresh: Refresh) -> bool:
    """Return whether a refresh reads all of the history, whatever is known."""
    return previous is None or is_longer(refresh.history, previous)


def rules(settings: AnySettings, now: datetime) -> Rules:
    """Return how to read the source's times."""
    zone = getattr(settings.source, "timezone", ZoneInfo("UTC"))
    origin = "the query" if hasattr(settings.source, "query") else "reading.py"
    return Rules(zone, settings.app.timezone, now + settings.refresh.ahead, origin)


def _is_empty(data: object) -> bool:
    return isinstance(data, pd.DataFrame) and data.empty


def _copy(data: pd.DataFrame) -> pd.DataFrame:
    return data.copy(deep=False) if isinstance(data, pd.DataFrame) else data


def _is_equal(data: pd.DataFrame, known: pd.DataFrame | None) -> bool:
    return isinstance(data, pd.DataFrame) and known is not None and data.equals(known)
