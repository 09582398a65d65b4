"""Computes the status after a refresh."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ..data.status import Outcome, Rejected, Status
from ..data.tables import Batch, Table

MAX_OUTCOMES = 50  # kept of each kind
SHOWN_FOR = timedelta(days=1)  # how long rejected rows are reported


def succeeded(
    before: Status,
    batch: Batch,
    tables: Mapping[str, Table],
    outcome: Outcome,
    changed: bool,
    due: datetime,
    next_due: datetime,
    older: tuple[Rejected, ...] = (),
    whole: bool = False,
) -> Status:
    """Return the status after a successful refresh.

    The outcome is recorded in `changes` if it changed something or ended a run of failures. `older`
    are the rows that are older than the history; `whole` means that all of the history was read.
    Only then does the page say that the history leaves rows out.
    """

    def merged(known: tuple[Rejected, ...], found: tuple[Rejected, ...]) -> tuple[Rejected, ...]:
        before = () if whole else known
        return _merge(before, found, batch.tables, tables, outcome.ended)

    return Status(
        next_due=next_due,
        takes=timedelta(seconds=outcome.seconds),
        refreshed=outcome.ended,
        due=due,
        rejected=merged(before.rejected, batch.rejected),
        overwritten=merged(before.overwritten, batch.overwritten),
        older=merged(before.older, older if whole else ()),  # late rows of a device are none
        changes=(*before.changes, *([outcome] if changed or before.error else []))[-MAX_OUTCOMES:],
        failures=before.failures,
    )


def failed(before: Status, outcome: Outcome, incident: str, next_due: datetime | None) -> Status:
    """Return the status after a failed refresh; `incident` is its id in the log."""
    return replace(
        before,
        next_due=next_due,
        error=outcome.error,
        incident=incident,
        failing_since=before.failing_since or outcome.ended,
        failed_in_a_row=before.failed_in_a_row + 1,
        failures=(*before.failures, outcome)[-MAX_OUTCOMES:],
    )


def newly_rejected(before: Status, batch: Batch) -> list[Rejected]:
    """Return the rows that were rejected for a new reason."""
    known = {(it.table, it.reason) for it in before.rejected}
    return [it for it in batch.rejected if (it.table, it.reason) not in known]


def _merge(
    before: tuple[Rejected, ...],
    found: tuple[Rejected, ...],
    read: Collection[str],
    tables: Mapping[str, Table],
    now: datetime,
) -> tuple[Rejected, ...]:
    """Add the rows found by this refresh to those that are still reported; `read` are its tables.

    A table without new rows keeps its reports. A table read in full has only the new ones. Of a
    table that grows, a refresh reads only the end: the number of rows does not decrease.
    """
    merged: dict[tuple[str, str], Rejected] = {}
    for it in before:
        if it.table not in tables:
            continue
        if it.table not in read:
            merged[it.table, it.reason] = replace(it, seen=now)
        elif tables[it.table].mode == "append" and abs(now - it.seen) < SHOWN_FOR:
            merged[it.table, it.reason] = it
    for it in found:
        known = merged.get((it.table, it.reason), it)
        merged[it.table, it.reason] = replace(it, count=max(it.count, known.count), seen=now)
    return tuple(merged.values())
