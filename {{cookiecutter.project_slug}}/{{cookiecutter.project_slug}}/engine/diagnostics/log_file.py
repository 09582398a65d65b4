"""The log file: rotated without losing a line, and told why the server does not start."""

import contextlib
import logging
import os
import re
from logging.handlers import RotatingFileHandler
from pathlib import Path


class LogFile(RotatingFileHandler):
    """Rotates its file, except while another program has it open, as happens on Windows."""

    def doRollover(self) -> None:
        """Move the file aside first: if that fails, no backup has been deleted in vain."""
        base = Path(self.baseFilename)
        aside = base.with_name(f"{base.name}.rotating")
        if self.stream:
            self.stream.close()
            self.stream = None  # the next line opens it if this fails
        with contextlib.suppress(OSError):
            if not aside.exists():  # left by an interrupted rotation
                base.replace(aside)
            newest = Path(self.rotation_filename(f"{base}.1"))
            if newest.exists():
                self._shift()
            aside.replace(newest)
        self.stream = self._open()

    def _shift(self) -> None:
        for number in reversed(range(1, self.backupCount)):
            backup = Path(self.rotation_filename(f"{self.baseFilename}.{number}"))
            if backup.exists():
                backup.replace(self.rotation_filename(f"{self.baseFilename}.{number + 1}"))


def of_schedule(file: str) -> str:
    """Return the log file of a standalone schedule: two processes cannot rotate the same file."""
    return str(Path(file).with_stem(f"{Path(file).stem}-schedule")) if file else ""


def named_in(config: Path, variable: str) -> str:
    """Return the configured log file, even if the config file is invalid.

    `variable` is the environment variable that overrides it.
    """
    name = os.environ.get(variable)
    if name is None:
        with contextlib.suppress(OSError):
            text = config.read_text("utf-8", errors="replace")
            found = re.search(r"^\[log\][^\[]*?^file *= *([\"'])((?:(?!\1).)+)\1", text, re.M)
            name = found[2] if found else ""
    return str(config.parent / name) if name else ""


def write(file: str, text: str) -> None:
    """Append an error to the log file, if there is one: a service has no console."""
    if file:
        with contextlib.suppress(OSError), Path(file).open("a", encoding="utf-8") as opened:
            now = logging.Formatter().formatTime(logging.makeLogRecord({}))
            opened.write(f"{now} ERROR server: {text}\n")
