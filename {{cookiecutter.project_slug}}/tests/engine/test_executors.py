"""Every kind of worker, with real processes and a real Dask cluster."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import toy
from conftest import free_port, wait_until

from {{cookiecutter.project_slug}}.engine.diagnostics.errors import describe
from {{cookiecutter.project_slug}}.engine.refresh.executors import open_executor
from {{cookiecutter.project_slug}}.engine.settings import Refresh, Settings


@contextmanager
def dask(*command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a part of a Dask cluster."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "--no-dashboard"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},  # for what tests send it
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def cluster(address: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a scheduler, and a worker for it."""
    host, port = address.removeprefix("tcp://").split(":")
    command = ["distributed.cli.dask_scheduler", "--host", host, "--port", port]
    threads = ["--no-nanny", "--nthreads", "2"]
    with (
        dask(*command) as scheduler,
        dask("distributed.cli.dask_worker", address, *threads),
    ):
        yield scheduler


@contextmanager
def working(settings: Settings, **refresh: str) -> Iterator[Executor]:
    worker = open_executor(settings.model_copy(update={"refresh": Refresh(**refresh)}))
    try:
        yield worker
    finally:
        worker.shutdown()


@pytest.fixture(params=["thread", "process", "dask"])
def worker(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Executor]:
    address = f"tcp://127.0.0.1:{free_port()}"
    if request.param != "dask":
        with working(settings, worker=request.param) as worker:
            yield worker
    else:
        with cluster(address), working(settings, worker="dask", scheduler=address) as worker:
            wait_until(lambda: worker.submit(os.getpid).exception(60) is None)
            yield worker


def test_it_reads_and_passes_failures_on(worker: Executor, settings: Settings) -> None:
    tables = worker.submit(toy.fetch, settings).result(60).tables
    assert len(tables["readings"])
    with pytest.raises(ValueError, match="nonsense"):
        worker.submit(int, "nonsense").result(60)
    first, second = (worker.submit(uuid4).result(60) for _ in range(2))
    assert first != second  # the same call twice is two calls


def test_a_process_that_crashes_is_one_failure_and_no_more(settings: Settings) -> None:
    with working(settings, worker="process") as worker:
        for crash in ((os._exit, 3), (os.abort,)):
            before = worker.submit(os.getpid).result(60)
            assert before != os.getpid()
            assert worker.submit(*crash).exception(60) is not None
            assert worker.submit(os.getpid).result(60) != before


class Unreadable(Exception):
    """Can be sent to another process, but not be made of it there."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


class Unsendable(Exception):
    def __init__(self) -> None:
        super().__init__("it holds a function")
        self.function = lambda: None


class Mute(Exception):
    def __str__(self) -> str:
        raise KeyError("no text")


def fail(kind: type[Exception], *args: str) -> None:
    try:
        raise OSError("the first cause")
    except OSError as error:
        raise kind(*args) from error


def test_an_error_that_cannot_be_sent_keeps_type_text_and_traceback(worker: Executor) -> None:
    before = worker.submit(os.getpid).result(60)
    for kind, args, said in (
        (Unreadable, ("one", "two"), "Unreadable: onetwo"),
        (Unsendable, (), "Unsendable: it holds a function"),
        (Mute, (), "Mute: its text cannot be made (KeyError)"),
    ):
        error = worker.submit(fail, kind, *args).exception(60)
        assert error is not None and describe(error) == said
        assert "in fail" in "".join(traceback.format_exception(error))
        assert worker.submit(os.getpid).result(60) == before, "the process goes on"


def test_an_idle_process_that_is_killed_is_no_end(settings: Settings) -> None:
    with working(settings, worker="process") as worker:
        before = worker.submit(os.getpid).result(60)
        os.kill(before, signal.SIGTERM)

        def works() -> bool:
            with contextlib.suppress(Exception):  # what comes before it is noticed
                return worker.submit(os.getpid).result(60) != before
            return False

        wait_until(works)


def test_to_cancel_a_hung_process_ends_it(settings: Settings) -> None:
    with working(settings, worker="process") as worker:
        before = worker.submit(os.getpid).result(60)
        hung = worker.submit(time.sleep, 1000)
        wait_until(hung.running)
        assert hung.cancel()
        with pytest.raises(CancelledError):
            hung.result(60)
        assert worker.submit(os.getpid).result(60) != before


def test_a_dask_scheduler_that_is_away_is_a_failure_until_it_is_back(settings: Settings) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with working(settings, worker="dask", scheduler=address) as worker:
        assert isinstance(worker.submit(os.getpid).exception(60), OSError)
        for _ in range(2):
            with cluster(address) as scheduler:
                wait_until(lambda: worker.submit(os.getpid).exception(60) is None)
                hung = worker.submit(time.sleep, 1000)
                scheduler.kill()
                with pytest.raises(CancelledError):
                    hung.result(60)
            assert worker.submit(os.getpid).exception(60) is not None
