"""The status of the refreshes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from .snapshot import EPOCH


@dataclass(frozen=True)
class Rejected:
    """Rows of a table that are not shown: why, how many, an example, and when they were seen."""

    table: str
    reason: str
    count: int
    example: str
    seen: datetime = EPOCH


@dataclass(frozen=True)
class Outcome:
    """The result of one refresh.

    `rows` counts new and corrected rows; `note` says how many were left out, and why.
    """

    ended: datetime
    seconds: float
    rows: int = 0
    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class Status:
    """The status of the refreshes: the last error, if any, and when to expect new data.

    `error` is one short line without secrets; it is empty after a success. `failed_in_a_row` counts
    the failures since the last success, and `incident` is their id in the log. `refreshed` is when
    the source was last read without an error, and `due` is when that refresh was due. Of the rows
    that are not shown, `rejected` are invalid, `overwritten` have the key of a later row and other
    values, and `older` are older than the history. `changes` and `failures` hold the newest
    outcomes of each kind, oldest first.
    """

    next_due: datetime | None = None
    takes: timedelta = timedelta(0)
    error: str = ""
    incident: str = ""
    failing_since: datetime | None = None
    failed_in_a_row: int = 0
    refreshed: datetime | None = None
    due: datetime | None = None
    rejected: tuple[Rejected, ...] = ()
    overwritten: tuple[Rejected, ...] = ()
    older: tuple[Rejected, ...] = ()
    changes: tuple[Outcome, ...] = ()
    failures: tuple[Outcome, ...] = ()
