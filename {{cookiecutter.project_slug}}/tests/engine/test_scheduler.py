import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import time_machine
import toy
from helpers import fetched, first, wait_until

from {{cookiecutter.project_slug}}.engine.data import freshness
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot, now_utc
from {{cookiecutter.project_slug}}.engine.data.status import Outcome
from {{cookiecutter.project_slug}}.engine.data.store import Store, open_store
from {{cookiecutter.project_slug}}.engine.refresh import outcomes, pipeline
from {{cookiecutter.project_slug}}.engine.refresh.executors import ThreadExecutor
from {{cookiecutter.project_slug}}.engine.refresh.pipeline import Pipeline
from {{cookiecutter.project_slug}}.engine.refresh.scheduler import Scheduler
from {{cookiecutter.project_slug}}.engine.settings import App, Refresh

HOUR = timedelta(hours=1)


READS = count()


def rows() -> dict[str, pd.DataFrame]:
    """Return a row with a new value each time."""
    time = pd.to_datetime(["2024-01-01T00:00Z"])
    return {"readings": pd.DataFrame({"time": time, "series": "a", "value": float(next(READS))})}


class Source:
    """The source of the schedule; a test may replace its `read`."""

    def __init__(self) -> None:
        self.read: Callable[..., Any] = lambda *_: rows()


SOURCE = Source()
PIPELINE = Pipeline(read=lambda *args: SOURCE.read(*args), clean=toy.clean, tables=toy.TABLES)


