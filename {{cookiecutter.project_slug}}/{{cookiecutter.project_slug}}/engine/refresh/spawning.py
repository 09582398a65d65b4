"""Starts processes that Ctrl-C does not interrupt, not even while they import what they need."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from multiprocessing.context import SpawnContext, SpawnProcess

if sys.platform == "win32":
    import ctypes


@contextlib.contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Start processes that ignore Ctrl-C: they inherit this from the thread or, on Windows, from
    the process that starts them, which also ignores it in the meantime.
    """
    if sys.platform == "win32":
        ctypes.windll.kernel32.SetConsoleCtrlHandler(None, True)
        try:
            yield
        finally:
            ctypes.windll.kernel32.SetConsoleCtrlHandler(None, False)
    else:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Process(SpawnProcess):
    """A process that Ctrl-C does not interrupt."""

    def start(self) -> None:
        """Start the process."""
        with without_ctrl_c():
            super().start()


class Context(SpawnContext):
    """Starts such processes."""

    Process = Process
