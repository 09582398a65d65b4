"""The thread that runs refreshes when they are due, one at a time, and survives any failure."""

import contextlib
import logging
import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import schedule

from . import outcomes, pipeline
from ..data import merge
from ..diagnostics.errors import describe
from ..settings import Settings
from .due_times import is_due, slots
from ..data.merge import Update
from ..data.snapshot import EPOCH, Snapshot, now_utc
from ..data.status import Outcome
from ..data.store import Store
from ..data.tables import Batch, counted

logger = logging.getLogger(__name__)


class Schedule:
    """Has the pipeline run in a worker whenever a refresh is due, and publishes what it gives.

    Of all processes that share a store the one with its lease does so; the others look on. With
    `is_leader` False it never takes the lease.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        worker: Executor,
        clock: Callable[[], datetime] = now_utc,
        monotonic: Callable[[], float] = time.monotonic,
        is_leader: bool = True,
    ) -> None:
        self._settings, self._store, self._worker = settings, store, worker
        self._clock, self._monotonic, self._is_leader = clock, monotonic, is_leader
        self._running: Future[Batch] | None = None
        self._previous: Snapshot | None = None
        self._refresh = self._request = ""  # the ids of this refresh, and of who asked for it
        self._known = ("", -1)  # the last refresh that succeeded here, and the version after it
        self._due = EPOCH
        self._started = self._retry_at = -math.inf
        self._hangs = False
        self._failures = 0
        self._stop = Event()
        self._thread = Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> None:
        """Start the background thread; the first refresh comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread within a second; a refresh that still runs is left behind."""
        self._stop.set()
        self._store.wakeup.set()
        if self._thread.is_alive():
            self._thread.join(1)
        self._worker.shutdown(wait=False)
        self._store.release()

    def is_alive(self) -> bool:
        """Whether the background thread runs."""
        return self._thread.is_alive()

    def tick(self) -> None:
        """Start a refresh if one is wanted and none runs, or take in the one that has ended."""
        self._store.sync()
        is_leader = self._is_leader and not self._hangs and self._store.lease()
        if not is_leader:
            self._failures = 0  # whoever is_leader has them now
        elif self._running is None and self._wanted_in() <= 0:
            self._begin()
        if self._running is not None:
            if wait([self._running], timeout=0.5).done:
                ended, self._running, self._hangs = self._running, None, False
                self._take_in(ended)
            elif self._monotonic() - self._started > self._settings.refresh.timeout.total_seconds():
                self._give_up()

    def _run(self) -> None:
        if self._is_leader:  # so that whoever takes over is ready to
            with contextlib.suppress(Exception):  # the first refresh will say it
                self._worker.submit(pipeline.load)
        scheduler = schedule.Scheduler()
        job = scheduler.every().second.do(self.tick)
        job.next_run = datetime.now()
        while not self._stop.is_set():
            try:
                wakeup = self._store.wakeup.wait(max(scheduler.idle_seconds or 0, 0))
                self._store.wakeup.clear()
                if not self._stop.is_set():
                    scheduler.run_all() if wakeup else scheduler.run_pending()
                # Set anew each time: the library's times are local and naive, so that its job
                # would sleep through the hour that autumn, or a clock set back, brings twice.
                job.next_run = datetime.now() + self._pause()
            except BaseException:  # no bug may end the loop: pages would grow stale for ever
                logger.exception("the schedule failed and goes on")
                self._stop.wait(1)

    def _begin(self) -> None:
        self._due, _ = self._slots()
        self._started, self._previous = self._monotonic(), self._store.latest()
        self._refresh, self._request = uuid4().hex, self._store.refresh_requested()
        known, version = self._known
        if self._previous is None or self._previous.version != version:
            known = ""  # the newest snapshot is of another process
        try:
            refresh, now = self._settings.refresh, self._clock()
            since = pipeline.read_from(self._previous, refresh, now)
            self._running = self._worker.submit(
                pipeline.fetch, self._settings, since, self._refresh, known
            )
        except Exception as error:  # no process can be started, say
            self._failed(error)

    def _pause(self) -> timedelta:
        if self._running is not None:
            return timedelta(0)
        wait = self._wanted_in()
        if wait <= 0:  # another process is at it: the longer it takes, the rarer are the looks
            wait = max(0.1, -wait / 10)
        return timedelta(seconds=min(wait, self._store.PATIENCE))

    def _slots(self) -> tuple[datetime, datetime]:
        return slots(self._settings.refresh, self._settings.app.timezone, self._clock())

    def _wanted_in(self) -> float:
        """Return in how many seconds a refresh is wanted, or less than none: since when."""
        if self._store.refresh_requested():
            return self._started + 1 - self._monotonic()
        if self._failures:
            return self._retry_at - self._monotonic()
        latest, following = self._slots()
        if is_due(self._done(), latest, following):
            return (latest - self._clock()).total_seconds()
        return (following - self._clock()).total_seconds()

    def _done(self) -> datetime | None:
        """Return the due time of the last refresh that succeeded."""
        snapshot = self._store.latest()
        if snapshot is None or snapshot.fault:
            return None
        return self._store.status().due or snapshot.due

    def _take_in(self, ended: Future[Batch]) -> None:
        try:
            batch, previous, now = ended.result(), self._previous, self._clock()
            update = snapshots.append(previous, batch, self._due, now, self._settings.refresh)
            changed = update.snapshot is not previous
            is_leader = self._store.lease()
            if is_leader and changed:
                is_leader = self._store.publish(update.snapshot, previous.version if previous else None)
        except BaseException as error:  # a source may even call sys.exit
            self._failed(error)
            return
        self._failures = 0
        if is_leader:
            self._succeeded(update, changed, batch)
            self._store.clear_request(self._request)
        elif changed:
            logger.warning("not published: another process was faster")

    def _succeeded(self, update: Update, changed: bool, batch: Batch) -> None:
        """Report a refresh, and log what it changed and what it set aside."""
        self._known = self._refresh, update.snapshot.version
        before, seconds = self._store.status(), self._monotonic() - self._started
        for it in outcomes.newly_rejected(before, batch):
            said = "%s: %s set aside: %s (as in: %s)"
            logger.warning(said, it.table, counted(it.count), it.reason, it.example)
        outcome = Outcome(self._clock(), seconds, update.rows, note=update.note)
        following = self._slots()[1]
        self._store.report(
            outcomes.succeeded(before, batch, outcome, changed, self._due, following)
        )
        if changed:
            facts: dict[str, Any] = {"version": update.snapshot.version, "rows": update.rows}
            facts |= {"seconds": round(seconds, 3), "note": update.note}
            line = "published version=%(version)d rows=%(rows)d seconds=%(seconds).3f"
            logger.info(line + " (%(note)s)" * bool(update.note), facts, extra=facts)

    def _give_up(self) -> None:
        """End a refresh that takes too long; if that cannot be done, no other starts meanwhile."""
        assert self._running is not None
        said = f"the refresh takes longer than refresh.timeout = {self._settings.refresh.timeout}"
        if self._running.cancel():
            self._running = None
            self._failed(TimeoutError(said))
        elif not self._hangs:
            self._hangs = True
            said += ' and cannot be ended: refresh.worker = "process" could'
            incident = self._incident()
            logger.error(said, extra={"incident": incident})
            self._report(said, incident)
            self._store.release()  # another process may go on

    def _failed(self, error: BaseException) -> None:
        """Log and report a failure; the pauses before the next try double from one second on."""
        pause = min(timedelta(seconds=2.0**self._failures), self._settings.refresh.retry_at_most)
        self._failures = min(self._failures + 1, 16)
        self._retry_at = self._monotonic() + pause.total_seconds()
        incident = self._incident()
        said = "refresh failed, next try in %s"
        logger.error(said, pause, exc_info=error, extra={"incident": incident})
        self._report(describe(error), incident, self._clock() + pause)
        self._store.clear_request(self._request)

    def _incident(self) -> str:
        """Return the id that all failures have in the log until a refresh succeeds."""
        return self._store.status().incident or uuid4().hex[:8]

    def _report(self, error: str, incident: str, next_due: datetime | None = None) -> None:
        if not self._store.lease():
            return  # whoever has it by now says how the refreshes go
        outcome = Outcome(self._clock(), self._monotonic() - self._started, error=error)
        self._store.report(outcomes.failed(self._store.status(), outcome, incident, next_due))


if __name__ == "__main__":  # the schedule alone; all is wired in the server's module
    from ..serve.cli import main

    sys.exit(main(["--schedule-only", *sys.argv[1:]]))
