"""The base class of stores that several processes share."""

import contextlib
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Event, Lock
from uuid import uuid4

from pydantic import TypeAdapter

from ..diagnostics.errors import describe
from . import codec, segments
from .codec import Parts
from .shared_state import Outage, State
from .snapshot import EPOCH, Snapshot, now_utc
from .status import Status
from .stored import Change, Found, names_of
from .tables import Table

logger = logging.getLogger(__name__)

STATUS = TypeAdapter(Status)
OUTCOMES = {"changes", "failures"}  # rarely change, so they are stored apart from the status


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
        change, parts = self._encode(snapshot, self._state)
        with self._recording("write"):
            published = self._write(change, over)
        if published:
            stored = snapshot.version
            self._change(lambda it: replace(it, snapshot=snapshot, parts=parts, stored=stored))
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
        poll, held = self._poll(), known.snapshot
        found = replace(known, stored=poll.version, outcomes=poll.outcomes)
        if poll.version is not None and (held is None or poll.version > held.version):
            found = self._load(poll.version, found)
        elif held and poll.version == held.version and not names_of(known.parts) <= poll.segments:
            found = replace(found, stored=None)  # another process has removed a damaged one
        if not known.request_dirty:
            found = replace(found, request=poll.request)
        if not (known.is_leader and known.status_dirty):
            found = replace(found, status_dirty=False)
            with contextlib.suppress(ValueError, TypeError):  # none yet, or from another release
                status = json.loads(poll.status) | json.loads(poll.outcomes or b"{}")
                found = replace(found, status=STATUS.validate_python(status))
        return found

    def _restore(self) -> None:
        """Write whatever the store lacks."""
        held = self._state.snapshot
        if held is not None and self._state.needs_republish:
            change, parts = self._encode(held, self._state)
            with self._tolerating("write"):
                if self._write(change, held.version):
                    self._change(lambda it: replace(it, parts=parts, stored=held.version))
                    logger.info(
                        "version %s was missing from the store and has been restored", held.version
                    )
        if self._state.status_dirty:
            self._send_status()

    def _send_status(self) -> None:
        status = self._state.status
        outcomes = STATUS.dump_json(status, include=OUTCOMES)
        with self._tolerating("write"):
            if outcomes != self._state.outcomes:
                self._write_outcomes(outcomes)
                self._change(lambda it: replace(it, outcomes=outcomes))
            self._write_status(STATUS.dump_json(status, exclude=OUTCOMES))
            self._change(lambda it: replace(it, status_dirty=it.status is not status))

    def _send_request(self) -> None:
        request = self._state.request
        with self._tolerating("write"):
            self._write_request(request)
            self._change(lambda it: it.request_sent(request))

    def _encode(self, snapshot: Snapshot, known: State) -> tuple[Change, dict[str, Parts]]:
        """Return what to write, given what the store holds, and the parts of the snapshot."""
        before = {} if known.needs_republish else known.parts
        parts, new = segments.split(snapshot, self._tables, known.snapshot, before)
        manifest = codec.encode(snapshot, self._tables, parts)
        old = names_of(parts) - new.keys()
        return Change(snapshot.version, manifest, new, old, names_of(known.parts)), parts

    def _load(self, version: int, known: State) -> State:
        """Return the state with the stored snapshot.

        If that is unusable, the snapshot is the one in memory, marked as faulty.
        """
        data = self._read(version)
        if data is None:
            return known
        try:
            made = self._decode(version, data, known)
        except ValueError as error:
            if isinstance(error, codec.DamagedSegment):
                if self._poll().version != version:
                    return known  # a newer version has replaced the segment
                with contextlib.suppress(*self.UNREACHABLE):
                    self._discard(error.name)
            logger.error("version %s in the store is damaged and set aside: %s", version, error)
            return _faulty(version, known, "damaged")
        if made is None:
            text = "version %s in the store is set aside: it was made by another release"
            logger.error(text, version)
            return _faulty(version, known, "from another release of this dashboard")
        snapshot, parts = made
        return replace(known, snapshot=snapshot, parts=parts, stored=snapshot.version)

    def _decode(
        self, version: int, data: bytes, known: State
    ) -> tuple[Snapshot, Mapping[str, Parts]] | None:
        """Decode a snapshot, and read the segments that are not in memory."""
        made = codec.decode(data, self._tables)
        if made is None:
            return None
        snapshot, parts = made
        if snapshot.version < version:
            raise ValueError(f"it holds version {snapshot.version}")
        lacking = [it.name for it in segments.lacking(parts, known.parts)]
        new = dict(zip(lacking, self._read_segments(lacking), strict=True)) if lacking else {}
        tables, grown = segments.join(parts, new, known.snapshot, known.parts)
        return replace(snapshot, tables={**snapshot.tables, **tables}, grown=grown), parts

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
    def document(self, name: str) -> bytes:
        """Return a small document, or b"" if there is none. Raises OSError."""

    @abstractmethod
    def replace_document(self, name: str, before: bytes, after: bytes) -> bool:
        """Replace a document if it is still equal to `before`. Raises OSError."""

    @abstractmethod
    def _poll(self) -> Found:
        """Return what the store holds."""

    @abstractmethod
    def _read(self, version: int) -> bytes | None:
        """Return the manifest of this version or a newer one, or None if it was just removed."""

    @abstractmethod
    def _read_segments(self, names: Sequence[str]) -> list[bytes]:
        """Return the segments; b"" for each that is missing."""

    @abstractmethod
    def _write(self, change: Change, over: int | None) -> bool:
        """Store the new segments, then the manifest, and remove segments that nobody needs.

        Return False if the store has a version newer than `over`, or lacks an old segment.
        """

    @abstractmethod
    def _discard(self, name: str) -> None:
        """Remove a damaged segment."""

    @abstractmethod
    def _write_status(self, data: bytes) -> None: ...

    @abstractmethod
    def _write_outcomes(self, data: bytes) -> None: ...

    @abstractmethod
    def _write_request(self, request: str) -> None: ...

    @abstractmethod
    def _write_cleared(self, request: str) -> None: ...

    @abstractmethod
    def _lease(self) -> bool:
        """Take or renew the lease."""

    @abstractmethod
    def _release(self) -> None: ...


def _faulty(version: int, known: State, why: str) -> State:
    """Return the state with the faulty version, so that it gets replaced as a whole."""
    fault = f"The newest stored data are {why}; the next refresh replaces them."
    held = known.snapshot or Snapshot(version, EPOCH, now_utc(), {})
    held = replace(held, version=version, due=EPOCH, fault=fault)
    return replace(known, snapshot=held, parts={}, stored=version)
