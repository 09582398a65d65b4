"""Restarts a program when a file is saved, even if it has ended by itself."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

SECONDS = 0.5  # between checks of the files
# Not werkzeug's own variable, as is_running_from_reloader reads it: a server that sees that one
# expects to inherit its socket from werkzeug's reloader.
MARK = "DASHBOARD_RELOADER"


def is_child() -> bool:
    """Return whether this process is the program that the reloader runs."""
    return os.environ.get(MARK) == "true"


def run(command: list[str], files: Callable[[], Iterable[Path]]) -> int:
    """Run a command, restarting it when a file is saved, added or removed, until Ctrl-C or SIGTERM.

    Werkzeug's own reloader ends at the first save that cannot be imported.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            before = _saved(files())
            with _running(command) as process:
                ended = False
                while _saved(files()) == before:
                    time.sleep(SECONDS)
                    if not ended and process.poll() is not None:
                        ended = True
                        said = f"ended with code {process.returncode}: waiting for the next save"
                        print(said, file=sys.stderr, flush=True)
    return 0


def _saved(files: Iterable[Path]) -> dict[Path, int]:
    """Return when each file was saved; skip one that an editor is just replacing."""
    saved = {}
    for file in files:
        with contextlib.suppress(OSError):
            saved[file] = file.stat().st_mtime_ns
    return saved


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, env={**os.environ, MARK: "true"})
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
