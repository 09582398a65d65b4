"""The shared record of alerts sent and to be sent; one process owns it at a time."""

import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from threading import Lock
from uuid import uuid4

from pydantic import TypeAdapter

from ..data.documents import Documents
from ..data.snapshot import now_utc
from . import outbox
from .outbox import State

logger = logging.getLogger(__name__)

STATE = TypeAdapter(State)
NAME = "alerts"
BEAT = 3.0  # seconds between the owner's heartbeats
LEASE = 10.0  # seconds without a heartbeat after which another process takes over


class Lost(Exception):
    """This process does not own the record, or no longer does."""


class Record:
    """Changes the record by compare-and-set, so that no process acts on an outdated one.

    Each process measures the time since the owner's last heartbeat with its own clock. Without
    `shared`, there are no heartbeats.
    """

    def __init__(
        self,
        documents: Documents,
        services: int,
        clock: Callable[[], datetime] = now_utc,
        monotonic: Callable[[], float] = time.monotonic,
        shared: bool = True,
    ) -> None:
        self._documents, self._services = documents, services
        self._clock, self._monotonic = clock, monotonic
        self._beat = BEAT if shared else math.inf
        self._me, self._is_owner, self._lock = f"{os.getpid()}-{uuid4().hex[:8]}", False, Lock()
        self._state = State()
        # The record as last found in the store, who owns it, and when that was last confirmed.
        self._data, self._owner, self._since = b"", "", monotonic()

    @property
    def state(self) -> State:
        """The newest state that this process has read or saved."""
        return self._state

    def hold(self) -> bool:
        """Acquire the record unless another process owns it, or renew the ownership.

        Raises OSError if it cannot be read or written.
        """
        self.renew()
        with self._lock:
            return self._is_owner or self._take_over()

    def renew(self) -> None:
        """Save a heartbeat if this process owns the record and one is due. Raises OSError."""
        if self._is_owner and self._monotonic() - self._since >= self._beat:
            with suppress(Lost):
                self.change(lambda it: replace(it, seen=self._clock()))

    def change(self, change: Callable[[State], State]) -> State:
        """Apply a function to the state, save the result, and return it; may call it repeatedly.

        Raises Lost, or OSError, after which the result may or may not have been saved.
        """
        with self._lock:
            while True:
                if not self._is_owner:
                    raise Lost
                after = change(self._state)
                if after == self._state:
                    return after
                if self._save(after):
                    return self._state
                self._read()  # a save that seemed to fail may have succeeded
                self._is_owner = self._owner == self._me

    def release(self) -> None:
        """Give up the record, so that another process can acquire it immediately."""
        if self._is_owner:
            self.change(lambda it: replace(it, owner=""))
            self._is_owner = False

    def _take_over(self) -> bool:
        self._read()
        waits = self._owner not in ("", self._me)
        if waits and self._monotonic() - self._since < LEASE:
            return False
        before = self._state
        after = outbox.taken_over(before, self._me, self._services, self._clock())
        try:
            self._is_owner = self._save(after)
        except OSError:  # it may have been saved even so, and then no other process would log this
            _log_unsure(before)
            raise
        if self._is_owner:
            _log_unsure(before)
        return self._is_owner

    def _save(self, state: State) -> bool:
        after = replace(state, revision=self._state.revision + 1, seen=self._clock())
        data = STATE.dump_json(after)
        if not self._documents.replace_document(NAME, self._data, data):
            return False
        self._state = after
        self._data, self._owner, self._since = data, after.owner, self._monotonic()
        return True

    def _read(self) -> None:
        """Read the stored record, but keep a newer state.

        A store may lose the record or go back in time, as when Redis is killed or restored from a
        backup. The owner then saves the newer state, or else the process that takes over.
        """
        found = self._documents.document(NAME)
        if found == self._data:
            return
        stored = self._parse(found)
        is_newest = stored.revision >= self._state.revision
        has_rival = stored.owner not in ("", self._me)  # even an older record may be in use
        if is_newest:
            self._state = stored
        if is_newest or has_rival:
            self._owner, self._since = stored.owner, self._monotonic()
        self._data = found

    def _parse(self, data: bytes) -> State:
        if not data:
            return State()
        try:
            return STATE.validate_json(data)
        except ValueError:
            if not self._state.revision:
                logger.warning("the record of alerts was damaged and has been reset")
            return State()


def _log_unsure(state: State) -> None:
    for number, box in enumerate(state.boxes):
        for it in box.sending:
            text = "alerts.urls[%d]: a message may not have been sent: %s: %s"
            logger.warning(text, number, it.level, it.text)
