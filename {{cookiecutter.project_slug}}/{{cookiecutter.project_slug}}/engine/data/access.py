"""What pages can read from a store."""

from collections.abc import Mapping
from threading import Lock

from .snapshot import Snapshot, Tables
from .status import Status
from .store import Store
from .tables import Table


class Data:
    """The newest tables, and how the refreshes are going."""

    def __init__(self, store: Store, tables: Mapping[str, Table]) -> None:
        self._store, self._empty = store, {name: it.empty() for name, it in tables.items()}
        self._last: tuple[Snapshot | None, Tables] = None, Tables(self._empty)
        self._lock = Lock()

    def tables(self, seen: int | None = None) -> Tables:
        """Return all tables, without rows that must not be shown; there may be no rows.

        All tables are from the same snapshot, so call this once and use what it returns. `seen` is
        a version that was seen elsewhere: a shared store then searches for it.
        """
        snapshot = self._store.latest(seen)
        with self._lock:  # all views get the same object, and share what is derived from it
            known, tables = self._last
            if snapshot is None or snapshot is known:
                return tables
            rows = {it: snapshot.visible(it) for it in snapshot.tables if it in self._empty}
            tables = Tables(self._empty | rows, snapshot.version, snapshot.created)
            self._last = snapshot, tables
            return tables

    def status(self) -> Status:
        """Return how the refreshes are going."""
        return self._store.status()
