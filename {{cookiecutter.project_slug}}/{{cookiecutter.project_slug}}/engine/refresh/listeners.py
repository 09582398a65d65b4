"""Calls the listeners after each refresh."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread

from ..data.snapshot import Snapshot
from ..data.status import Status

logger = logging.getLogger(__name__)

Listener = Callable[[Status, Snapshot | None], None]
MAX_LAG = 100  # refreshes that a slow listener may lag behind


class Listeners:
    """Calls each listener in its own thread, so that a slow or failing one delays no refresh."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._queues = [(it, Queue[tuple[Status, Snapshot | None]](MAX_LAG)) for it in listeners]
        self._started = False

    def notify(self, status: Status, snapshot: Snapshot | None) -> None:
        """Queue a call of each listener; one that lags too far behind misses the oldest refresh."""
        for listener, queue in self._queues:
            if not self._started:
                Thread(target=_run, args=(listener, queue), name="listener", daemon=True).start()
            if queue.full():
                logger.warning("%s is too slow: it misses a refresh", _name(listener))
                with suppress(Empty):  # it has just caught up
                    queue.get_nowait()
            queue.put((status, snapshot))
        self._started = True


def _run(listener: Listener, queue: Queue[tuple[Status, Snapshot | None]]) -> None:
    while True:
        status, snapshot = queue.get()
        try:
            listener(status, snapshot)
        except BaseException:  # whatever happened, call it again after the next refresh
            logger.exception("the listener %s failed", _name(listener))


def _name(listener: Listener) -> str:
    return getattr(listener, "__qualname__", repr(listener))
