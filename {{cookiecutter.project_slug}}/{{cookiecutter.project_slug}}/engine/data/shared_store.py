"""What stores that several processes share have in common: each holds what it has last seen."""

import contextlib
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event, Lock
from typing import TypeVar
from uuid import uuid4

from pydantic import TypeAdapter

from . import codec
from ..diagnostics.errors import describe
from .snapshot import EPOCH, Snapshot, now_utc
from .status import Status

logger = logging.getLogger(__name__)

T = TypeVar("T")
JSON = TypeAdapter(Status)
DAMAGED = 0  # in place of a version: the store holds something that is no snapshot


def parse_version(text: bytes) -> int:
    """Return a version as a store holds it: at most 14 digits, as milliseconds have for long."""
    return int(text) if re.fullmatch(rb"[1-9]\d{0,13}", text) else DAMAGED


def open_request(asked: bytes, answered: bytes) -> str:
    """Return the id of a request that is not answered yet, or ""; a damaged one can be, too."""
    request, last = (it.decode("utf-8", "replace") for it in (asked, answered))
    return "" if request == last else request


class SharedStore(ABC):
    """Goes on with what it holds while what is behind it is away, and says so.

    Versions only grow: a lower one in the store is of a backup, and gives way.
    """

    AWAY: tuple[type[Exception], ...] = (OSError,)
    PATIENCE = 1.0  # for others may publish, ask or go

    def __init__(self) -> None:
        self.wakeup = Event()
        self._snapshot: Snapshot | None = None
        self._status = Status()
        self._unsaid = False  # whether the store has another status
        self._behind = False  # whether the store has an older version, or none
        self._away: dict[str, Status] = {}  # what fails: read, write or lease; and since when
        self._asked = self._unsent = ""  # the newest request, and one that the store lacks yet
        self._is_leader = False
        self._missing: int | None = None  # the version that was looked for in vain
        self._looking = Lock()
        self.sync()

    def latest(self, version: int | None = None) -> Snapshot | None:
        if self._lags(version) and not self._away:
            with self._looking:
                if self._lags(version) and not self._away:  # others may have waited here too
                    self._sync()
                    if self._lags(version):
                        self._missing = version
        return self._snapshot

    def publish(self, snapshot: Snapshot, over: int | None = None) -> bool:
        data = codec.encode(snapshot)
        with self._noted("write"):
            published = self._write(snapshot.version, data, over)
        if published:
            with self._looking:
                self._snapshot, self._behind = snapshot, False
        return published

    def status(self) -> Status:
        away = next(iter(self._away.values()), None)
        if away is None:
            return self._status
        return replace(
            self._status, error=away.error, incident=away.incident, failing_since=away.failing_since
        )

    def report(self, status: Status) -> None:
        self._status, self._unsaid = status, True
        self._say()

    def request_refresh(self) -> None:
        self._asked = request = uuid4().hex
        self._unsent = request
        if not self._away:  # a viewer does not wait for it
            self._send()
        self.wakeup.set()  # only now, as whoever wakes looks into the store

    def refresh_requested(self) -> str:
        return self._asked

    def clear_request(self, request: str) -> None:
        if self._asked == request:
            self._asked = self._unsent = ""
        if request:
            self._try("write", lambda: self._write_answered(request))

    def sync(self) -> None:
        with self._looking:
            self._missing = None
            self._sync()

    def lease(self) -> bool:
        if "read" in self._away:
            return False
        led, self._is_leader = self._is_leader, bool(self._try("lease", self._lease))
        if self._is_leader and not led:
            self.sync()  # whoever led may just have published
            if "read" in self._away:
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
        status, version, asked = self._look()
        request = self._unsent
        if request:
            self._send()
        self._asked = request or asked
        held = self._snapshot
        self._behind = held is not None and (version is None or version < held.version)
        if version is not None and (held is None or version > held.version):
            data = self._read(version)
            if data is not None:
                self._snapshot = self._unpack(version, data)
        if not self._is_leader:  # what it could not write is for others to say
            self._unsaid = False
            self._away.pop("write", None)
        if self._unsaid:
            return
        # Only now, as it says when the next version is due: nobody shall wait for that too soon.
        with contextlib.suppress(ValueError):  # none yet, or one of another release
            self._status = JSON.validate_json(status)

    def _send(self) -> None:
        """Write a request that the store lacks yet."""
        request = self._unsent
        if self._try("write", lambda: self._write_asked(request) or True):
            self._unsent = ""

    def _restore(self) -> None:
        """Write back what the store has lost."""
        held = self._snapshot
        if held is not None and not held.fault and self._behind:
            data = codec.encode(held)
            if self._try("write", lambda: self._write(held.version, data, held.version)):
                logger.info("version %s was missing in the store, and is there again", held.version)
                self._behind = False
        if self._unsaid:
            self._say()

    def _say(self) -> None:
        data = JSON.dump_json(self._status)
        self._unsaid = not self._try("write", lambda: self._write_status(data) or True)

    def _unpack(self, version: int, data: bytes) -> Snapshot:
        """Return a stored snapshot, or one that says why it cannot be shown, to be replaced."""
        try:
            snapshot = codec.decode(data)
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
        with contextlib.suppress(*self.AWAY), self._noted(what):
            return action()
        return None

    @contextlib.contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        """Note, and log, when reading or writing starts to fail, and when it is well again."""
        try:
            yield
        except self.AWAY as error:
            said = f"the store cannot be reached: {describe(error)}"
            first = self._away.get(what)
            if not first:
                first = Status(incident=uuid4().hex[:8], failing_since=now_utc())
                if said not in (it.error for it in self._away.values()):
                    logger.error(said, extra={"incident": first.incident})
            self._away[what] = replace(first, error=said)
            raise
        if self._away.pop(what, None) and not self._away:
            logger.info("the store is back")

    @abstractmethod
    def _look(self) -> tuple[bytes, int | None, str]:
        """Return the status, the newest version, and the id of an unanswered request, or ""."""

    @abstractmethod
    def _read(self, version: int) -> bytes | None:
        """Return a snapshot of this version or a newer one; None if it has just gone."""

    @abstractmethod
    def _write(self, version: int, data: bytes, over: int | None) -> bool:
        """Store a snapshot whole, unless there is one that is newer than `over`."""

    @abstractmethod
    def _write_status(self, data: bytes) -> None: ...

    @abstractmethod
    def _write_asked(self, request: str) -> None: ...

    @abstractmethod
    def _write_answered(self, request: str) -> None: ...

    @abstractmethod
    def _lease(self) -> bool:
        """Take or renew the lease."""

    @abstractmethod
    def _release(self) -> None: ...
