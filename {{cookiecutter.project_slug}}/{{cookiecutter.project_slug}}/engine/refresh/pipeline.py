"""From the source to clean rows, and from a snapshot back to tables."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from ..data import freshness
from .... import preprocess, reading
from ...preprocess import TABLES
from ..settings import Refresh, Settings
from ..data.merge import visible
from ..data.snapshot import EPOCH, Snapshot, now_utc
from ..data.tables import FUTURE, Batch, DataError, Rules, fit, has_time

# What this process has read last, by the id of that refresh: to tell a read that brings nothing new
# without cleaning it. Shallow copies: whoever changes the frames that were read leaves these alone.
_last: tuple[str, Mapping[str, pd.DataFrame]] = ("", {})


def load() -> None:
    """Do nothing: a worker that has been sent this has loaded all that a refresh needs."""


def fetch(settings: Settings, since: datetime | None, refresh: str = "", known: str = "") -> Batch:
    """Read what is new since a time, and clean it; this is what runs in the executor.

    `refresh` is the id of this refresh, and `known` that of the last one whose rows are in the
    newest snapshot. A table that `read` leaves out, or returns as it did then, has nothing new.
    """
    global _last
    raw = read(settings, since)
    before = _last[1] if known and _last[0] == known else {}
    copies = {**before, **{name: _copy(data) for name, data in raw.items()}}
    new = {name: data for name, data in raw.items() if not _equal(data, before.get(name))}
    batch = clean(new, settings)
    for it in batch.rejected:
        if it.reason == FUTURE:  # which time may cure, though the source stays the same
            copies.pop(it.table, None)
    _last = refresh, copies
    return batch


def read(settings: Settings, since: datetime | None) -> Mapping[str, pd.DataFrame]:
    """Read from a time on, or at first the history: all there is if nothing is as new as that."""
    raw = reading.read(settings, since or now_utc() - settings.refresh.history)
    if since is None and isinstance(raw, Mapping) and all(map(_is_empty, raw.values())):
        raw = reading.read(settings, EPOCH)
    if not isinstance(raw, Mapping):
        kind = type(raw).__name__
        raise DataError(f"reading.read returned a {kind}: let it return tables by their name")
    return raw


def clean(raw: Mapping[str, pd.DataFrame], settings: Settings) -> Batch:
    """Apply the user's steps, and make every table fit. Raises DataError."""
    tables = preprocess.clean({name: _copy(data) for name, data in raw.items()})
    zone = ZoneInfo(settings.source.get("timezone", "UTC"))
    latest = now_utc() + settings.refresh.ahead
    origin = "the query" if "query" in settings.source else "reading.py"
    return fit(tables, TABLES, Rules(zone, settings.app.timezone, latest, origin))


def read_from(previous: Snapshot | None, refresh: Refresh, now: datetime) -> datetime | None:
    """Return the time to read from, or None if no rows are known.

    It follows the table, and in it the series, that is furthest behind, less the overlap or three
    usual distances between its rows: late rows and corrections within that are found.
    """
    times, newest = [], []
    for name, pace in previous.paces.items() if previous else ():
        if TABLES[name].mode == "append":
            behind = freshness.furthest_behind(table(previous, name), TABLES[name], pace, now)
            times.append(behind - max(refresh.overlap, 3 * (pace.distance or timedelta(0))))
            newest.append(min(pace.newest, now))
    # A table that has ended does not have all of the others read again.
    return max(min(times), max(newest) - refresh.history) if times else None


def table(snapshot: Snapshot | None, name: str) -> pd.DataFrame:
    """Return the rows of a table that can be shown; none, of its columns, if it holds none."""
    if snapshot and name in snapshot.tables:
        data = snapshot.tables[name]
        return visible(data, snapshot.horizon) if has_time(TABLES[name]) else data
    schema = TABLES[name].schema
    return schema.validate(pd.DataFrame(columns=list(schema.columns)), lazy=True)


def _is_empty(data: object) -> bool:
    return isinstance(data, pd.DataFrame) and data.empty


def _copy(data: pd.DataFrame) -> pd.DataFrame:
    return data.copy(deep=False) if isinstance(data, pd.DataFrame) else data


def _equal(data: pd.DataFrame, known: pd.DataFrame | None) -> bool:
    return isinstance(data, pd.DataFrame) and known is not None and data.equals(known)
