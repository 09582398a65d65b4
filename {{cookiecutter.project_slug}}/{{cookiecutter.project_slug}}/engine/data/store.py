"""Where the newest snapshot is kept, and what the schedule and the pages tell each other."""

from collections.abc import Mapping
from threading import Event
from typing import Protocol

from ..config.extras import extra
from .memory_store import MemoryStore
from .snapshot import Snapshot
from .status import Status
from .tables import Table


class Store(Protocol):
    """What every store can do."""

    POLL: float  # seconds after which the schedule looks again, whatever it waits for
    wakeup: Event  # ends that wait; set by a request for a refresh, or to stop

    def latest(self, version: int | None = None) -> Snapshot | None:
        """Return the newest snapshot that is known here, or None before the first.

        A version that was seen elsewhere makes a shared store look for it.
        """

    def publish(self, snapshot: Snapshot, over: int | None = None) -> bool:
        """Make a snapshot the newest one, at once for all readers.

        Return False if another process has published one that is newer than version `over`.
        """

    def status(self) -> Status:
        """Return what was reported last."""

    def report(self, status: Status) -> None:
        """Tell all readers how the refreshes are going."""

    def request_refresh(self) -> None:
        """Request a refresh now."""

    def refresh_requested(self) -> str:
        """Return the id of the newest open request for a refresh, or ""."""

    def clear_request(self, request: str) -> None:
        """Close a request; one that came after it stays open."""

    def sync(self) -> None:
        """Look for what other processes have published, reported and requested."""

    def lease(self) -> bool:
        """Take or renew the lease; return whether this process is the one that refreshes."""

    def release(self) -> None:
        """Give the lease back."""


def open_store(url: str, name: str, tables: Mapping[str, Table]) -> Store:
    """Open the store of a `[store] url`. Raises SettingError.

    `name` tells the dashboards apart that share a Redis; `tables` are those that it will hold.
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
