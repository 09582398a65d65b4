"""The file that a project of `source = csv` reads, and what a test does to it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.projects import Project


def patient(project: "Project") -> "Project":
    """Set that its file, which is as old as the tests run, is not stale."""
    config = project.path / "config.toml"
    text = config.read_text("utf-8")
    assert 'stale_after = "0s"' in text
    config.write_text(text.replace('stale_after = "0s"', 'stale_after = "3650d"'), "utf-8")
    return project


def kept_file(project: "Project") -> Iterator[Path]:
    """Give the file that a project reads, and put it back afterwards."""
    file = project.path / "data" / "readings.csv"
    content = file.read_bytes()
    yield file
    file.write_bytes(content)


def correct(project: "Project") -> None:
    """Correct the last reading of the file that a project reads, as another program would."""
    file = project.path / "data" / "readings.csv"
    before, _, value = file.read_text("utf-8").rstrip().rpartition(",")
    aside = file.with_suffix(".tmp")
    aside.write_text(f"{before},{float(value) + 0.5}\n", "utf-8", newline="\n")
    with suppress(PermissionError):  # on Windows while it is read
        aside.replace(file)


@contextmanager
def corrected(project: "Project") -> Iterator[None]:
    """Correct the last reading again and again, so that each refresh has something new."""
    file, stopped = project.path / "data" / "readings.csv", Event()
    content = file.read_bytes()

    def write() -> None:
        while not stopped.wait(0.4):
            correct(project)

    thread = Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        file.write_bytes(content)


def fresh(content: bytes) -> bytes:
    """Return a file with a row of each series that has just been read."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    newest = [line.split(b",", 1)[1] for line in content.splitlines()[-4:]]
    return content + b"".join(b"%b,%b\n" % (now.encode(), line) for line in newest)


def after(file: Path, minutes: float) -> str:
    """Return the time so long after the newest row of a file."""
    newest = datetime.fromisoformat(file.read_text("utf-8").splitlines()[-1].split(",")[0])
    return f"{newest + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"
