"""Changes the file that a project with `source = csv` reads."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.projects import Project


def never_stale(project: "Project") -> "Project":
    """Configure a project so that its data, which age during a test run, never become stale."""
    config = project.path / "config.toml"
    text = config.read_text("utf-8")
    assert 'stale_after = "0s"' in text
    config.write_text(text.replace('stale_after = "0s"', 'stale_after = "3650d"'), "utf-8")
    return project


def restored_file(project: "Project", path: str = "data/readings.csv") -> Iterator[Path]:
    """Yield a file of a project, by default the one that it reads, and restore it afterwards."""
    file = project.path / path
    content = file.read_bytes()
    yield file
    file.write_bytes(content)


def correct(project: "Project") -> None:
    """Change the last reading in a project's file, as another program would."""
    file = project.path / "data" / "readings.csv"
    before, _, value = file.read_text("utf-8").rstrip().rpartition(",")
    temporary = file.with_suffix(".tmp")
    temporary.write_text(f"{before},{float(value) + 0.5}\n", "utf-8", newline="\n")
    with suppress(PermissionError):  # on Windows, while the server reads it
        temporary.replace(file)


@contextmanager
def correcting(project: "Project") -> Iterator[None]:
    """Keep changing the last reading, so that each refresh finds something new."""
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
    """Return the content of a file with one more row per series, with the current time."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    newest = [line.split(b",", 1)[1] for line in content.splitlines()[-4:]]
    return content + b"".join(b"%b,%b\n" % (now.encode(), line) for line in newest)


def after(file: Path, minutes: float) -> str:
    """Return the time some minutes after the newest row of a file."""
    newest = datetime.fromisoformat(file.read_text("utf-8").splitlines()[-1].split(",")[0])
    return f"{newest + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"
