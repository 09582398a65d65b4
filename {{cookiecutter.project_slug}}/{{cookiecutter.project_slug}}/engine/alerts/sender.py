"""Sends the messages for one service, one at a time."""

import logging
from collections.abc import Callable, Sequence
from threading import Event
from uuid import uuid4

from . import outbox
from .changes import Change
from .messages import Message
from .outbox import State
from .record import Lost, Record
from .services import Service

logger = logging.getLogger(__name__)

IDLE = 1.0  # seconds between checks of the outbox
LONGEST = 300.0  # seconds between attempts, at most


class Sender:
    """Marks each message in the record before sending it, so that no other process sends it."""

    def __init__(
        self,
        number: int,
        service: Service,
        record: Record,
        compose: Callable[[Sequence[Change]], Message],
        stopped: Event,
    ) -> None:
        self._number, self._service, self._record = number, service, record
        self._compose, self._stopped = compose, stopped
        self._failures, self._incident = 0, ""

    def run(self) -> None:
        """Send messages until stopped."""
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                pause = self.step()
            except Exception:  # a bug must not end the loop
                logger.exception("unexpected error in alerts, continuing")
                pause = LONGEST

    def step(self) -> float:
        """Send the next message, if any; return how many seconds to pause."""
        try:
            marked = self._record.change(lambda it: outbox.marked(it, self._number))
        except (Lost, OSError):  # `watch` logs it
            return IDLE
        changes = marked.boxes[self._number].sending
        if not changes:
            return IDLE
        reason = self._service.send(self._compose(changes))
        pause = self._failed(reason) if reason else self._worked()
        self._settle(outbox.put_back if reason else outbox.sent)
        return pause

    def _failed(self, reason: str) -> float:
        pause = min(2.0**self._failures, LONGEST)
        self._failures = min(self._failures + 1, 16)
        if not self._incident:
            self._incident = uuid4().hex[:8]
            text = "%s rejects messages, which will be retried: %s"
            logger.error(text, self._service.name, reason, extra={"incident": self._incident})
        return pause

    def _worked(self) -> float:
        if self._incident:
            text = "%s accepts messages again"
            logger.info(text, self._service.name, extra={"incident": self._incident})
        self._failures, self._incident = 0, ""
        return 0.0

    def _settle(self, change: Callable[[State, int], State]) -> None:
        """Record the outcome, retrying for as long as the store is unreachable."""
        while True:
            try:
                self._record.change(lambda it: change(it, self._number))
            except OSError:
                if not self._stopped.wait(IDLE):
                    continue
            except Lost:  # the new owner does not send it again
                pass
            return
