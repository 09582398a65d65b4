"""What stores that several processes share have in common: each holds what it has last seen."""

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from pydantic import TypeAdapter

from . import arrow
from .store import EPOCH, Snapshot, Status, now_utc

logger = logging.getLogger(__name__)

T = TypeVar("T")
JSON = TypeAdapter(Status)


class SharedStore(ABC):
    """Goes on with what it holds while what is behind it is away, and says so."""

    AWAY: tuple[type[Exception], ...] = (OSError,)

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._status = Status()
        self._away: Status | None = None
        self._asked = self._leads = False
        self._looking = Lock()
        self.sync()

    def latest(self, version: int | None = None) -> Snapshot | None:
        if self._lags(version) and not self._away:
            with self._looking:
                if self._lags(version) and not self._away:  # others may have waited here too
                    self._sync()
        return self._snapshot

    def publish(self, snapshot: Snapshot, over: int | None = None) -> bool:
        published = self._write(snapshot.version, arrow.pack(snapshot), over)
        if published:
            self._snapshot = snapshot
        return published

    def status(self) -> Status:
        return self._away or self._status

    def report(self, status: Status) -> None:
        self._status = status
        self._try(lambda: self._write_status(JSON.dump_json(status)))

    def ask(self) -> None:
        self._asked = True
        self._try(lambda: self._write_asked(True))

    def asked(self) -> bool:
        return self._asked

    def answer(self) -> None:
        if self._asked:
            self._asked = False
            self._try(lambda: self._write_asked(False))

    def sync(self) -> None:
        with self._looking:
            self._sync()

    def lease(self) -> bool:
        led, self._leads = self._leads, bool(self._try(self._lease))
        if self._leads and not led:
            self.sync()  # whoever led may just have published
        return self._leads and not self._away

    def close(self) -> None:
        if self._leads:
            self._leads = False
            self._try(self._release)

    def _lags(self, version: int | None) -> bool:
        held = self._snapshot
        return version is not None and (held is None or held.version < version)

    def _sync(self) -> None:
        if self._try(self._take) and self._away:
            logger.info("the store is back")
            self._away = None

    def _take(self) -> bool:
        status, version, self._asked = self._look()
        held = self._snapshot
        if version is not None and (held is None or version != held.version):
            data = self._read(version)
            self._snapshot = self._unpack(version, data) if data else held
        # Only now, as it says when the next version is due: nobody shall wait for that too soon.
        with contextlib.suppress(ValueError):  # none yet, or one of another release
            self._status = JSON.validate_json(status)
        return True

    def _unpack(self, version: int, data: bytes) -> Snapshot:
        try:
            return arrow.unpack(data)
        except ValueError:
            logger.exception("version %s in the store is of no use and will be replaced", version)
            held = self._snapshot or Snapshot(version, EPOCH, now_utc(), {})
            return Snapshot(version, EPOCH, held.created, held.tables)

    def _try(self, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except self.AWAY as error:
            said = f"the store cannot be reached: {type(error).__name__}: {error}"
            if self._away is None:
                logger.error(said)
                self._away = Status(failing_since=now_utc())
            self._away = Status(error=said, failing_since=self._away.failing_since)
            return None

    @abstractmethod
    def _look(self) -> tuple[bytes, int | None, bool]:
        """Return the status, then the newest version, and whether a refresh was asked for."""

    @abstractmethod
    def _read(self, version: int) -> bytes:
        """Return a snapshot of this version or a newer one; nothing if it has just gone."""

    @abstractmethod
    def _write(self, version: int, data: bytes, over: int | None) -> bool:
        """Store a snapshot whole, unless the newest one is neither missing nor `over`."""

    @abstractmethod
    def _write_status(self, data: bytes) -> None: ...

    @abstractmethod
    def _write_asked(self, asked: bool) -> None: ...

    @abstractmethod
    def _lease(self) -> bool:
        """Take or renew the lease."""

    @abstractmethod
    def _release(self) -> None: ...
