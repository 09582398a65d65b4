"""Where a refresh runs: every kind of worker is a `concurrent.futures` executor."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class ThreadWorker(Executor):
    """Runs each call in a daemon thread: one that hangs cannot hold up the end of the program."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Start a call and return its future."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # whatever it was, the future's owner must learn of it
                future.set_exception(error)

        Thread(target=run, name="refresh", daemon=True).start()
        return future


def open_worker(kind: str) -> Executor:
    """Open the worker that `[refresh] worker` names."""
    return {"thread": ThreadWorker}[kind]()
