"""Writes rows to a source like real machines, each with its own clock and delay.

Run in a project's environment as: python writers.py FOLDER-OR-URL. When its input ends, it prints
the number of rows and stops; the value of each row is a unique number.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pandas as pd

PAUSE = 0.5  # seconds between rows of a series
CLOCKS = {"right": 0, "late": -1.5, "later": -30, "fast": 120}  # seconds from now


def database(url: str) -> Callable[[pd.DataFrame], Any]:
    """Return a function that writes rows to a table, with times without a zone."""
    from sqlalchemy import create_engine

    engine = create_engine(url)
    return lambda rows: rows.to_sql("written", engine, if_exists="append", index=False)


def folder(path: Path) -> Callable[[pd.DataFrame], Any]:
    """Return a function that writes rows to a new file atomically."""
    path.mkdir(exist_ok=True)

    def write(rows: pd.DataFrame) -> None:
        name = f"{time.monotonic_ns()}.parquet"
        rows.to_parquet(path / f".{name}")  # readers of Parquet skip hidden files
        (path / f".{name}").replace(path / name)

    return write


def main(place: str) -> None:
    """Write the rows of the last minute, then new ones until the input ends."""
    write = database(place) if "://" in place else folder(Path(place))
    now, count = datetime.now(UTC).replace(tzinfo=None), 0

    def rows(at: datetime) -> list[tuple[datetime, str]]:
        return [(at + timedelta(seconds=clock), name) for name, clock in CLOCKS.items()]

    def append(batch: list[tuple[datetime, str]]) -> None:
        nonlocal count
        data = pd.DataFrame(batch, columns=["time", "series"])
        write(data.assign(value=[float(count + number) for number in range(len(batch))]))
        count += len(batch)

    append([row for back in range(60, 0, -1) for row in rows(now - timedelta(seconds=back))])
    print("ready", flush=True)
    ended = Event()
    Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.wait(PAUSE):
        append(rows(datetime.now(UTC).replace(tzinfo=None)))
    print(count, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
