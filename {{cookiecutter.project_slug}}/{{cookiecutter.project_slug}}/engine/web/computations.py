"""Limits how much is computed at once, so that threads stay free for quick requests."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import Context
from threading import Condition, Semaphore, Thread
from time import monotonic
from typing import Generic, TypeVar

from cachetools import TTLCache

MOMENT = 1.0  # seconds that a request waits
GRACE = 0.25  # a computation of fewer seconds is quick: all threads may wait for it
QUICK = 2  # computations that begin at the same time; more would slow each other down
FETCH = 15.0  # seconds that a result is kept for clients that were told to ask again

Result = TypeVar("Result")


class NotReady(Exception):
    """The result is not ready: ask again."""

    def __init__(self, key: str = "") -> None:
        super().__init__("ask again")
        self.key = key  # of the computation to ask for


class Computation(Generic[Result]):
    """A computation, running or ended, that several requests may wait for."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.future: Future[Result] = Future()
        self.is_awaited = False  # whether a client was told to ask again
        self.made, self.began = monotonic(), -GRACE

    def is_quick(self) -> bool:
        """Whether it has just begun; nobody knows how long it takes before it ends."""
        return monotonic() - self.began < GRACE


class Computations(Generic[Result]):
    """Runs at most `threads - 2` computations at once, but at least one.

    As many of the server's threads may compute or wait, so that two stay free for quick requests.
    While computations are quick, those two may wait as well: asking again would take longer.
    """

    def __init__(self, threads: int) -> None:
        count = max(1, threads - 2)
        self._slots, self._waiting = Semaphore(count), Semaphore(count)
        self._running: dict[str, Computation[Result]] = {}
        self._ended: TTLCache[str, Computation[Result]] = TTLCache(100, FETCH)
        self._lock = Condition()
        self._progress = -GRACE  # when a computation last ended

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Let the calling thread compute in the block. Raises NotReady."""
        if not self._waiting.acquire(timeout=self._grace()):
            raise NotReady
        try:
            if not self._slots.acquire(timeout=MOMENT):
                raise NotReady
            try:
                yield
            finally:
                self._slots.release()
                self._progress = monotonic()
        finally:
            self._waiting.release()

    def ended(
        self, key: str, compute: Callable[[], Result], waited_for: Iterable[str] = ()
    ) -> Computation[Result]:
        """Return an ended computation: one that the client waits for, or the one of the key.

        It is started if it is not running. Raises NotReady.
        """
        known = self._find(*waited_for, key)
        may_wait = self._waiting.acquire(timeout=self._grace(known))
        patience = MOMENT if may_wait else 0
        try:
            known = known or self._find(key)  # started in the meantime
            computation = known or self._start(key, compute, patience)
            if not wait([computation.future], patience).done:
                with self._lock:
                    computation.is_awaited = True
                if not computation.future.done():  # it may have ended just before it was marked
                    raise NotReady(computation.key)
            return computation
        finally:
            if may_wait:
                self._waiting.release()

    def refuse_in_a_crowd(self, key: str, waited_for: Iterable[str] = ()) -> None:
        """Raise NotReady if `ended` would raise it at once; this costs less."""
        computation = self._find(*waited_for, key)
        if self._grace(computation) or _is_free(self._waiting):
            return
        if computation:
            with self._lock:
                computation.is_awaited = True
        if not (computation.future.done() if computation else _is_free(self._slots)):
            raise NotReady(computation.key if computation else "")

    def _grace(self, computation: Computation[Result] | None = None) -> float:
        """Return how many seconds a crowd may wait for a computation, or for its turn."""
        progress = max(self._progress, computation.made if computation else -GRACE)
        return max(0.0, progress + GRACE - monotonic())

    def _find(self, *keys: str) -> Computation[Result] | None:
        with self._lock:
            found = (self._running.get(key) or self._ended.get(key) for key in keys)
            return next(filter(None, found), None)

    def _start(
        self, key: str, compute: Callable[[], Result], patience: float
    ) -> Computation[Result]:
        if not self._slots.acquire(timeout=patience):
            raise NotReady
        with self._lock:
            if other := self._running.get(key):  # started in the meantime
                self._slots.release()
                return other
            computation = self._running[key] = Computation(key)
        # A daemon, like waitress's threads: one that hangs does not keep the server from ending.
        thread = Thread(target=self._run, args=(computation, compute), name="view", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no threads left
            computation.future.set_exception(error)
            self._end(computation)
        return computation

    def _run(self, computation: Computation[Result], compute: Callable[[], Result]) -> None:
        with self._lock:
            self._lock.wait_for(self._is_calm, GRACE)
            computation.began = monotonic()
        try:
            computation.future.set_result(Context().run(compute))
        except BaseException as error:
            computation.future.set_exception(error)
        finally:
            self._end(computation)

    def _is_calm(self) -> bool:
        return sum(it.is_quick() for it in self._running.values()) < QUICK

    def _end(self, computation: Computation[Result]) -> None:
        self._slots.release()
        self._progress = monotonic()
        with self._lock:
            del self._running[computation.key]
            self._lock.notify_all()
            self._ended.expire()
            if computation.is_awaited:
                self._ended[computation.key] = computation


def _is_free(semaphore: Semaphore) -> bool:
    if free := semaphore.acquire(blocking=False):
        semaphore.release()
    return free
