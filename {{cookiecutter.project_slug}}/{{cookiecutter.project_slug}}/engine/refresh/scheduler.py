"""A thread that runs refreshes when they are due, one at a time, and survives any failure."""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import schedule

from ..data.kinds import keep_apart
from ..data.merge import Update, merge
from ..data.snapshot import EPOCH, Snapshot, now_utc
from ..data.status import Outcome, Status
from ..data.store import Store
from ..data.tables import FUTURE, Batch, counted, validate
from ..diagnostics.errors import describe
from ..settings import AnySettings
from . import outcomes, pipeline
from .due_times import due_times, is_due
from .executors import ThreadExecutor
from .listeners import Listener, Listeners
from .pipeline import Frames, Pipeline

if TYPE_CHECKING:
    from ..alerts.watch import Watch

logger = logging.getLogger(__name__)


class Scheduler:
    """Refreshes the data when a refresh is due, and publishes the result.

    Of the processes that share a store, only the leader does so: the one that holds the lease.
    With `is_leader=False`, it never takes the lease.
    """

    def __init__(
        self,
        settings: AnySettings,
        store: Store,
        pipeline: Pipeline,
        executor: Executor,
        listeners: Sequence[Listener] = (),
        clock: Callable[[], datetime] = now_utc,
        monotonic: Callable[[], float] = time.monotonic,
        is_leader: bool = True,
        alerts: "Watch | None" = None,
    ) -> None:
        self._settings, self._store, self._pipeline = settings, store, pipeline
        self._executor, self._validator = executor, ThreadExecutor()
        self._clock, self._monotonic, self._is_leader = clock, monotonic, is_leader
        self._listeners, self._alerts = Listeners(listeners), alerts
        self._fetching: Future[Frames] | None = None
        self._running: Future[Batch] | None = None  # yields the same rows once they are validated
        self._previous: Snapshot | None = None
        self._refresh = self._request = ""  # the ids of this refresh and of the request for it
        self._known = ("", -1)  # the id and version of this process's last success
        self._due = EPOCH
        self._started = self._retry_at = -math.inf
        self._hangs = False
        self._failures = 0
        self._stop, self._leasing = Event(), Lock()
        self._thread = Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> None:
        """Start the background thread, which refreshes immediately."""
        self._thread.start()
        if self._alerts:
            self._alerts.start()

    def stop(self) -> None:
        """Stop refreshing within a second, abandoning a running refresh, and then stop alerts."""
        with self._leasing:
            self._stop.set()
        self._store.wakeup.set()
        if self._thread.is_alive():
            self._thread.join(1)
        try:
            self._executor.shutdown(wait=False)
        finally:
            self._store.release()
            if self._alerts:  # last, because it waits longer for a message that is being sent
                self._alerts.stop()

    def is_alive(self) -> bool:
        """Return whether the background thread is running."""
        return self._thread.is_alive()

    def tick(self) -> None:
        """Start a refresh if one is due and none is running, or publish a finished one."""
        self._store.sync()
        if self._hangs or not self._lease():
            self._failures = 0  # the new leader counts them
        elif self._running is None and self._due_at() <= self._monotonic():
            self._begin()
        if self._running is not None:
            if wait([self._running], timeout=0.5).done:
                ended, self._running, self._hangs = self._running, None, False
                self._publish(ended)
            elif self._monotonic() - self._started > self._settings.refresh.timeout.total_seconds():
                self._give_up()

    def _run(self) -> None:
        if self._is_leader:  # lets a worker process import everything in advance
            with contextlib.suppress(Exception):  # the first refresh reports it
                self._executor.submit(pipeline.load, self._pipeline.read, self._pipeline.clean)
        scheduler = schedule.Scheduler()
        job = scheduler.every().second.do(self.tick)
        job.next_run = datetime.now()
        while not self._stop.is_set():
            try:
                # Not longer than POLL: the clock may have been set back since next_run was set.
                idle = min(max(scheduler.idle_seconds or 0, 0), self._store.POLL)
                woken = self._store.wakeup.wait(idle)
                self._store.wakeup.clear()
                if not self._stop.is_set():
                    scheduler.run_all() if woken else scheduler.run_pending()
                # Set again each time: the library's times are naive and local, so its job would
                # sleep for an extra hour when the clock goes back in autumn. `due_times` uses UTC.
                # Retries and requests also change the time.
                job.next_run = datetime.now() + self._pause()
            except BaseException:  # a bug must not end the loop: pages would stay stale
                logger.exception("the schedule failed and continues")
                self._stop.wait(1)

    def _begin(self) -> None:
        refresh, now = self._settings.refresh, self._clock()
        self._due, _ = self._due_times()
        self._started, self._previous = self._monotonic(), self._store.latest()
        self._refresh, self._request = uuid4().hex, self._store.refresh_requested()
        known, version = self._known
        if self._previous is None or self._previous.version != version:
            known = ""  # the newest snapshot is from another process
        try:
            span = pipeline.span(self._previous, self._pipeline.tables, refresh, now)
            self._fetching = self._executor.submit(
                pipeline.fetch,
                self._pipeline.read,
                self._pipeline.clean,
                self._settings.source,
                span,
                self._refresh,
                known,
            )
            self._running = self._validator.submit(self._validate, self._fetching)
        except Exception as error:  # for example, a process that cannot start
            self._failed(error)

    def _validate(self, fetching: Future[Frames]) -> Batch:
        """Wait for the rows and validate them.

        This does not run in the executor: a schema may have lambdas, which cannot be pickled.
        """
        rules = pipeline.rules(self._settings, self._clock())
        return validate(fetching.result(), self._pipeline.tables, rules)

    def _lease(self) -> bool:
        """Take or renew the lease, but not once `stop` has begun."""
        with self._leasing:
            return self._is_leader and not self._stop.is_set() and self._store.lease()

    def _pause(self) -> timedelta:
        """Return how long to sleep until the next tick."""
        if self._running is not None:
            return timedelta(0)
        wait = self._due_at() - self._monotonic()
        if wait <= 0:  # another process is refreshing: the longer it takes, the less often to poll
            wait = max(0.1, -wait / 10)
        return timedelta(seconds=min(wait, self._store.POLL))

    def _due_times(self) -> tuple[datetime, datetime]:
        return due_times(self._settings.refresh, self._settings.app.timezone, self._clock())

    def _due_at(self) -> float:
        """Return when the next refresh is due (or was, if overdue), by the monotonic clock."""
        if self._store.refresh_requested():
            return self._started + 1
        if self._failures:
            return self._retry_at
        latest, following = self._due_times()
        due = latest if is_due(self._done(), latest, following) else following
        return self._monotonic() + (due - self._clock()).total_seconds()

    def _done(self) -> datetime | None:
        """Return the due time of the last refresh that succeeded."""
        snapshot = self._store.latest()
        if snapshot is None or snapshot.fault:
            return None
        return self._store.status().due or snapshot.due

    def _publish(self, ended: Future[Batch]) -> None:
        try:
            previous, now = self._previous, self._clock()
            tables, refresh = self._pipeline.tables, self._settings.refresh
            batch = keep_apart(ended.result(), previous, tables)
            batch = pipeline.with_zeros(self._pipeline, self._settings, previous, batch, now)
            update = merge(previous, batch, tables, self._due, now, refresh)
            changed = update.snapshot is not previous
            published = self._lease()
            if published and changed:
                over = previous.version if previous else None
                published = self._store.publish(update.snapshot, over)
        except BaseException as error:  # a source may call sys.exit
            self._failed(error)
            return
        self._failures = 0
        if published:
            self._succeeded(update, changed, batch)
            self._store.clear_request(self._request)
        elif changed:
            logger.warning("not published: another process was faster")

    def _succeeded(self, update: Update, changed: bool, batch: Batch) -> None:
        """Report a successful refresh, and log what it changed and rejected."""
        version = update.snapshot.version
        waiting = any(it.reason == FUTURE for it in batch.rejected)  # they become valid with time
        self._known = "" if waiting else self._refresh, version
        before, seconds = self._store.status(), self._monotonic() - self._started
        for it in outcomes.newly_rejected(before, batch):
            text = "%s: %s set aside: %s (as in: %s)"
            logger.warning(text, it.table, counted(it.count), it.reason, it.example)
        outcome = Outcome(self._clock(), seconds, update.rows, note=update.note)
        tables, following = self._pipeline.tables, self._due_times()[1]
        self._report(
            outcomes.succeeded(
                before,
                batch,
                tables,
                outcome,
                changed,
                self._due,
                following,
                update.older,
                pipeline.reads_whole(self._previous, self._settings.refresh),
            )
        )
        if changed:
            facts: dict[str, Any] = {"version": version, "rows": update.rows}
            facts |= {"seconds": round(seconds, 3), "note": update.note}
            line = "published version=%(version)d rows=%(rows)d seconds=%(seconds).3f"
            logger.info(line + " (%(note)s)" * bool(update.note), facts, extra=facts)

    def _give_up(self) -> None:
        """Cancel a refresh that takes too long, or wait for it to end if it cannot be cancelled."""
        assert self._fetching is not None
        text = f"the refresh takes longer than refresh.timeout = {self._settings.refresh.timeout}"
        if self._fetching.cancel():
            self._running = None
            self._failed(TimeoutError(text))
        elif not self._hangs:
            self._hangs = True
            text += ' and cannot be stopped: use refresh.worker = "process"'
            incident = self._incident()
            logger.error(text, extra={"incident": incident})
            self._report_failure(text, incident)
            self._store.clear_request(self._request)
            self._store.release()  # another process may take over

    def _failed(self, error: BaseException) -> None:
        """Log and report a failure; the delay before the next attempt starts at 1 s and doubles."""
        pause = min(timedelta(seconds=2.0**self._failures), self._settings.refresh.retry_at_most)
        self._failures = min(self._failures + 1, 16)
        self._retry_at = self._monotonic() + pause.total_seconds()
        incident = self._incident()
        text = "refresh failed, retrying in %s"
        logger.error(text, pause, exc_info=error, extra={"incident": incident})
        self._report_failure(describe(error), incident, self._clock() + pause)
        self._store.clear_request(self._request)

    def _incident(self) -> str:
        """Return the id that marks failures in the log until a refresh succeeds."""
        return self._store.status().incident or uuid4().hex[:8]

    def _report_failure(self, error: str, incident: str, next_due: datetime | None = None) -> None:
        if not self._lease():
            return  # the new leader reports
        outcome = Outcome(self._clock(), self._monotonic() - self._started, error=error)
        self._report(outcomes.failed(self._store.status(), outcome, incident, next_due))

    def _report(self, status: Status) -> None:
        self._store.report(status)
        self._listeners.notify(status, self._store.latest())
