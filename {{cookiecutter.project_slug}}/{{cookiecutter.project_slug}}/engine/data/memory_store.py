"""A store for a single process."""

from dataclasses import dataclass, field
from threading import Event
from uuid import uuid4

from .snapshot import Snapshot
from .status import Status


@dataclass
class MemoryStore:
    """Keeps the newest snapshot in memory; it is lost when the process ends."""

    POLL = 5.0  # the clock may have been changed, or the computer may have slept

    _snapshot: Snapshot | None = None
    _status: Status = field(default_factory=Status)
    _request: str = ""
    _documents: dict[str, bytes] = field(default_factory=dict)
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
        self._request = uuid4().hex
        self.wakeup.set()

    def refresh_requested(self) -> str:
        return self._request

    def clear_request(self, request: str) -> None:
        if self._request == request:
            self._request = ""

    def document(self, name: str) -> bytes:
        return self._documents.get(name, b"")

    def replace_document(self, name: str, before: bytes, after: bytes) -> bool:
        if self.document(name) != before:
            return False
        self._documents[name] = after
        return True

    def sync(self) -> None:
        pass

    def lease(self) -> bool:
        return True

    def release(self) -> None:
        pass