class Inline(Executor):
    """Runs calls immediately, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class Simulation(MemoryStore):
    """A store and schedule with a simulated clock; records when it published."""

    def __init__(
        self, settings: toy.Settings, start: str, executor: Executor | None = None
    ) -> None:
        super().__init__()
        self.now = datetime.fromisoformat(start).astimezone(UTC)
        self.seconds = 0.0
        self.published: list[datetime] = []
        self.schedule = Scheduler(
            settings,
            self,
            PIPELINE,
            executor or Inline(),
            clock=lambda: self.now,
            monotonic=lambda: self.seconds,
        )

    def publish(self, snapshot: Snapshot, over: int | None = None) -> bool:
        self.published.append(self.now)
        return super().publish(snapshot, over)

    def run(self, duration: timedelta, step: timedelta = timedelta(seconds=1)) -> int:
        """Advance the clock with a tick per step; return how often it published."""
        before = len(self.published)
        for _ in range(duration // step):
            self.tick()
            self.now += step
            self.seconds += step.total_seconds()
        return len(self.published) - before

    def tick(self) -> None:
        """Do what is due; a refresh whose rows have been read ends in the same tick."""
        it = self.schedule
        it.tick()
        if it._running and it._fetching and it._fetching.done():
            wait([it._running], 60)  # on a busy machine, validating takes longer than a tick waits
            it.tick()


@pytest.fixture(autouse=True)
def source() -> Iterator[Source]:
    SOURCE.read = lambda *_: rows()
    yield SOURCE


def file_store(folder: Path) -> Store:
    return open_store((folder / "store").as_uri(), toy.NAME, toy.TABLES)


def configured(settings: toy.Settings, zone: str = "UTC", **refresh: Any) -> toy.Settings:
    changes = {"app": App(timezone=ZoneInfo(zone)), "refresh": Refresh(**refresh)}
    return settings.model_copy(update=changes)


def test_the_first_refresh_is_immediate_then_one_per_period(settings: toy.Settings) -> None:
    simulation = Simulation(configured(settings, every="2s"), "2026-01-01T00:00:01Z")
    assert simulation.run(timedelta(seconds=1)) == 1
    assert simulation.run(timedelta(minutes=1)) == 30


@pytest.mark.parametrize("jump", [-HOUR, HOUR, timedelta(days=-400), timedelta(days=400)])
@pytest.mark.parametrize("every", ["2s", "1m", "1h"])
def test_setting_the_clock_neither_stops_nor_doubles_refreshes(
    every: str, jump: timedelta, settings: toy.Settings
) -> None:
    changed = configured(settings, every=every)
    simulation = Simulation(changed, "2026-01-01T00:00Z")
    periods = 20 * changed.refresh.every
    step = changed.refresh.every / 4
    simulation.run(periods, step)
    simulation.now += jump
    assert 19 <= simulation.run(periods, step) <= 21


@pytest.mark.parametrize("at", ["00:00", "01:30", "02:30", "03:00", "06:00"])
@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24"])
def test_a_daily_refresh_runs_once_a_day_around_daylight_saving(
    day: str, at: str, settings: toy.Settings
) -> None:
    zone = ZoneInfo("Europe/Copenhagen")
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=zone)
    simulation = Simulation(configured(settings, zone.key, daily_at=[at]), noon.isoformat())
    third_noon = (noon + timedelta(days=3)).astimezone(UTC)  # 71, 72 or 73 hours later
    simulation.run(third_noon - simulation.now, timedelta(seconds=30))
    _first, *daily = [time.astimezone(zone) for time in simulation.published]
    assert len(daily) == 3
    assert len({time.date() for time in daily}) == 3
    skipped = at == "02:30" and day == "2026-03-28"
    assert sum(f"{time:%H:%M}" == at for time in daily) == (2 if skipped else 3)


def test_setting_the_clock_back_does_not_repeat_a_daily_refresh(settings: toy.Settings) -> None:
    simulation = Simulation(configured(settings, daily_at=["06:00"]), "2026-01-01T05:59Z")
    assert simulation.run(timedelta(minutes=2)) == 2
    simulation.now -= timedelta(minutes=30)
    assert simulation.run(timedelta(hours=24)) == 0
    assert simulation.run(timedelta(hours=1)) == 1


def test_a_cron_refresh_runs_in_working_hours_only_and_is_made_up_for(
    settings: toy.Settings, source: Source
) -> None:
    chosen = configured(settings, "Europe/Oslo", cron="*/30 8-17 * * mon-fri")
    simulation = Simulation(chosen, "2026-03-27T17:50+01:00")  # a Friday
    step, fine = timedelta(minutes=1), source.read
    assert simulation.run(timedelta(minutes=30), step) == 1, "at once"
    assert simulation.run(timedelta(hours=60), step) == 0, "until Monday, an hour earlier"
    assert simulation.status().next_due == datetime(2026, 3, 30, 6, tzinfo=UTC)
    simulation.now -= timedelta(minutes=40)
    assert simulation.run(timedelta(hours=2), step) == 2, "the clock was set back"
    simulation.request_refresh()
    simulation.run(timedelta(minutes=5), step)
    source.read = lambda *_: None
    simulation.run(timedelta(minutes=40), step)
    assert simulation.status().error
    source.read = fine
    assert simulation.run(timedelta(minutes=2), step) == 1, "it is retried at once"
    assert simulation.run(timedelta(hours=24), step) == 20


def test_failures_are_retried_with_growing_pauses_and_keep_the_data(
    settings: toy.Settings, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    tries = []

    def fail(*_: object) -> dict[str, pd.DataFrame]:
        tries.append(simulation.seconds)
        raise SystemExit("the source is gone")

    simulation = Simulation(configured(settings, every="2s"), "2026-01-01T00:00Z")
    simulation.run(timedelta(seconds=2))
    good = simulation.latest()
    source.read = fail
    assert simulation.run(timedelta(minutes=5)) == 0
    pauses = [later - sooner for sooner, later in pairwise(tries)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert simulation.latest() is good
    status = simulation.status()
    assert status.error == "SystemExit: the source is gone"
    assert status.failing_since == datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert status.next_due == status.failures[-1].ended + timedelta(minutes=1)
    assert "in fail" in caplog.text
    errors = [it for it in caplog.records if it.levelno == logging.ERROR]
    assert errors[0].getMessage() == "refresh failed, retrying in 0:00:01"
    assert {vars(it).get("incident") for it in errors} == {status.incident}
    assert re.fullmatch("[0-9a-f]{8}", status.incident), "a viewer may have to read it out"
    source.read = lambda *_: rows()
    assert simulation.run(timedelta(minutes=2)) > 25
    assert simulation.status().error == ""


def test_a_first_refresh_that_fails_is_retried_after_a_second(
    settings: toy.Settings, source: Source
) -> None:
    source.read = lambda *_: {}["gone"]
    simulation = Simulation(configured(settings, every="1h"), "2026-01-01T00:00Z")
    simulation.run(timedelta(seconds=10))
    ended = [it.ended for it in simulation.status().failures]
    assert [(later - sooner).seconds for sooner, later in pairwise(ended)] == [1, 2, 4]
    assert simulation.status().failed_in_a_row == 4


def test_outcomes_are_shared_by_all_processes(
    settings: toy.Settings, source: Source, tmp_path: Path
) -> None:
    changed = configured(settings, every="1s")
    stores = [file_store(tmp_path) for _ in range(2)]
    one, other = (Scheduler(changed, store, PIPELINE, Inline()) for store in stores)

    def refresh(schedule: Scheduler, store: Store, error: str = "") -> None:
        def outcomes() -> list[Outcome]:
            return [*store.status().changes, *store.status().failures]

        store.sync()  # what the other process has reported does not count
        before = len(outcomes())
        store.request_refresh()
        wait_until(lambda: schedule.tick() or len(outcomes()) > before)
        newest = max(outcomes(), key=lambda it: it.ended)
        assert (newest.rows, newest.error) == ((0, error) if error else (1, ""))

    refresh(one, stores[0])
    right = source.read
    source.read = lambda *_: {}["gone"]
    refresh(one, stores[0], "KeyError: 'gone'")
    one.stop()
    source.read = right
    refresh(other, stores[1])
    status = stores[1].status()
    assert len(status.changes) == 2
    assert [it.error for it in status.failures] == ["KeyError: 'gone'"]
    other.stop()


def test_only_the_newest_outcomes_are_remembered(settings: toy.Settings) -> None:
    simulation = Simulation(configured(settings, every="1s"), "2026-01-01T00:00:01Z")
    simulation.run(timedelta(minutes=2))
    ended = [it.ended for it in simulation.status().changes]
    assert len(ended) == outcomes.MAX_OUTCOMES
    assert ended == simulation.published[-outcomes.MAX_OUTCOMES :]


def test_a_requested_refresh_that_failed_is_retried(settings: toy.Settings, source: Source) -> None:
    simulation = Simulation(configured(settings, daily_at=["06:00"]), "2026-01-01T12:00Z")
    simulation.run(timedelta(minutes=1))
    right = source.read
    source.read = lambda *_: None
    simulation.request_refresh()
    assert simulation.run(timedelta(seconds=1)) == 0
    assert simulation.status().error
    source.read = right
    assert simulation.run(timedelta(minutes=1)) == 1
    assert simulation.status().error == ""


def test_requested_refreshes_run_at_most_once_a_second(settings: toy.Settings) -> None:
    simulation = Simulation(configured(settings, daily_at=["06:00"]), "2026-01-01T12:00Z")
    assert simulation.run(timedelta(minutes=1)) == 1
    for _ in range(50):
        simulation.request_refresh()
        simulation.run(timedelta(seconds=0.1), timedelta(seconds=0.1))
    assert simulation.run(timedelta(minutes=1)) <= 1
    assert 5 <= len(simulation.published) - 1 <= 6


@pytest.mark.parametrize("shared", [False, True])
def test_a_request_or_stop_ends_the_wait_for_the_next_refresh(
    shared: bool, settings: toy.Settings, tmp_path: Path
) -> None:
    store = file_store(tmp_path) if shared else MemoryStore()
    store.POLL = 3600
    running = Scheduler(configured(settings, every="1h"), store, PIPELINE, ThreadExecutor())
    running.start()
    try:
        for _ in range(2):
            before = store.latest()
            store.request_refresh()
            wait_until(lambda: store.latest() is not before and not store.refresh_requested())  # noqa: B023
    finally:
        running.stop()
    wait_until(lambda: not running.is_alive())


def test_the_thread_sleeps_no_longer_than_the_store_allows(
    settings: toy.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock may be set back just after the time of the next tick was set."""
    monkeypatch.setattr("schedule.Scheduler.idle_seconds", HOUR.total_seconds())
    store = MemoryStore()
    store.POLL = 0.1
    running = Scheduler(configured(settings, every="1s"), store, PIPELINE, ThreadExecutor())
    running.start()
    try:
        wait_until(lambda: store.latest() is not None)
    finally:
        running.stop()


