"""Watches the data alongside the schedule, and runs the senders."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from threading import Event, Thread

from ..data.access import Data
from ..data.snapshot import now_utc
from ..data.store import Store
from ..diagnostics.errors import describe
from ..settings import AnySettings
from . import messages, outbox
from .changes import Condition, due
from .conditions import Conditions, OfSeries, of_engine
from .outbox import State
from .record import Lost, Record
from .sender import Sender
from .services import Service

logger = logging.getLogger(__name__)

TICK = 1.0  # seconds
PATIENCE = 5.0  # seconds that stopping waits for a message being sent


class Watch:
    """Queues each change once, in one of the processes that share a store.

    It runs in its own threads, so it never delays a refresh and notices when refreshes stop.
    """

    def __init__(
        self,
        settings: AnySettings,
        store: Store,
        record: Record,
        data: Data,
        conditions: Conditions,
        services: Sequence[Service],
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._series = OfSeries(conditions, data, store)
        self._record, self._stopped, self._failure = record, Event(), ""
        compose = partial(messages.compose, settings)
        self.senders = [
            Sender(number, it, record, compose, self._stopped) for number, it in enumerate(services)
        ]
        runs = [self._run, self._renew, *(it.run for it in self.senders)]
        self._threads = [Thread(target=it, name="alerts", daemon=True) for it in runs]

    def start(self) -> None:
        """Start the background threads."""
        for it in self._threads:
            it.start()

    def stop(self) -> None:
        """Stop the threads, waiting briefly for a message that is being sent."""
        self._stopped.set()
        end = time.monotonic() + PATIENCE
        for it in self._threads:
            if it.is_alive():
                it.join(max(end - time.monotonic(), 0))
        if not any(it.is_alive() for it in self._threads):
            with suppress(Lost, OSError):
                self._record.release()

    def tick(self) -> None:
        """Queue what has changed, if this process owns the record."""
        failure = ""
        try:
            if self._record.hold():
                found = self._find(self._record.state)
                self._record.change(lambda it: self._updated(it, found))
        except Lost:
            pass
        except OSError as error:
            failure = describe(error)
            if failure != self._failure:
                text = "alerts are on hold, because their record is unavailable: %s"
                logger.error(text, failure)
        except Exception as error:  # a bug must not end the loop
            failure = describe(error)
            if failure != self._failure:
                logger.exception("unexpected error in alerts, continuing")
        self._failure = failure

    def _find(self, state: State) -> dict[str, Condition]:
        """Return the condition of everything watched."""
        watched = {*state.reported, *(it.partition(" ")[2] for it in state.pending)}
        own = of_engine(self._settings, self._store, self._clock())
        return own | self._series.find(watched)

    def _updated(self, state: State, found: Mapping[str, Condition]) -> State:
        """Return the state with all due changes queued."""
        lasting = self._settings.alerts.lasting
        reported, pending, new = due(state.reported, state.pending, found, self._clock(), lasting)
        if dropped := sum(max(len(it.waiting) + len(new) - outbox.LIMIT, 0) for it in state.boxes):
            logger.error("%d alerts were dropped, because too many were queued", dropped)
        return outbox.queued(replace(state, reported=reported, pending=pending), new)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.tick()
            self._stopped.wait(TICK)

    def _renew(self) -> None:
        """Send heartbeats even while the user's conditions take long."""
        while not self._stopped.wait(TICK):
            with suppress(Exception):  # `tick` logs it
                self._record.renew()
