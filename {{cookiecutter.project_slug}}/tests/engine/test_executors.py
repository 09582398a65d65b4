"""Every executor, with real processes and a real Dask cluster."""

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
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pandera.pandas as pa
import pytest
import toy
from helpers import free_port, wait_until

from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import now_utc
from {{cookiecutter.project_slug}}.engine.data.tables import Table
from {{cookiecutter.project_slug}}.engine.diagnostics.errors import describe
from {{cookiecutter.project_slug}}.engine.refresh import pipeline
from {{cookiecutter.project_slug}}.engine.refresh.executors import open_executor
from {{cookiecutter.project_slug}}.engine.refresh.scheduler import Scheduler
from {{cookiecutter.project_slug}}.engine.settings import Refresh


@contextmanager
def dask(*command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run one process of a Dask cluster."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "--no-dashboard"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def cluster(address: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a scheduler and a worker."""
    host, port = address.removeprefix("tcp://").split(":")
    command = ["distributed.cli.dask_scheduler", "--host", host, "--port", port]
    threads = ["--no-nanny", "--nthreads", "2"]
    with (
        dask(*command) as scheduler,
        dask("distributed.cli.dask_worker", address, *threads),
    ):
        yield scheduler


@contextmanager
def working(settings: toy.Settings, **refresh: str) -> Iterator[Executor]:
    executor = open_executor(settings.model_copy(update={"refresh": Refresh(**refresh)}))
    try:
        yield executor
    finally:
        executor.shutdown()


@pytest.fixture(scope="module", params=["thread", "process", "dask"])
def executor(request: pytest.FixtureRequest, toy_folder: Path) -> Iterator[Executor]:
    settings = toy.Settings.load(toy_folder / "config.toml")
    address = f"tcp://127.0.0.1:{free_port()}"
    if request.param != "dask":
        with working(settings, worker=request.param) as executor:
            yield executor
    else:
        with cluster(address), working(settings, worker="dask", scheduler=address) as executor:
            wait_until(lambda: executor.submit(os.getpid).exception(60) is None)
            yield executor


def test_executors_read_the_source_and_pass_on_failures(
    executor: Executor, settings: toy.Settings
) -> None:
    it, span = toy.DASHBOARD.pipeline, pipeline.Span(now_utc())
    tables = executor.submit(pipeline.fetch, it.read, it.clean, settings.source, span).result(60)
    assert len(tables["readings"])
    with pytest.raises(ValueError, match="nonsense"):
        executor.submit(int, "nonsense").result(60)
    first, second = (executor.submit(uuid4).result(60) for _ in range(2))
    assert first != second  # Dask does not reuse the first result


def test_a_crashed_process_causes_only_one_failure(settings: toy.Settings) -> None:
    with working(settings, worker="process") as executor:
        for crash in ((os._exit, 3), (os.abort,)):
            before = executor.submit(os.getpid).result(60)
            assert before != os.getpid()
            assert executor.submit(*crash).exception(60) is not None
            assert executor.submit(os.getpid).result(60) != before


class Unreadable(Exception):
    """Can be pickled, but not unpickled."""

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


def test_an_error_that_cannot_be_pickled_keeps_its_details(executor: Executor) -> None:
    before = executor.submit(os.getpid).result(60)
    for kind, args, said in (
        (Unreadable, ("one", "two"), "Unreadable: onetwo"),
        (Unsendable, (), "Unsendable: it holds a function"),
        (Mute, (), "Mute: its message cannot be shown (KeyError)"),
    ):
        error = executor.submit(fail, kind, *args).exception(60)
        assert error is not None and describe(error) == said
        assert "in fail" in "".join(traceback.format_exception(error))
        assert executor.submit(os.getpid).result(60) == before, "the process goes on"


def test_an_idle_process_that_is_killed_is_replaced(settings: toy.Settings) -> None:
    with working(settings, worker="process") as executor:
        before = executor.submit(os.getpid).result(60)
        os.kill(before, signal.SIGTERM)

        def works() -> bool:
            with contextlib.suppress(Exception):  # calls may fail until the kill is noticed
                return executor.submit(os.getpid).result(60) != before
            return False

        wait_until(works)


def test_cancelling_a_hung_call_ends_its_process(settings: toy.Settings) -> None:
    with working(settings, worker="process") as executor:
        before = executor.submit(os.getpid).result(60)
        hung = executor.submit(time.sleep, 1000)
        wait_until(hung.running)
        assert hung.cancel()
        with pytest.raises(CancelledError):
            hung.result(60)
        assert executor.submit(os.getpid).result(60) != before


def test_without_a_dask_scheduler_calls_fail_until_it_is_back(settings: toy.Settings) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with working(settings, worker="dask", scheduler=address) as executor:
        assert isinstance(executor.submit(os.getpid).exception(60), OSError)
        for _ in range(2):
            with cluster(address) as scheduler:
                wait_until(lambda: executor.submit(os.getpid).exception(60) is None)
                hung = executor.submit(time.sleep, 1000)
                scheduler.kill()
                with pytest.raises(CancelledError):
                    hung.result(60)
            assert executor.submit(os.getpid).exception(60) is not None


def test_the_tables_stay_in_the_parent(settings: toy.Settings) -> None:
    """Their checks may be lambdas, which cannot be pickled."""
    lambdas = Table(
        schema=pa.DataFrameSchema({"value": pa.Column(float, pa.Check(lambda it: it > 0))}),
        key=("value",),
        mode="replace",
    )
    it = replace(toy.DASHBOARD.pipeline, read=positive, tables={"numbers": lambdas})
    store = MemoryStore()
    with working(settings, worker="process") as executor:
        schedule = Scheduler(settings, store, it, executor)
        wait_until(lambda: schedule.tick() or store.latest() or store.status().error)
        assert not store.status().error
        schedule.stop()


def positive(_source: toy.Source, _since: datetime) -> dict[str, pd.DataFrame]:
    return {"numbers": pd.DataFrame({"value": [1.0]})}
