"""Where the latest snapshot lives, and what the schedule and the pages tell each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Protocol
from uuid import uuid4

import pandas as pd

from ..config.extras import extra

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)


def now_utc() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


class Tables(Mapping[str, pd.DataFrame]):
    """Tables that a view may change for itself: each access gives a shallow copy.

    With copy-on-write, which pandas 3 always has, a change copies the column that it is made to.
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self._tables = dict(tables)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self._tables[name].copy(deep=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


@dataclass(frozen=True)
class Pace:
    """The time of a table's newest row, and the usual time between the rows of one series."""

    newest: datetime
    distance: timedelta | None = None


@dataclass(frozen=True)
class Snapshot:
    """All data of one refresh; never changed once made.

    Rows later than the horizon are kept but not shown: the clock of that refresh contradicts them.
    A fault says why the newest data of a shared store cannot be shown; the tables are older then.
    """

    version: int
    due: datetime
    created: datetime
    tables: Mapping[str, pd.DataFrame]
    paces: Mapping[str, Pace] = field(default_factory=dict)
    horizon: datetime = NEVER
    fault: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", Tables(self.tables))


@dataclass(frozen=True)
class Rejected:
    """Rows of a table that cannot be right: why, how many, one of them, and when they were read."""

    table: str
    reason: str
    count: int
    example: str
    seen: datetime = EPOCH


@dataclass(frozen=True)
class Outcome:
    """How one refresh went.

    `rows` are new or corrected rows; `note` says how many were left out, and by which rule.
    """

    ended: datetime
    seconds: float
    rows: int = 0
    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class Status:
    """How the refreshes go: the last error, if any, and when the next data can be expected.

    `error` is one short line without secrets, and `incident` the id that the log has for all
    failures since the last success. `refreshed` is when the source was last read without an error,
    and `due` the time at which that refresh was due. `changes` and `failures` hold the newest
    outcomes of each kind, oldest first.
    """

    next_due: datetime | None = None
    takes: timedelta = timedelta(0)
    error: str = ""
    incident: str = ""
    failing_since: datetime | None = None
    refreshed: datetime | None = None
    due: datetime | None = None
    rejected: tuple[Rejected, ...] = ()
    changes: tuple[Outcome, ...] = ()
    failures: tuple[Outcome, ...] = ()


class Store(Protocol):
    """What every store can do."""

    PATIENCE: float  # seconds after which the schedule looks again, whatever it waits for
    wakeup: Event  # set when somebody asks here, or to stop: ends that wait

    def latest(self, version: int | None = None) -> Snapshot | None:
        """Return the newest snapshot that is known here, or None before the first.

        A version that somebody has seen elsewhere makes a shared store look for it.
        """

    def publish(self, snapshot: Snapshot, over: int | None = None) -> bool:
        """Make a snapshot the newest one, at once for all readers.

        False if there is one that is newer than what it was made from: another was faster.
        """

    def status(self) -> Status:
        """Return what was reported last."""

    def report(self, status: Status) -> None:
        """Tell all readers how the refreshes go."""

    def request_refresh(self) -> None:
        """Ask the schedule for a refresh now."""

    def refresh_requested(self) -> str:
        """Return the id of the newest request for a refresh, or "" if there is none to answer."""

    def clear_request(self, request: str) -> None:
        """Mark a request as answered; one that came after it stays open."""

    def sync(self) -> None:
        """Look for what other processes have published, reported and asked."""

    def lease(self) -> bool:
        """Take or renew the lease: whether, of all processes, it is this one that refreshes."""

    def release(self) -> None:
        """Give the lease back."""


@dataclass
class MemoryStore:
    """The store of a single process: what it holds is gone when that ends."""

    PATIENCE = 5.0  # for the clock may have been set, or the machine have slept

    _snapshot: Snapshot | None = None
    _status: Status = Status()
    _asked: str = ""
    wakeup: Event = field(default_factory=Event)

    def latest(self, version: int | None = None) -> Snapshot | None:
        return self._snapshot

    def publish(self, snapshot: Snapshot, over: int | None = None) -> bool:
        self._snapshot = snapshot
        return True

    def status(self) -> Status:
        return self._status

    def report(self, status: Status) -> None:
        self._status = status

    def request_refresh(self) -> None:
        self._asked = uuid4().hex
        self.wakeup.set()

    def refresh_requested(self) -> str:
        return self._asked

    def clear_request(self, request: str) -> None:
        if self._asked == request:
            self._asked = ""

    def sync(self) -> None:
        pass

    def lease(self) -> bool:
        return True

    def release(self) -> None:
        pass


def open_store(url: str) -> Store:
    """Open the store that a `[store] url` names. Raises SettingError."""
    kind = url.partition(":")[0]
    if kind == "memory":
        return MemoryStore()
    if kind == "file":
        with extra("file", "store.url = file://…"):
            from .file_store import FileStore
        return FileStore(url)
    with extra("redis", "store.url = redis://…"):
        from .redis_store import RedisStore
    return RedisStore(url)
