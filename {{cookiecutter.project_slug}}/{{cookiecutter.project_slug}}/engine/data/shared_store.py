"""The base class of stores that several processes share."""

import contextlib
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from threading import Event, Lock
from uuid import uuid4

from pydantic import TypeAdapter

from ..diagnostics.errors import describe
from . import codec
from .shared_state import Outage, State
from .snapshot import EPOCH, Snapshot, now_utc
from .status import Status
from .tables import Table

logger = logging.getLogger(__name__)

STATUS = TypeAdapter(Status)
DAMAGED = 0  # in place of a version: what the store holds is not a snapshot


def parse_version(text: bytes) -> int:
    """Parse a version; epoch milliseconds have no more than 14 digits until the year 5138."""
    return int(text) if re.fullmatch(rb"[1-9]\d{0,13}", text) else DAMAGED


def open_request(requested: bytes, cleared: bytes) -> str:
    """Return the id of the open request, or "". Damaged ids are tolerated."""
    request, last = (it.decode("utf-8", "replace") for it in (requested, cleared))
    return "" if request == last else request


class SharedStore(ABC):
    """Reports an unreachable backend, and meanwhile serves the last data.

    Versions only increase: a lower one in the store comes from a backup and is overwritten.
    """

    UNREACHABLE: tuple[type[Exception], ...] = (OSError,)
    POLL = 1.0  # other processes may publish, request a refresh or stop

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self.wakeup = Event()
        self._state = State()
        self._changing = Lock()  # guards each change of the state; never held during an access
        self._syncing = Lock()  # one sync at a time
        self.sync()

    def latest(self, version: int | None = None) -> Snapshot | None:
        if self._state.lags(version):
            with self._syncing:
                if self._state.lags(version):  # another thread may have found it meanwhile
                    self._sync()
                    if self._state.lags(version):
                        self._change(lambda it: replace(it, not_found=version))
        return self._state.snapshot

    def publish(self, snapshot: Snapshot, over: int | None = None) -> bool:
        data = codec.encode(snapshot, self._tables)
        with self._recording("write"):
            published = self._write(snapshot.version, data, over)
        if published:
            self._change(lambda it: replace(it, snapshot=snapshot, stored=snapshot.version))
        return published

    def status(self) -> Status:
        return self._state.shown_status

    def report(self, status: Status) -> None:
        self._change(lambda it: replace(it, status=status, status_dirty=True))
        self._send_status()

    def request_refresh(self) -> None:
        self._change(lambda it: it.requested(uuid4().hex))
        if not self._state.outages:  # otherwise, a viewer would wait for a timeout
            self._send_request()
        self.wakeup.set()  # last, because the thread that wakes up reads the store

    def refresh_requested(self) -> str:
        return self._state.request

    def clear_request(self, request: str) -> None:
        self._change(lambda it: it.request_cleared(request))
        if request:
            with self._tolerating("write"):
                self._write_cleared(request)

    def sync(self) -> None:
        with self._syncing:
            self._change(lambda it: replace(it, not_found=None))
            self._sync()

    def lease(self) -> bool:
        if "read" in self._state.outages:
            return False
        was_leader, is_leader = self._state.is_leader, False
        with self._tolerating("lease"):
            is_leader = self._lease()
        self._change(lambda it: replace(it, is_leader=is_leader))
        if is_leader and not was_leader:
            self.sync()  # the previous leader may have just published
            if "read" in self._state.outages:
                return False
        if is_leader:
            self._restore()
        return is_leader

    def release(self) -> None:
        if self._state.is_leader:
            self._change(lambda it: replace(it, is_leader=False))
            with self._tolerating("lease"):
                self._release()

    def _change(self, change: Callable[[State], State]) -> tuple[State, State]:
        """Replace the state; return the old and the new one."""
        with self._changing:
            before, self._state = self._state, change(self._state)
            return before, self._state

    def _sync(self) -> None:
        with self._tolerating("read"):
            before = self._state
            found = self._find(before)
            self._change(lambda it: it.synced(before, found))
            if self._state.request_dirty:
                self._send_request()
            if not self._state.is_leader:  # only the leader reports failed writes
                self._change(lambda it: it.recovered("write"))

    def _find(self, known: State) -> State:
        """Return the state updated from the store."""
        status, version, request = self._poll()
        found, held = replace(known, stored=version), known.snapshot
        if version is not None and (held is None or version > held.version):
            data = self._read(version)
            if data is not None:
                snapshot = self._decode(version, data, held)
                found = replace(found, snapshot=snapshot, stored=snapshot.version)
        if not known.request_dirty:
            found = replace(found, request=request)
        if not (known.is_leader and known.status_dirty):
            found = replace(found, status_dirty=False)
            with contextlib.suppress(ValueError):  # none yet, or from another release
                found = replace(found, status=STATUS.validate_json(status))
        return found

    def _restore(self) -> None:
        """Write whatever the store lacks."""
        held = self._state.snapshot
        if held is not None and self._state.needs_republish:
            data = codec.encode(held, self._tables)
            with self._tolerating("write"):
                if self._write(held.version, data, held.version):
                    self._change(lambda it: replace(it, stored=held.version))
                    logger.info(
                        "version %s was missing from the store and has been restored", held.version
                    )
        if self._state.status_dirty:
            self._send_status()

    def _send_status(self) -> None:
        status = self._state.status
        with self._tolerating("write"):
            self._write_status(STATUS.dump_json(status))
            self._change(lambda it: replace(it, status_dirty=it.status is not status))

    def _send_request(self) -> None:
        request = self._state.request
        with self._tolerating("write"):
            self._write_request(request)
            self._change(lambda it: it.request_sent(request))

    def _decode(self, version: int, data: bytes, held: Snapshot | None) -> Snapshot:
        """Return the stored snapshot; if it is unusable, the one in memory, marked as faulty."""
        try:
            snapshot = codec.decode(data, self._tables)
            if snapshot and snapshot.version < version:
                raise ValueError(f"it holds version {snapshot.version}")
        except ValueError as error:
            logger.error("version %s in the store is damaged and set aside: %s", version, error)
            return _faulty(version, held, "damaged")
        if snapshot is None:
            text = "version %s in the store is set aside: it was made by another release"
            logger.error(text, version)
            return _faulty(version, held, "from another release of this dashboard")
        return snapshot

    @contextlib.contextmanager
    def _tolerating(self, what: str) -> Iterator[None]:
        """Record an outage, and continue."""
        with contextlib.suppress(*self.UNREACHABLE), self._recording(what):
            yield

    @contextlib.contextmanager
    def _recording(self, what: str) -> Iterator[None]:
        """Record a failing access, log it once, and log when everything works again."""
        try:
            yield
        except self.UNREACHABLE as error:
            text = f"the store cannot be reached: {describe(error)}"
            outage = Outage(text, uuid4().hex[:8], now_utc())
            before, _ = self._change(lambda it: it.failed(what, outage))
            known = before.outages
            if what not in known and text not in {it.error for it in known.values()}:
                logger.error(text, extra={"incident": outage.incident})
            raise
        before, after = self._change(lambda it: it.recovered(what))
        if before.outages and not after.outages:
            logger.info("the store is back")

    @abstractmethod
    def _poll(self) -> tuple[bytes, int | None, str]:
        """Return the status, the newest version, and the id of the open request, or ""."""

    @abstractmethod
    def _read(self, version: int) -> bytes | None:
        """Return the bytes of this version or a newer one, or None if it was just removed."""

    @abstractmethod
    def _write(self, version: int, data: bytes, over: int | None) -> bool:
        """Store a snapshot atomically. Return False if the store has one newer than `over`."""

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


def _faulty(version: int, held: Snapshot | None, why: str) -> Snapshot:
    """Return the snapshot in memory with the faulty version, so that it gets replaced."""
    fault = f"The newest stored data are {why}; the next refresh replaces them."
    held = held or Snapshot(version, EPOCH, now_utc(), {})
    return replace(held, version=version, due=EPOCH, fault=fault)
