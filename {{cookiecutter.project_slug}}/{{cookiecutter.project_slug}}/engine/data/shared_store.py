"""What stores that several processes share have in common: each holds what it has last seen."""

import contextlib
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from threading import Event, Lock
from typing import TypeVar
from uuid import uuid4

from pydantic import TypeAdapter

from ..diagnostics.errors import describe
from . import codec
from .snapshot import EPOCH, Snapshot, now_utc
from .status import Status
from .tables import Table

logger = logging.getLogger(__name__)

T = TypeVar("T")
JSON = TypeAdapter(Status)
DAMAGED = 0  # in place of a version: the store holds something that is no snapshot


def parse_version(text: bytes) -> int:
    """Return a version as a store holds it: at most 14 digits, as milliseconds have for long."""
    return int(text) if re.fullmatch(rb"[1-9]\d{0,13}", text) else DAMAGED


def open_request(requested: bytes, cleared: bytes) -> str:
    """Return the id of the open request, or ""; it may be damaged."""
    request, last = (it.decode("utf-8", "replace") for it in (requested, cleared))
    return "" if request == last else request


class SharedStore(ABC):
    """Goes on with what it holds while what is behind it is away, and says so.

    Versions only grow: a lower one in the store is of a backup, and gives way.
    """

    UNREACHABLE: tuple[type[Exception], ...] = (OSError,)
    POLL = 1.0  # for others may publish, ask or go

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self.wakeup = Event()
        self._snapshot: Snapshot | None = None
        self._status = Status()
        self._status_dirty = False  # whether the store has another status
        self._needs_republish = False  # whether the store has an older version, or none
        self._outages: dict[str, Status] = {}  # what fails: read, write or lease; and since when
        self._request = ""  # the newest
        self._unsent_request = ""  # one that the store lacks yet
        self._is_leader = False
        self._missing: int | None = None  # the version that was looked for in vain
        self._sync_lock = Lock()
        self.sync()

    def latest(self, version: int | None = None) -> Snapshot | None:
        if self._lags(version) and not self._outages:
            with self._sync_lock:
                if self._lags(version) and not self._outages:  # others may have waited here too
                    self._sync()
                    if self._lags(version):
                        self._missing = version
        return self._snapshot

    def publish(self, snapshot: Snapshot, over: int | None = None) -> bool:
        data = codec.encode(snapshot, self._tables)
        with self._noted("write"):
            published = self._write(snapshot.version, data, over)
        if published:
            with self._sync_lock:
                self._snapshot, self._needs_republish = snapshot, False
        return published

    def status(self) -> Status:
        away = next(iter(self._outages.values()), None)
        if away is None:
            return self._status
        return replace(
            self._status, error=away.error, incident=away.incident, failing_since=away.failing_since
        )

    def report(self, status: Status) -> None:
        self._status, self._status_dirty = status, True
        self._say()

    def request_refresh(self) -> None:
        self._request = request = uuid4().hex
        self._unsent_request = request
        if not self._outages:  # a viewer does not wait for it
            self._send()
        self.wakeup.set()  # only now, as whoever wakes looks into the store

    def refresh_requested(self) -> str:
        return self._request

    def clear_request(self, request: str) -> None:
        if self._request == request:
            self._request = self._unsent_request = ""
        if request:
            self._try("write", lambda: self._write_cleared(request))

    def sync(self) -> None:
        with self._sync_lock:
            self._missing = None
            self._sync()

    def lease(self) -> bool:
        if "read" in self._outages:
            return False
        led, self._is_leader = self._is_leader, bool(self._try("lease", self._lease))
        if self._is_leader and not led:
            self.sync()  # whoever led may just have published
            if "read" in self._outages:
                return False
        if self._is_leader:
            self._restore()
        return self._is_leader

    def release(self) -> None:
        if self._is_leader:
            self._is_leader = False
            self._try("lease", self._release)

    def _lags(self, version: int | None) -> bool:
        """Whether to look for a version: anybody can ask for any, so for each only once a sync."""
        held, missing = self._snapshot, self._missing
        if version is None or (missing is not None and version >= missing):
            return False
        return held is None or held.version < version

    def _sync(self) -> None:
        self._try("read", self._take)

    def _take(self) -> None:
        status, version, requested = self._look()
        request = self._unsent_request
        if request:
            self._send()
        self._request = request or requested
        held = self._snapshot
        self._needs_republish = held is not None and (version is None or version < held.version)
        if version is not None and (held is None or version > held.version):
            data = self._read(version)
            if data is not None:
                self._snapshot = self._unpack(version, data)
        if not self._is_leader:  # what it could not write is for others to say
            self._status_dirty = False
            self._outages.pop("write", None)
        if self._status_dirty:
            return
        # Only now, as it says when the next version is due: nobody shall wait for that too soon.
        with contextlib.suppress(ValueError):  # none yet, or one of another release
            self._status = JSON.validate_json(status)

    def _send(self) -> None:
        """Write a request that the store lacks yet."""
        request = self._unsent_request
        if self._try("write", lambda: self._write_request(request) or True):
            self._unsent_request = ""

    def _restore(self) -> None:
        """Write back what the store has lost."""
        held = self._snapshot
        if held is not None and not held.fault and self._needs_republish:
            data = codec.encode(held, self._tables)
            if self._try("write", lambda: self._write(held.version, data, held.version)):
                logger.info("version %s was missing in the store, and is there again", held.version)
                self._needs_republish = False
        if self._status_dirty:
            self._say()

    def _say(self) -> None:
        data = JSON.dump_json(self._status)
        self._status_dirty = not self._try("write", lambda: self._write_status(data) or True)

    def _unpack(self, version: int, data: bytes) -> Snapshot:
        """Return a stored snapshot, or one that says why it cannot be shown, to be replaced."""
        try:
            snapshot = codec.decode(data, self._tables)
            if snapshot and snapshot.version < version:
                raise ValueError(f"it holds version {snapshot.version}")
        except ValueError as error:
            logger.error("version %s in the store is damaged and set aside: %s", version, error)
            return self._unusable(version, "damaged")
        if snapshot is None:
            said = "version %s in the store is set aside: it was made by another release"
            logger.error(said, version)
            return self._unusable(version, "from another release of this dashboard")
        return snapshot

    def _unusable(self, version: int, why: str) -> Snapshot:
        """Return what is held under a version that cannot be shown, so that it can be replaced."""
        fault = f"The newest stored data are {why}; the next refresh replaces them."
        held = self._snapshot or Snapshot(version, EPOCH, now_utc(), {})
        return replace(held, version=version, due=EPOCH, fault=fault)

    def _try(self, what: str, action: Callable[[], T]) -> T | None:
        """Return what an action gives, or None if the store is away."""
        with contextlib.suppress(*self.UNREACHABLE), self._noted(what):
            return action()
        return None

    @contextlib.contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        """Note, and log, when reading or writing starts to fail, and when it is well again."""
        try:
            yield
        except self.UNREACHABLE as error:
            said = f"the store cannot be reached: {describe(error)}"
            first = self._outages.get(what)
            if not first:
                first = Status(incident=uuid4().hex[:8], failing_since=now_utc())
                if said not in (it.error for it in self._outages.values()):
                    logger.error(said, extra={"incident": first.incident})
            self._outages[what] = replace(first, error=said)
            raise
        if self._outages.pop(what, None) and not self._outages:
            logger.info("the store is back")

    @abstractmethod
    def _look(self) -> tuple[bytes, int | None, str]:
        """Return the status, the newest version, and the id of the open request, or ""."""

    @abstractmethod
    def _read(self, version: int) -> bytes | None:
        """Return a snapshot of this version or a newer one; None if it has just gone."""

    @abstractmethod
    def _write(self, version: int, data: bytes, over: int | None) -> bool:
        """Store a snapshot whole, unless there is one that is newer than `over`."""

    @abstractmethod
    def _write_status(self, data: bytes) -> None: ...

    @abstractmethod
    def _write_request(self, request: str) -> None: ...

    @abstractmethod
    def _write_cleared(self, request: str) -> None: ...

    @abstractmethod
    def _lease(self) -> bool:
        """Take or renew the lease."""

    @abstractmethod
    def _release(self) -> None: ...
