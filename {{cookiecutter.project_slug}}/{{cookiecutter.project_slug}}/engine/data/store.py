"""The store holds the newest snapshot and connects the schedule with the pages."""

from collections.abc import Mapping
from threading import Event
from typing import Protocol

from ..config.extras import extra
from .documents import Documents
from .memory_store import MemoryStore
from .snapshot import Snapshot
from .status import Status
from .tables import Table


class Store(Documents, Protocol):
    """The interface of every store."""

    POLL: float  # the longest time in seconds between the schedule's checks of the store
    wakeup: Event  # makes the schedule check now; set by a refresh request and by stopping

    def latest(self, version: int | None = None) -> Snapshot | None:
        """Return the newest snapshot known to this process, or None before the first one.

        A shared store searches for a `version` that a client got from another server.
        """

    def publish(self, snapshot: Snapshot, over: int | None = None) -> bool:
        """Make a snapshot the newest one, atomically for all readers.

        Return False if another process has published one newer than version `over`.
        """

    def status(self) -> Status:
        """Return the last reported status."""

    def report(self, status: Status) -> None:
        """Share the status with all readers."""

    def request_refresh(self) -> None:
        """Request a refresh now."""

    def refresh_requested(self) -> str:
        """Return the id of the newest open refresh request, or ""."""

    def clear_request(self, request: str) -> None:
        """Close a request; a newer one stays open."""

    def sync(self) -> None:
        """Fetch what other processes published, reported and requested."""

    def lease(self) -> bool:
        """Take or renew the lease; return whether this process is the leader, which refreshes."""

    def release(self) -> None:
        """Release the lease."""


def open_store(url: str, name: str, tables: Mapping[str, Table]) -> Store:
    """Open the store of a `[store] url`. Raises SettingError.

    `name` distinguishes dashboards that share a Redis server; `tables` are what the store holds.
    """
    kind = url.partition(":")[0]
    if kind == "memory":
        return MemoryStore()
    if kind == "file":
        with extra("file", "store.url = file://…"):
            from .file_store import FileStore
        return FileStore(url, tables)
    with extra("redis", "store.url = redis://…"):
        from .redis_store import RedisStore
    return RedisStore(url, name, tables)
