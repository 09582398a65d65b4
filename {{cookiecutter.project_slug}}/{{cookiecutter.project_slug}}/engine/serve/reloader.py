"""Restarts a program whenever a file is saved, even if the program has exited."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

INTERVAL = 0.5  # seconds between checks of the files
# Not werkzeug's own variable: a server that sees that one expects to inherit a socket from
# werkzeug's reloader.
VARIABLE = "DASHBOARD_RELOADER"


def is_child() -> bool:
    """Return whether this process is the program that the reloader runs."""
    return os.environ.get(VARIABLE) == "true"


def run(command: list[str], files: Callable[[], Iterable[Path]]) -> int:
    """Run a command, restarting it when a file is saved, added or removed, until Ctrl-C or SIGTERM.

    Werkzeug's reloader would exit at the first save that cannot be imported.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            before = _save_times(files())
            with _running(command) as process:
                ended = False
                while _save_times(files()) == before:
                    time.sleep(INTERVAL)
                    if not ended and process.poll() is not None:
                        ended = True
                        text = f"ended with code {process.returncode}: waiting for the next save"
                        print(text, file=sys.stderr, flush=True)
    return 0


def _save_times(files: Iterable[Path]) -> dict[Path, int]:
    """Return when each file was saved; skip a file that an editor is replacing right now."""
    saved = {}
    for file in files:
        with contextlib.suppress(OSError):
            saved[file] = file.stat().st_mtime_ns
    return saved


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, env={**os.environ, VARIABLE: "true"})
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
