"""Limits how much is computed at once, so that threads stay free for quick requests."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import Context
from threading import Condition, Semaphore, Thread
from time import monotonic
from typing import Generic, TypeVar

from cachetools import TTLCache

MAX_WAIT = 1.0  # seconds a request waits before the client is told to ask again
GRACE = 0.25  # seconds; a shorter computation is quick, so all threads may wait for it
MAX_STARTING = 2  # computations that start together; more would slow each other down
RESULT_TTL = 15.0  # seconds a result is kept for clients that were told to ask again

Result = TypeVar("Result")


class NotReady(Exception):
    """The result is not ready: ask again."""

    def __init__(self, key: str = "") -> None:
        super().__init__("ask again")
        self.key = key  # identifies the computation when the client asks again


class Computation(Generic[Result]):
    """A running or finished computation that several requests may wait for."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.future: Future[Result] = Future()
        self.is_awaited = False  # whether a client was told to ask again
        self.created, self.started = monotonic(), -GRACE

    def just_started(self) -> bool:
        """Whether it started less than GRACE ago, and so may still turn out to be quick."""
        return monotonic() - self.started < GRACE


class Computations(Generic[Result]):
    """Runs at most `threads - 2` computations at once, but at least one.

    Only as many of the server's threads may wait, which leaves two for quick requests. While
    computations are quick, those two may wait as well: asking again would take longer.
    """

    def __init__(self, threads: int) -> None:
        count = max(1, threads - 2)
        self._slots, self._waiting = Semaphore(count), Semaphore(count)
        self._running: dict[str, Computation[Result]] = {}
        self._completed: TTLCache[str, Computation[Result]] = TTLCache(100, RESULT_TTL)
        self._lock = Condition()
        self._last_end = -GRACE  # when a computation last ended

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Allow the calling thread to compute inside the block. Raises NotReady."""
        if not self._waiting.acquire(timeout=self._grace()):
            raise NotReady
        try:
            if not self._slots.acquire(timeout=MAX_WAIT):
                raise NotReady
            try:
                yield
            finally:
                self._slots.release()
                self._last_end = monotonic()
        finally:
            self._waiting.release()

    def wait_for(
        self, key: str, compute: Callable[[], Result], waited_for: Iterable[str] = ()
    ) -> Computation[Result]:
        """Return a finished computation: one the client already waits for, or the one for the key.

        Starts it if it is not running. Raises NotReady.
        """
        known = self._find(*waited_for, key)
        may_wait = self._waiting.acquire(timeout=self._grace(known))
        timeout = MAX_WAIT if may_wait else 0
        try:
            known = known or self._find(key)  # started in the meantime
            computation = known or self._start(key, compute, timeout)
            if not wait([computation.future], timeout).done:
                with self._lock:
                    computation.is_awaited = True
                if not computation.future.done():  # it may have ended just before it was marked
                    raise NotReady(computation.key)
            return computation
        finally:
            if may_wait:
                self._waiting.release()

    def raise_if_busy(self, key: str, waited_for: Iterable[str] = ()) -> None:
        """Raise NotReady if `wait_for` would raise it immediately; this check is cheaper."""
        computation = self._find(*waited_for, key)
        if self._grace(computation) or _is_free(self._waiting):
            return
        if computation:
            with self._lock:
                computation.is_awaited = True
        if not (computation.future.done() if computation else _is_free(self._slots)):
            raise NotReady(computation.key if computation else "")

    def _grace(self, computation: Computation[Result] | None = None) -> float:
        """Return how many seconds surplus requests may wait for a computation, or for a slot."""
        last_end = max(self._last_end, computation.created if computation else -GRACE)
        return max(0.0, last_end + GRACE - monotonic())

    def _find(self, *keys: str) -> Computation[Result] | None:
        with self._lock:
            found = (self._running.get(key) or self._completed.get(key) for key in keys)
            return next(filter(None, found), None)

    def _start(
        self, key: str, compute: Callable[[], Result], timeout: float
    ) -> Computation[Result]:
        if not self._slots.acquire(timeout=timeout):
            raise NotReady
        with self._lock:
            if other := self._running.get(key):  # started in the meantime
                self._slots.release()
                return other
            computation = self._running[key] = Computation(key)
        # A daemon, like waitress's threads, so that a hanging computation does not block shutdown.
        thread = Thread(target=self._run, args=(computation, compute), name="view", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no threads left
            computation.future.set_exception(error)
            self._end(computation)
        return computation

    def _run(self, computation: Computation[Result], compute: Callable[[], Result]) -> None:
        with self._lock:
            self._lock.wait_for(self._may_start, GRACE)
            computation.started = monotonic()
        try:
            computation.future.set_result(Context().run(compute))
        except BaseException as error:
            computation.future.set_exception(error)
        finally:
            self._end(computation)

    def _may_start(self) -> bool:
        return sum(it.just_started() for it in self._running.values()) < MAX_STARTING

    def _end(self, computation: Computation[Result]) -> None:
        self._slots.release()
        self._last_end = monotonic()
        with self._lock:
            del self._running[computation.key]
            self._lock.notify_all()
            self._completed.expire()
            if computation.is_awaited:
                self._completed[computation.key] = computation


def _is_free(semaphore: Semaphore) -> bool:
    if free := semaphore.acquire(blocking=False):
        semaphore.release()
    return free
