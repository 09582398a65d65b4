import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Event, Thread, current_thread

import pandas as pd
import pytest
import toy
from helpers import changed, wait_until

from {{cookiecutter.project_slug}}.engine import Pipeline, Snapshot, Status
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.store import Store, open_store
from {{cookiecutter.project_slug}}.engine.refresh import listeners
from {{cookiecutter.project_slug}}.engine.refresh.executors import ThreadExecutor
from {{cookiecutter.project_slug}}.engine.refresh.listeners import Listeners
from {{cookiecutter.project_slug}}.engine.refresh.scheduler import Scheduler

Heard = list[tuple[Status, Snapshot | None]]
Listener = Callable[[Status, Snapshot | None], None]


def remembering(heard: Heard) -> Listener:
    return lambda status, snapshot: heard.append((status, snapshot))


@contextmanager
def refreshing(
    settings: toy.Settings,
    *called: Listener,
    store: Store | None = None,
    it: Pipeline = toy.DASHBOARD.pipeline,
    is_leader: bool = True,
) -> Iterator[Store]:
    """Refresh often, with some listeners."""
    short = timedelta(seconds=0.1)
    often = changed(settings, "refresh", every=short, retry_at_most=short)
    store = store or MemoryStore()
    running = Scheduler(often, store, it, ThreadExecutor(), called, is_leader=is_leader)
    running.start()
    try:
        yield store
    finally:
        running.stop()


def test_a_listener_is_called_with_status_and_snapshot_after_each_refresh(
    settings: toy.Settings,
) -> None:
    heard: Heard = []
    with refreshing(settings, remembering(heard)):
        wait_until(lambda: len(heard) > 3)
    versions = []
    for status, snapshot in heard:
        assert snapshot is not None and status.refreshed and not status.error
        assert len(snapshot.tables["readings"]) >= 2
        assert status.refreshed >= snapshot.created
        versions.append(snapshot.version)
    assert versions == sorted(set(versions))


def test_a_listener_is_called_from_the_first_failure_on(settings: toy.Settings) -> None:
    heard: Heard = []
    with refreshing(settings, remembering(heard), it=FAILING):
        wait_until(lambda: len(heard) > 6)
    assert [it.failed_in_a_row for it, _ in heard[:6]] == [1, 2, 3, 4, 5, 6]
    assert all(it.error == "OSError: the source is away" for it, _ in heard)
    assert all(snapshot is None for _, snapshot in heard), "there has been no snapshot yet"


def fail(*_: object) -> dict[str, pd.DataFrame]:
    raise OSError("the source is away")


FAILING = Pipeline(read=fail, clean=toy.clean, tables=toy.TABLES)


def test_the_fifth_failure_is_seen_once_in_each_run_of_failures(settings: toy.Settings) -> None:
    """A listener that sends e-mail relies on this."""
    sent, reads = [], []

    def read(_source: toy.Source, since: datetime) -> dict[str, pd.DataFrame]:
        reads.append(since)
        if len(reads) != 8:  # seven failures, a success, then failures again
            raise OSError("the source is away")
        return toy.read(toy.Source(), since)

    def after_refresh(status: Status, _snapshot: Snapshot | None) -> None:
        if status.failed_in_a_row == 5:
            sent.append(len(status.failures))

    it = Pipeline(read=read, clean=toy.clean, tables=toy.TABLES)
    with refreshing(settings, after_refresh, it=it):
        wait_until(lambda: len(reads) > 15 and len(sent) > 1)
    assert sent == [5, 12], "once in each run of failures"


def test_an_error_in_a_listener_is_logged_and_does_no_harm(
    settings: toy.Settings, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_status: Status, _snapshot: Snapshot | None) -> None:
        raise SystemExit("no mail server")

    heard: Heard = []
    said = f"the listener {fails.__qualname__} failed"
    with (
        caplog.at_level(logging.ERROR),
        refreshing(settings, fails, remembering(heard)) as store,
    ):
        wait_until(lambda: len(heard) > 3 and caplog.messages.count(said) > 2)
        assert not store.status().error
    assert caplog.messages.count(said) > 2, "it is called again after an error"
    assert "SystemExit: no mail server" in caplog.text


