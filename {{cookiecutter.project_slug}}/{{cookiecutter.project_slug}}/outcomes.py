"""What the status says after a refresh: pure functions from one status to the next."""

from dataclasses import replace
from datetime import datetime, timedelta

from .preprocess import TABLES
from .store import Outcome, Rejected, Status
from .tables import Batch

KEPT = 50  # outcomes of each kind
SHOWN = timedelta(days=1)  # how long rows that were set aside are mentioned


def succeeded(
    before: Status, batch: Batch, outcome: Outcome, changed: bool, due: datetime, next_due: datetime
) -> Status:
    """Return the status after a refresh without an error.

    It is among the outcomes if it changed something, or ended a time of failures.
    """
    return Status(
        next_due=next_due,
        takes=timedelta(seconds=outcome.seconds),
        refreshed=outcome.ended,
        due=due,
        rejected=_merge(before.rejected, batch, outcome.ended),
        changes=(*before.changes, *([outcome] if changed or before.error else []))[-KEPT:],
        failures=before.failures,
    )


def failed(before: Status, outcome: Outcome, error: str, next_due: datetime | None) -> Status:
    """Return the status after a refresh that failed."""
    return replace(
        before,
        next_due=next_due,
        error=error,
        failing_since=before.failing_since or outcome.ended,
        failures=(*before.failures, outcome)[-KEPT:],
    )


def newly_rejected(before: Status, batch: Batch) -> list[Rejected]:
    """Return what was set aside for a new reason, or more often than before."""
    known = {(it.table, it.reason): it.count for it in before.rejected}
    return [it for it in batch.rejected if it.count > known.get((it.table, it.reason), 0)]


def _merge(before: tuple[Rejected, ...], batch: Batch, now: datetime) -> tuple[Rejected, ...]:
    """Add rows that were set aside to those that are still mentioned.

    Of a table in which nothing is new they are still there; of one that was read in full the others
    are gone.
    """
    merged = {}
    for it in before:
        if it.table not in batch.tables:
            merged[it.table, it.reason] = replace(it, seen=now)
        elif TABLES[it.table].grows == "append" and now - it.seen < SHOWN:
            merged[it.table, it.reason] = it
    for it in batch.rejected:
        merged[it.table, it.reason] = replace(it, seen=now)
    return tuple(merged.values())
