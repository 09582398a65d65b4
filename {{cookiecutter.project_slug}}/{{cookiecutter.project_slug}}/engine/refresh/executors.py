"""Executors that run a refresh in a thread, in a process or on a Dask cluster."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from multiprocessing import connection, parent_process
from threading import Thread
from typing import Any, TypeVar, cast

from .. import log
from ..config.extras import extra
from ..diagnostics import redaction
from ..diagnostics.errors import portable
from ..settings import AnySettings, Log
from . import spawning

T = TypeVar("T")


class ThreadExecutor(Executor):
    """Runs each call in a daemon thread, so that a hanging call does not keep the program alive."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Start a call and return its future; it cannot be cancelled."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # pass on any error, even SystemExit
                future.set_exception(error)

        Thread(target=run, name="refresh", daemon=True).start()
        return future


class ProcessExecutor(Executor):
    """Runs calls in another process; cancelling a call ends the process and starts a new one."""

    def __init__(self, log: Log) -> None:
        with extra("process", 'refresh.worker = "process"'):
            from pebble import ProcessPool
        # Only one process can write to a rotating file, so this one logs to the console.
        log = log.model_copy(update={"file": ""})
        self._open: Callable[[], Any] = partial(
            ProcessPool,
            1,
            initializer=_begin,
            initargs=[log, redaction.hidden()],
            context=cast(Any, spawning.Context()),  # pebble's annotations leave out Windows
        )
        self._pool: Any = self._open()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Start a call and return its future."""
        if not self._pool.active:  # the process was killed while idle, which stops the pool
            self.shutdown()
            self._pool = self._open()
        future: Future[T] = self._pool.schedule(_call, (fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the process."""
        self._pool.stop()
        self._pool.join()


class DaskExecutor(Executor):
    """Runs calls on a Dask cluster, whose workers must have this package installed."""

    def __init__(self, scheduler: str) -> None:
        with extra("dask", 'refresh.worker = "dask"'):
            from distributed import Client
        self._open: Callable[[], Any] = lambda: Client(scheduler, timeout=3, set_as_default=False)
        self._client: Any = None

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Start a call and return its future; it fails if no scheduler answers."""
        future: Future[T] = Future()
        try:
            if self._client is None or self._client.status != "running":
                self.shutdown()
                self._client = self._open()
            future = self._client.get_executor(pure=False).submit(_call, fn, args, kwargs)
        except OSError as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster."""
        if self._client is not None:
            self._client.close(timeout=1)


def open_executor(settings: AnySettings) -> Executor:
    """Open the executor that `[refresh] worker` names. Raises SettingError."""
    match settings.refresh.worker:
        case "process":
            return ProcessExecutor(settings.log)
        case "dask":
            return DaskExecutor(settings.refresh.scheduler)
        case _:
            return ThreadExecutor()


def _call(fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    """Call a function; if it fails, raise an error that can be pickled."""
    try:
        return fn(*args, **kwargs)
    except BaseException as error:
        failure = portable(error)
    raise failure  # outside the except block, which would set its __context__


def _begin(settings: Log, secrets: frozenset[str]) -> None:
    """Set up a worker process; it ends when the server's process does, whatever the reason."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the server, which stops this
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # not permitted
            os.nice(10)  # serving pages has priority
    redaction.hide(secrets)
    log.configure(settings)

    def follow() -> None:
        if parent := parent_process():
            connection.wait([parent.sentinel])
            os._exit(1)

    Thread(target=follow, daemon=True).start()