def test_the_log_names_a_listener_that_is_not_a_function(caplog: pytest.LogCaptureFixture) -> None:
    listener = partial(divmod, 1)  # which takes no third argument
    Listeners([listener]).notify(Status(), None)
    wait_until(lambda: f"the listener {listener!r} failed" in caplog.messages)


def test_a_slow_listener_delays_neither_refreshes_nor_others(
    settings: toy.Settings,
) -> None:
    started, release, heard = Event(), Event(), Heard()

    def slow(_status: Status, _snapshot: Snapshot | None) -> None:
        started.set()
        release.wait(60)

    try:
        with refreshing(settings, slow, remembering(heard)):
            wait_until(started.is_set)
            before = len(heard)
            wait_until(lambda: len(heard) > before + 3)
    finally:
        release.set()


def test_a_listener_that_lags_too_far_behind_misses_the_oldest_refreshes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, release, heard = Event(), Event(), Heard()

    def slow(status: Status, snapshot: Snapshot | None) -> None:
        started.set()
        release.wait(60)
        heard.append((status, snapshot))

    calls = Listeners([slow])
    calls.notify(Status(failed_in_a_row=0), None)
    assert started.wait(20)
    for number in range(1, listeners.MAX_LAG + 3):
        calls.notify(Status(failed_in_a_row=number), None)
    release.set()
    wait_until(lambda: len(heard) == listeners.MAX_LAG + 1)
    assert [it.failed_in_a_row for it, _ in heard[:3]] == [0, 3, 4]
    assert caplog.messages == [f"{slow.__qualname__} is too slow: it misses a refresh"] * 2


def test_a_listener_that_catches_up_at_the_last_moment_misses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Queue, "full", lambda _: True)  # and empty when it is looked at next
    heard: Heard = []
    Listeners([remembering(heard)]).notify(Status(), None)
    wait_until(lambda: heard == [(Status(), None)])


def test_calls_to_a_listener_do_not_overlap() -> None:
    threads, done = set[Thread](), Heard()

    def listener(status: Status, snapshot: Snapshot | None) -> None:
        threads.add(current_thread())
        done.append((status, snapshot))

    calls = Listeners([listener])
    for number in range(10):
        calls.notify(Status(failed_in_a_row=number), None)
    wait_until(lambda: len(done) == 10)
    assert [it.failed_in_a_row for it, _ in done] == [*range(10)]
    (thread,) = threads
    assert thread.name == "listener" and thread.daemon, "it does not hold up the end of the process"


def test_only_the_leader_calls_its_listeners(settings: toy.Settings, tmp_path: Path) -> None:
    url = (tmp_path / "store").as_uri()
    stores = [open_store(url, toy.NAME, toy.TABLES) for _ in range(3)]
    heard: list[Heard] = [[], [], []]
    called = [remembering(it) for it in heard]
    with (
        refreshing(settings, called[0], store=stores[0]),
        refreshing(settings, called[2], store=stores[2], is_leader=False),
    ):
        wait_until(lambda: heard[0])
        with refreshing(settings, called[1], store=stores[1]):
            wait_until(stores[1].latest)
            before = len(heard[0])
            wait_until(lambda: len(heard[0]) > before + 2)
    assert not heard[1] and not heard[2]


def test_a_dashboard_calls_its_own_listeners(settings: toy.Settings) -> None:
    heard: Heard = []
    dashboard = replace(toy.DASHBOARD, listeners=[remembering(heard)])
    _, schedule = dashboard.build(settings, toy.create_app)
    schedule.start()
    try:
        wait_until(lambda: heard)
    finally:
        schedule.stop()