def test_the_thread_continues_when_the_clock_is_set_back(settings: toy.Settings) -> None:
    store = MemoryStore()
    running = Scheduler(configured(settings, every="1s"), store, PIPELINE, ThreadExecutor())
    running.start()
    try:
        wait_until(lambda: store.latest() is not None)
        for jump in (-HOUR, HOUR):
            with time_machine.travel(datetime.now(UTC) + jump, tick=True):
                for _ in range(2):
                    before = store.latest()
                    wait_until(lambda: store.latest() is not before)  # noqa: B023
    finally:
        running.stop()


def test_refreshes_do_not_overlap_and_a_hung_one_does_not_delay_stopping(
    settings: toy.Settings, source: Source
) -> None:
    started, release = [], threading.Event()

    def hang(*_: object) -> dict[str, pd.DataFrame]:
        started.append(1)
        release.wait(300)
        return rows()

    source.read = hang
    store = MemoryStore()
    running = Scheduler(configured(settings, every="1s"), store, PIPELINE, ThreadExecutor())
    running.start()
    try:
        wait_until(lambda: bool(started))
        for _ in range(3):
            store.request_refresh()
            time.sleep(0.5)  # time for a second refresh to start, if it could
        assert len(started) == 1
        asked = time.monotonic()
        running.stop()
        wait_until(lambda: not running.is_alive())
        assert time.monotonic() - asked < 60, "the source hangs for 300 s"
    finally:
        release.set()


