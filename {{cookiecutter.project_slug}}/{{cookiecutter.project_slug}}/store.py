"""Where the latest snapshot lives, and what the schedule and the pages tell each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Protocol

import pandas as pd

from .setting import extra

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_utc() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Snapshot:
    """All data of one refresh; never changed once made."""

    version: int
    due: datetime
    created: datetime
    tables: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Outcome:
    """How one refresh went: when it ended, its seconds and new rows, and what it failed with."""

    ended: datetime
    seconds: float
    rows: int = 0
    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class Status:
    """How the refreshes go: what the last one failed with, if it did, and when data come next.

    The history has the newest outcomes, of whichever process refreshed, the last one at its end.
    """

    next_due: datetime | None = None
    takes: timedelta = timedelta(0)
    error: str = ""
    failing_since: datetime | None = None
    changes: tuple[Outcome, ...] = ()
    failures: tuple[Outcome, ...] = ()


class Store(Protocol):
    """What every store can do."""

    PATIENCE: float  # seconds after which the schedule looks again, whatever it waits for
    woken: Event  # set when somebody asks here, or to stop: ends that wait

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

    def ask(self) -> None:
        """Ask the schedule for a refresh now."""

    def asked(self) -> bool:
        """Whether somebody asked and was not answered yet."""

    def answer(self) -> None:
        """Mark what was asked as answered."""

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
    _asked: bool = False
    woken: Event = field(default_factory=Event)

    def latest(self, version: int | None = None) -> Snapshot | None:
        return self._snapshot

    def publish(self, snapshot: Snapshot, over: int | None = None) -> bool:
        self._snapshot = snapshot
        return True

    def status(self) -> Status:
        return self._status

    def report(self, status: Status) -> None:
        self._status = status

    def ask(self) -> None:
        self._asked = True
        self.woken.set()

    def asked(self) -> bool:
        return self._asked

    def answer(self) -> None:
        self._asked = False

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
