"""What pages can read from a store."""

from collections.abc import Mapping
from threading import Lock

from .shown import Shown, show
from .snapshot import Snapshot, Tables
from .status import Status
from .store import Store
from .tables import Table, has_time


class Data:
    """Gives pages the newest tables and the status of the refreshes."""

    def __init__(self, store: Store, tables: Mapping[str, Table]) -> None:
        self._store, self._empty = store, {name: it.empty() for name, it in tables.items()}
        self._last: tuple[Snapshot | None, Tables] = None, Tables(self._empty)
        self._sorted = [name for name, it in tables.items() if has_time(it)]
        self._shown: dict[str, Shown] = {}
        self._lock = Lock()

    def tables(self, seen: int | None = None) -> Tables:
        """Return all tables, without rows that must not be shown. They may be empty.

        All tables come from one snapshot, so call this once and keep the result. `seen` is a
        version that a client got from another server; a shared store searches for it.
        """
        snapshot = self._store.latest(seen)
        with self._lock:  # all views get the same object, so they share its derived values
            known, tables = self._last
            if snapshot is None or snapshot is known:
                return tables
            rows = {it: snapshot.visible(it) for it in snapshot.tables if it in self._empty}
            self._shown = show({it: rows[it] for it in self._sorted if it in rows}, self._shown)
            tables = Tables(
                self._empty | rows, snapshot.version, snapshot.created, kept=self._shown
            )
            self._last = snapshot, tables
            return tables

    def status(self) -> Status:
        """Return the status of the refreshes."""
        return self._store.status()
