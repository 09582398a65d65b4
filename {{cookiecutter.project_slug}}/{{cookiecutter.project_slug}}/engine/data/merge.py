"""Merges new rows into the previous snapshot."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..figures.formats import duration
from ..settings import Refresh
from .frames import Grown, concat, extend
from .pace import measure
from .snapshot import Snapshot, is_longer, visible
from .status import Rejected
from .tables import Batch, Table, counted, deduplicate_and_sort, describe_row, has_time

HOLD = timedelta(hours=1)  # rows needed after a long gap before older ones are dropped


class Update(NamedTuple):
    """The next snapshot, or the previous one if nothing is new, and what happened to the rows."""

    snapshot: Snapshot
    rows: int  # new or corrected
    note: str  # how many were left out, and why
    older: tuple[Rejected, ...] = ()  # than the history


def merge(
    previous: Snapshot | None,
    batch: Batch,
    declared: Mapping[str, Table],
    due: datetime,
    now: datetime,
    refresh: Refresh,
) -> Update:
    """Make the next snapshot from the previous one and a batch of valid rows."""
    horizon = now + refresh.ahead
    tables, paces = (dict(previous.tables), dict(previous.paces)) if previous else ({}, {})
    grown: dict[str, Grown | None] = dict(previous.grown) if previous else {}
    count, gone, older = 0, 0, list[Rejected]()
    for name, new in batch.tables.items():
        old = tables.get(name)
        if declared[name].mode == "append":
            rows, new = new, _within_history(new, old, now, refresh)
            if dropped := len(rows) - len(new):
                older.append(Rejected(name, _too_old(refresh), dropped, describe_row(rows.iloc[0])))
            data, changed, grown[name] = _extend(old, new, declared[name], grown.get(name))
            data, lost = _trim(data, now, refresh), 0
        else:
            data, changed, lost = _replace(old, new, declared[name])
            grown.pop(name, None)
        count, gone = count + changed, gone + lost
        if changed or lost or old is None:
            tables[name] = data
            paces.pop(name, None)
            if has_time(declared[name]) and len(data):
                paces[name] = measure(visible(data, horizon), declared[name])
    note = ", ".join(
        f"{counted(number)} {why}"
        for number, why in (
            (gone, "gone from the source"),
            (_total(older), f'{_too_old(refresh)} (history = "all" keeps them)'),
            (batch.duplicates, "identical to a later row"),
            (_total(batch.overwritten), "with the key of a later row and another value"),
            (_total(batch.rejected), "set aside"),
        )
        if number
    )
    # Always replace a snapshot that cannot be shown, that was made while the clock was ahead, or
    # that was made with a shorter history.
    usable = previous and not previous.fault and previous.created <= now
    if previous and is_longer(refresh.history, previous):
        usable = False
    if previous and usable and not (count or gone):
        return Update(previous, 0, note, tuple(older))
    for name in [*paces] if previous and not usable else ():  # the horizon has changed
        paces[name] = measure(visible(tables[name], horizon), declared[name])
    # Epoch milliseconds, so that a restart never reuses a version that a page has seen.
    version = max(previous.version + 1 if previous else 0, int(now.timestamp() * 1000))
    snapshot = Snapshot(
        version, due, now, tables, paces, horizon, history=refresh.history, grown=grown
    )
    return Update(snapshot, count, note, tuple(older))


def _too_old(refresh: Refresh) -> str:
    history = duration(refresh.history) if refresh.history else "all"
    return f"older than refresh.history = {history}"


def _total(rows: Iterable[Rejected]) -> int:
    return sum(it.count for it in rows)


def _extend(
    old: pd.DataFrame | None, new: pd.DataFrame, table: Table, grown: Grown | None
) -> tuple[pd.DataFrame, int, Grown | None]:
    """Append new rows to the old ones; also return how many are new or corrected.

    Only rows that overlap in time are compared. `grown`: see `frames.extend`.
    """
    if old is None:
        return new, len(new), None
    if new.empty:
        return old, 0, grown
    start = int(old["time"].searchsorted(new["time"].iloc[0]))
    overlap = old.iloc[start:]
    merged = deduplicate_and_sort(concat(overlap, new), table)
    changed = _count_new(merged, overlap)
    if not changed:
        return old, 0, grown
    data, grown = extend(old, start, merged, grown)
    return data, changed, grown


def _replace(
    old: pd.DataFrame | None, new: pd.DataFrame, table: Table
) -> tuple[pd.DataFrame, int, int]:
    """Return the new rows, how many are new or corrected, and how many old rows are gone."""
    if old is None:
        return new, len(new), 0
    changed = _count_new(new, old)
    if not changed and not has_time(table):  # in a ranking, the order alone may have changed
        changed = int(not new.equals(old))
    return new, changed, _count_new(old[[*table.key]], new[[*table.key]])


def _count_new(rows: pd.DataFrame, known: pd.DataFrame) -> int:
    """Count the rows that are not among the known rows."""
    hashes = [pd.util.hash_pandas_object(it, index=False).to_numpy() for it in (rows, known)]
    return int((~np.isin(*hashes)).sum())


def _within_history(
    new: pd.DataFrame, old: pd.DataFrame | None, now: datetime, refresh: Refresh
) -> pd.DataFrame:
    """Drop new rows that are older than the history."""
    if refresh.history is None or new.empty or new["time"].iloc[0] >= now - refresh.history:
        return new
    newest, horizon = new["time"].iloc[-1], now + refresh.ahead
    if old is not None and len(old) and old["time"].iloc[0] <= horizon:
        newest = max(newest, visible(old, horizon)["time"].iloc[-1])
    start = int(new["time"].searchsorted(min(newest, now) - refresh.history))
    return new.iloc[start:]


def _trim(data: pd.DataFrame, now: datetime, refresh: Refresh) -> pd.DataFrame:
    """Drop rows older than the history, counting back from the newest row not in the future.

    After a gap longer than the history, older rows stay until there is an hour of newer ones, so
    that a clock that is wrong for a few minutes does not erase everything.
    """
    times, history = data["time"], refresh.history
    if data.empty or history is None:
        return data
    newest = min(visible(data, now + refresh.ahead)["time"].iloc[-1], now)
    start = times.searchsorted(newest - history)
    if start:
        before, first = times.iloc[start - 1], times.iloc[start]
        if first - before > history and newest - first < min(HOLD, history):
            start = times.searchsorted(before - history)
    return data.iloc[start:].reset_index(drop=True) if start else data