def test_a_hung_refresh_is_reported_and_published_when_it_ends(
    settings: toy.Settings, source: Source
) -> None:
    release = threading.Event()

    def hang(*_: object) -> dict[str, pd.DataFrame]:
        release.wait(60)
        return rows()

    source.read = hang
    store = MemoryStore()
    changed = configured(settings, every="1s", timeout="1s")
    running = Scheduler(changed, store, PIPELINE, ThreadExecutor())
    running.start()
    try:
        wait_until(lambda: store.status().error)
        assert "refresh.timeout" in store.status().error and "process" in store.status().error
        release.set()
        wait_until(lambda: store.latest() and not store.status().error)
    finally:
        release.set()
        running.stop()


def test_an_unstoppable_refresh_is_one_failure_and_blocks_others(
    settings: toy.Settings, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(Inline):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            started.append(fn)
            return reading

    reading: Future[Any] = Future()
    reading.set_running_or_notify_cancel()
    started: list[Any] = []
    changed = configured(settings, every="1m", timeout="1m")
    simulation = Simulation(changed, "2026-01-01T00:00Z", Stuck())
    simulation.run(timedelta(minutes=4), timedelta(minutes=1))
    status = simulation.status()
    assert len(started) == len(status.failures) == status.failed_in_a_row == 1
    assert status.error == (
        "the refresh takes longer than refresh.timeout = 0:01:00 and cannot be stopped: "
        'use refresh.worker = "process"'
    )
    assert status.failures[0].seconds == 120 and status.next_due is None
    (line,) = [it for it in caplog.records if "cannot be stopped" in it.getMessage()]
    assert status.incident and vars(line)["incident"] == status.incident
    reading.set_result(rows())
    wait_until(lambda: simulation.schedule.tick() or simulation.published)
    assert simulation.status().error == ""


def test_when_one_process_hangs_another_takes_over(
    settings: toy.Settings, source: Source, tmp_path: Path
) -> None:
    hung, release = threading.Event(), threading.Event()

    def hang_once(*_: object) -> dict[str, pd.DataFrame]:
        if not hung.is_set():
            hung.set()
            release.wait(60)
        return rows()

    source.read = hang_once
    changed = configured(settings, every="1s", timeout="1s")
    stores = [file_store(tmp_path) for _ in range(2)]
    one, other = (Scheduler(changed, store, PIPELINE, ThreadExecutor()) for store in stores)
    one.start()
    try:
        assert hung.wait(20)
        other.start()
        wait_until(stores[1].latest)
        newest = stores[1].latest()
        release.set()
        wait_until(lambda: stores[0].latest(newest.version if newest else 0))
        wait_until(lambda: stores[0].status().error == "")
    finally:
        release.set()
        one.stop()
        other.stop()


def test_a_process_without_the_lease_reports_no_failure(
    settings: toy.Settings, source: Source, tmp_path: Path
) -> None:
    class Late(Inline):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            return late

    late: Future[Any] = Future()
    changed = configured(settings, every="1s", timeout="1s")
    stores = [file_store(tmp_path) for _ in range(2)]
    one = Scheduler(changed, stores[0], PIPELINE, Late())
    other = Scheduler(changed, stores[1], PIPELINE, Inline())
    late.set_running_or_notify_cancel()  # it cannot be stopped
    wait_until(lambda: one.tick() or stores[0].status().error)
    assert "refresh.timeout" in stores[0].status().error
    wait_until(lambda: other.tick() or stores[1].latest())
    late.set_exception(OSError("too late"))
    one.tick()
    for store in stores:
        store.sync()
        assert store.status().error == ""
    one.stop()
    other.stop()


def test_a_process_without_the_lease_polls_less_and_less_often(settings: toy.Settings) -> None:
    class Counted(MemoryStore):
        POLL = 1.0

        def sync(self) -> None:
            looks.append(time.monotonic())

    looks: list[float] = []
    onlooker = Scheduler(
        configured(settings, every="1h"),
        Counted(),
        PIPELINE,
        ThreadExecutor(),
        clock=lambda: datetime(2026, 1, 1, 0, 30, tzinfo=UTC),  # overdue for half an hour
        is_leader=False,
    )
    onlooker.start()
    try:
        wait_until(lambda: len(looks) > 3)
    finally:
        onlooker.stop()
    assert looks[-1] - looks[1] > 1


def test_an_executor_that_rejects_calls_is_an_ordinary_failure(settings: toy.Settings) -> None:
    class Broken(Inline):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            tries.append(fn)
            raise OSError("no process can be started")

    tries: list[Any] = []
    changed = configured(settings, every="1h")
    simulation = Simulation(changed, "2026-01-01T00:00:01Z", Broken())
    simulation.request_refresh()
    simulation.run(timedelta(minutes=5))
    assert not simulation.refresh_requested() and "no process" in simulation.status().error
    assert 5 < len(tries) < 15


def test_a_slow_refresh_is_cancelled_if_possible_and_retried(settings: toy.Settings) -> None:
    hung: list[Future[Any]] = []

    class Hangs(Inline):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            if hung or fn is not pipeline.fetch:
                return super().submit(fn, *args, **kwargs)
            hung.append(Future())
            return hung[0]

    store = MemoryStore()
    running = Scheduler(configured(settings, every="1s", timeout="1s"), store, PIPELINE, Hangs())
    running.start()
    try:
        wait_until(lambda: store.status().error.startswith("TimeoutError"))
        assert hung[0].cancelled()
        wait_until(lambda: store.latest() and not store.status().error)
    finally:
        running.stop()


def test_a_bug_does_not_end_the_thread(
    settings: toy.Settings, caplog: pytest.LogCaptureFixture
) -> None:
    store, failed, corrected = MemoryStore(), threading.Event(), threading.Event()

    def clock() -> datetime:
        if corrected.is_set():
            return now_utc()
        failed.set()
        raise RuntimeError("a bug")

    changed = configured(settings, every="1s")
    running = Scheduler(changed, store, PIPELINE, ThreadExecutor(), clock=clock)
    with caplog.at_level(logging.ERROR):
        running.start()
        try:
            assert failed.wait(60)
            corrected.set()
            wait_until(lambda: store.latest() is not None)
        finally:
            running.stop()
    assert "the schedule failed and continues" in caplog.messages and "a bug" in caplog.text


@pytest.mark.parametrize("can_load", [True, False])
def test_the_executor_is_first_told_what_to_import(can_load: bool, settings: toy.Settings) -> None:
    """So that the first refresh in another process is quick; it comes in any case."""

    class Noted(ThreadExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            calls.append((fn, *args))
            if fn is pipeline.load and not can_load:
                raise OSError("no process can be started")
            return super().submit(fn, *args, **kwargs)

    calls: list[tuple[Any, ...]] = []
    store = MemoryStore()
    running = Scheduler(configured(settings, every="1h"), store, PIPELINE, Noted())
    running.start()
    try:
        wait_until(store.latest)
    finally:
        running.stop()
    assert calls[0] == (pipeline.load, PIPELINE.read, PIPELINE.clean)
    assert [it[0] for it in calls[1:]] == [pipeline.fetch]


def test_the_thread_sleeps_only_when_there_is_nothing_to_do(settings: toy.Settings) -> None:
    class Noted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(-1 if timeout is None else timeout)
            return super().wait(timeout)

    waits: list[float] = []
    store = MemoryStore(wakeup=Noted())
    running = Scheduler(configured(settings, every="1h"), store, PIPELINE, ThreadExecutor())
    running.start()
    try:
        wait_until(lambda: store.latest() and waits[-1] > 1)
        assert running._thread.daemon, "it does not hold up the end of the process"
    finally:
        running.stop()
    assert waits[0] == 0, "the first refresh is due"
    assert all(0 <= it <= store.POLL for it in waits)


def test_a_process_that_leads_again_counts_failures_anew(
    settings: toy.Settings, source: Source
) -> None:
    class Leased(Simulation):
        def lease(self) -> bool:
            return leased

    source.read = lambda *_: {}["gone"]
    simulation = Leased(configured(settings, every="1h"), "2026-01-01T00:00Z")
    for leased, failures in ((True, 4), (False, 4), (True, 8)):  # noqa: B007
        simulation.run(timedelta(seconds=10))
        assert simulation.status().failed_in_a_row == failures
    ended = [it.ended for it in simulation.status().failures[4:]]
    assert [(later - sooner).seconds for sooner, later in pairwise(ended)] == [1, 2, 4]


@pytest.mark.parametrize("every", ["15m", "1h"])
def test_the_first_data_are_published_as_soon_as_they_are_read(
    every: str, settings: toy.Settings
) -> None:
    store = MemoryStore()
    store.POLL = 3600  # type: ignore[misc]
    running = Scheduler(configured(settings, every=every), store, PIPELINE, ThreadExecutor())
    running.start()
    try:
        wait_until(store.latest)
    finally:
        running.stop()


def test_a_request_during_a_refresh_starts_another_one(settings: toy.Settings) -> None:
    class Slow(Inline):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            return running.setdefault(len(running), Future())

    running: dict[int, Future[Any]] = {}
    simulation = Simulation(configured(settings, every="1h"), "2026-01-01T00:00Z", Slow())
    simulation.schedule.tick()
    simulation.request_refresh()  # the source has changed since the running refresh read it
    running[0].set_result(rows())
    simulation.run(timedelta(seconds=5))
    assert len(running) == 2
    running[1].set_result(rows())
    assert simulation.run(timedelta(seconds=5)) == 1
    assert not simulation.refresh_requested()


def test_a_refresh_without_news_publishes_and_logs_nothing(
    settings: toy.Settings, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    simulation = Simulation(configured(settings, every="2s"), "2026-01-01T00:00Z")
    frozen = rows()
    with caplog.at_level(logging.INFO):
        source.read = lambda *_: {}["gone"]
        simulation.run(timedelta(seconds=1))
        source.read = lambda *_: frozen
        assert simulation.run(timedelta(hours=1), timedelta(seconds=2)) == 1
        assert caplog.text.count("published") == 1
    status = simulation.status()
    assert status.refreshed == simulation.now - timedelta(seconds=2)
    assert len(status.changes) == 1
    assert len(status.failures) == 1, "a failure is not pushed out by what succeeds"
    source.read = lambda *_: rows()
    assert simulation.run(timedelta(seconds=2)) >= 1


def test_the_log_has_a_line_for_each_refresh_that_changed_something(
    settings: toy.Settings, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    """Its fields are numbers in a log of JSON lines, too."""

    def read(*_: object) -> dict[str, pd.DataFrame]:
        simulation.seconds += 1.2346  # as if the source took that long
        return {"readings": pd.concat([data, data]) if twice else data}

    data, twice = rows()["readings"], False
    simulation = Simulation(configured(settings, every="1m"), "2026-01-01T00:00Z")
    source.read = read
    caplog.set_level(logging.INFO)
    wait_until(lambda: simulation.schedule.tick() or len(simulation.published) == 1)
    data, twice = rows()["readings"], True
    simulation.now += timedelta(minutes=1)
    wait_until(lambda: simulation.schedule.tick() or len(simulation.published) == 2)
    lines = [it for it in caplog.records if it.levelno == logging.INFO]
    note, first, second = "1 row identical to a later row", *map(vars, lines)
    assert [it.getMessage() for it in lines] == [
        f"published version={first['version']} rows=1 seconds=1.235",
        f"published version={second['version']} rows=1 seconds=1.235 ({note})",
    ]
    for fields, expected in ((first, ""), (second, note)):
        assert (fields["rows"], fields["seconds"], fields["note"]) == (1, 1.235, expected)
    changes = simulation.status().changes
    assert [it.note for it in changes] == ["", note]
    assert [it.ended for it in changes] == simulation.published
    assert [it.seconds for it in changes] == pytest.approx([1.2346] * 2)


def test_the_pause_ends_when_the_next_refresh_is_due(settings: toy.Settings) -> None:
    """Without a request or another change, there is no tick in between."""

    def pause(due_in: float) -> float:
        simulation.now = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=due_in)
        return simulation.schedule._pause().total_seconds()

    simulation = Simulation(configured(settings, daily_at=["00:00"]), "2025-12-31T12:00Z")
    simulation.POLL = 60.0  # type: ignore[misc]
    simulation.run(timedelta(seconds=5))
    assert pause(0.2) == pytest.approx(0.2)
    assert pause(30) == pytest.approx(30)
    assert pause(3_600) == 60
    # Then it is overdue: another process refreshes, or fails to.
    assert pause(0) == pytest.approx(0.1)
    assert pause(-0.5) == pytest.approx(0.1)
    assert pause(-200) == pytest.approx(20)
    assert pause(-3_600) == 60


def test_stopping_alerts_does_not_delay_the_handover(
    settings: toy.Settings, tmp_path: Path
) -> None:
    class Slow:
        handed_over = False

        def start(self) -> None: ...

        def stop(self) -> None:
            self.handed_over = other.lease()

    one, other = (file_store(tmp_path) for _ in range(2))
    alerts: Any = Slow()
    running = Scheduler(settings, one, PIPELINE, ThreadExecutor(), alerts=alerts)
    assert one.lease() and not other.lease()
    running.stop()
    assert alerts.handed_over
    other.release()


def test_a_store_that_hangs_does_not_hold_up_the_stop(settings: toy.Settings) -> None:
    class Hanging(MemoryStore):
        def sync(self) -> None:
            begun.set()
            release.wait(60)

    begun, release = threading.Event(), threading.Event()
    store = Hanging()
    running = Scheduler(configured(settings), store, PIPELINE, ThreadExecutor())
    running.start()
    try:
        assert begun.wait(60)
        stopping = threading.Thread(target=running.stop)
        stopping.start()
        wait_until(lambda: not stopping.is_alive())
        assert running.is_alive() and not release.is_set()
        release.set()
        wait_until(lambda: not running.is_alive())
    finally:
        release.set()
    assert store.latest() is None


def test_rejected_rows_are_logged_once_and_shown_while_they_exist(
    settings: toy.Settings, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    def read(*_: object) -> dict[str, pd.DataFrame]:
        wrong = pd.DataFrame({"time": [pd.Timestamp("2099-01-01", tz="UTC")], "series": "b"})
        right = rows()["readings"]
        return {"readings": pd.concat([right, wrong.assign(value=1.0)]) if bad else right}

    bad = True
    simulation = Simulation(configured(settings, every="2s"), "2026-01-01T00:00Z")
    source.read = read
    with caplog.at_level(logging.WARNING):
        assert simulation.run(timedelta(minutes=1)) == 30
    (line,) = [it for it in caplog.messages if "set aside" in it]
    example = "time=2099-01-01 00:00:00+00:00, series=b, value=1.0"
    assert line == f"readings: 1 row set aside: time in the future (as in: {example})"
    (rejected,) = simulation.status().rejected
    assert (rejected.count, rejected.reason) == (1, "time in the future")
    bad = False
    simulation.run(timedelta(hours=25), timedelta(minutes=30))
    assert not simulation.status().rejected


def test_rows_replaced_by_another_process_are_published_again(
    settings: toy.Settings, source: Source, tmp_path: Path
) -> None:
    """A reads 1, B reads 2 and publishes it; then A reads 1 again."""
    changed = configured(settings, every="1s")
    stores = [file_store(tmp_path) for _ in range(2)]
    time = pd.to_datetime(["2026-01-01T00:00Z"])

    def refresh(store: Store, value: float) -> None:
        row = pd.DataFrame({"time": time, "series": "a", "value": value})
        source.read = lambda *_: {"readings": row}
        schedule = schedules[stores.index(store)]
        store.request_refresh()
        wait_until(
            lambda: (
                schedule.tick()
                or ((newest := store.latest()) and newest.tables["readings"]["value"].iloc[0])
                == value
            )
        )
        store.release()

    schedules = [Scheduler(changed, store, PIPELINE, Inline()) for store in stores]
    for store, value in ((stores[0], 1.0), (stores[1], 2.0), (stores[0], 1.0)):
        refresh(store, value)


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_a_start_with_a_wrong_clock_erases_nothing_and_is_reported(
    jump: timedelta, settings: toy.Settings, source: Source, tmp_path: Path
) -> None:
    """A board without a battery starts before it gets the time."""

    def read(*_: object) -> dict[str, pd.DataFrame]:
        return {"readings": pd.DataFrame({"time": [now_utc()], "series": "a", "value": 1.0})}

    def run() -> tuple[set[pd.Timestamp], freshness.Freshness]:
        """Start, refresh twice and stop; return the times shown and the state."""
        store = file_store(tmp_path)
        schedule = Scheduler(changed, store, PIPELINE, Inline())
        for _ in range(2):
            before = store.status().refreshed
            store.request_refresh()
            wait_until(lambda: schedule.tick() or store.status().refreshed != before)  # noqa: B023
        found, snapshot = freshness.check(changed, store, now_utc()), store.latest()
        schedule.stop()
        assert snapshot is not None
        return set(snapshot.visible("readings")["time"]), found

    source.read = read
    changed = configured(settings, every="1s", history="30d")
    app = changed.app.model_copy(update={"stale_after": HOUR})  # however busy the machine is
    changed = changed.model_copy(update={"app": app})
    before, state = run()
    assert len(before) == 2 and state.status == "live"
    start = now_utc()
    with time_machine.travel(start + jump, tick=True):
        if jump < timedelta(0):
            opened = file_store(tmp_path)
            assert freshness.check(changed, opened, now_utc()).status == "error"
        during, _ = run()
        assert len(during - before) == 2
    after, state = run()
    assert before < after, "what was stored before is all there"
    assert jump < timedelta(0) or len(after) == 4, "rows of the future are not shown"
    assert state.status == "live"


def test_a_future_row_is_shown_when_its_time_comes(settings: toy.Settings, source: Source) -> None:
    """It is shown although the source does not change."""

    def read(*_: object) -> dict[str, pd.DataFrame]:
        times = pd.to_datetime(["2026-01-01T00:00Z", "2026-01-01T04:00Z"])
        return {"readings": pd.DataFrame({"time": times, "series": "a", "value": 1.0})}

    source.read = read
    simulation = Simulation(configured(settings, every="1m"), "2026-01-01T00:00Z")
    for hours, shown in ((1, 1), (4, 2)):
        simulation.run(timedelta(hours=hours), timedelta(minutes=10))
        snapshot = simulation.latest()
        assert snapshot and len(snapshot.visible("readings")) == shown


def test_rows_that_fail_a_refresh_fail_the_next_one_too(
    settings: toy.Settings, source: Source
) -> None:
    """Rejected rows do not count as known."""
    bad = pd.DataFrame({"time": ["2026-01-01"], "series": "a", "value": "x"})
    simulation = Simulation(configured(settings, every="1m"), "2026-01-01T00:00Z")
    simulation.run(timedelta(seconds=1))
    source.read = lambda *_: {"readings": bad}
    simulation.request_refresh()
    assert simulation.run(timedelta(seconds=10)) == 0
    failures = simulation.status().failures
    assert len(failures) > 2 and all("value is not a number" in it.error for it in failures)


def test_nothing_is_published_without_the_lease(
    settings: toy.Settings, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(Inline):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            return reading

    class Leased(Simulation):
        def lease(self) -> bool:
            return leased

    reading: Future[Any] = Future()
    leased = True
    simulation = Leased(configured(settings, every="1h"), "2026-01-01T00:00Z", Slow())
    simulation.schedule.tick()
    leased = False  # lost while the source was being read
    reading.set_result(rows())
    assert simulation.run(timedelta(seconds=5)) == 0
    assert simulation.latest() is None and not simulation.status().changes
    assert caplog.messages == ["not published: another process was faster"]


def test_an_overtaken_refresh_is_not_reported_as_published(
    settings: toy.Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(Inline):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            return reading

    reading: Future[Any] = Future()
    mine, theirs = file_store(tmp_path), file_store(tmp_path)
    schedule = Scheduler(configured(settings, every="1h"), mine, PIPELINE, Slow())
    schedule.tick()
    newer = first(fetched(settings), settings)
    assert theirs.publish(newer)
    reading.set_result(rows())
    wait_until(lambda: schedule.tick() or "another process was faster" in caplog.text)
    assert not mine.status().changes and mine.status().refreshed is None
    mine.sync()
    latest = mine.latest()
    assert latest and len(latest.tables["readings"]) == len(newer.tables["readings"])
    schedule.stop()


def test_rows_that_have_not_changed_are_not_cleaned_again(
    settings: toy.Settings, source: Source
) -> None:
    class Watched(Inline):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = super().submit(fn, *args, **kwargs)
            cleaned.append(len(future.result()))
            return future

    cleaned: list[int] = []
    mine = rows()
    source.read = lambda *_: mine
    simulation = Simulation(configured(settings, every="1s"), "2026-01-01T00:00Z", Watched())
    simulation.run(timedelta(seconds=5))
    assert cleaned == [1, 0, 0, 0, 0]


def test_known_rows_are_published_again_once_another_process_replaced_them(
    settings: toy.Settings, source: Source
) -> None:
    mine = rows()
    source.read = lambda *_: mine
    simulation = Simulation(configured(settings, every="1s"), "2026-01-01T00:00Z")
    assert simulation.run(timedelta(seconds=5)) == 1
    snapshot = simulation.latest()
    assert snapshot
    tables = {"readings": snapshot.tables["readings"].assign(value=-1.0)}
    simulation.publish(replace(snapshot, version=snapshot.version + 1, tables=tables))
    assert simulation.run(timedelta(seconds=2)) == 1
    latest = simulation.latest()
    assert latest and list(latest.tables["readings"]["value"]) == list(mine["readings"]["value"])


def test_stopping_releases_the_lease_permanently(settings: toy.Settings, tmp_path: Path) -> None:
    """This holds even if the executor fails to shut down or a refresh is running."""

    class Broken(ThreadExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            raise OSError("cannot be shut down")

    reading, release = threading.Event(), threading.Event()

    def hang(*_: object) -> dict[str, pd.DataFrame]:
        reading.set()
        release.wait(60)
        return rows()

    SOURCE.read = hang
    stores = [file_store(tmp_path) for _ in range(2)]
    stopped = Scheduler(configured(settings, every="1s"), stores[0], PIPELINE, Broken())
    stopped.start()
    try:
        assert reading.wait(20)
        assert not stores[1].lease()
        with pytest.raises(OSError, match="cannot be shut down"):
            stopped.stop()
        release.set()
        stopped.tick()
        assert stores[1].lease()
        stores[1].sync()
        assert stores[1].latest() is None, "it was published after the stop"
    finally:
        release.set()
        stores[1].release()
