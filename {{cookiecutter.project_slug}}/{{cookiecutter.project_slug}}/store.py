"""Where the latest snapshot lives, and what the schedule and the pages tell each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Protocol

import pandas as pd


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
class Status:
    """How the refreshes go: what the last one failed with, if it did, and when data come next."""

    next_due: datetime | None = None
    takes: timedelta = timedelta(0)
    error: str = ""
    failing_since: datetime | None = None


class Store(Protocol):
    """What every store can do."""

    def latest(self) -> Snapshot | None:
        """Return the newest snapshot, or None before the first."""

    def publish(self, snapshot: Snapshot) -> None:
        """Make a snapshot the newest one, at once for all readers."""

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


@dataclass
class MemoryStore:
    """The store of a single process: what it holds is gone when that ends."""

    _snapshot: Snapshot | None = None
    _status: Status = Status()
    _asked: Event = field(default_factory=Event)

    def latest(self) -> Snapshot | None:
        return self._snapshot

    def publish(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def status(self) -> Status:
        return self._status

    def report(self, status: Status) -> None:
        self._status = status

    def ask(self) -> None:
        self._asked.set()

    def asked(self) -> bool:
        return self._asked.is_set()

    def answer(self) -> None:
        self._asked.clear()


def open_store(url: str) -> Store:
    """Open the store that a `[store] url` names."""
    return {"memory": MemoryStore}[url.partition(":")[0]]()
