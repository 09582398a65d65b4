"""Writers that fill a source as machines do, each with a clock and a lateness of its own.

Run in a project's environment as: python writers.py FOLDER-OR-URL. It ends with its input, and says
how many rows there are; each has a number of its own as its value.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pandas as pd

PAUSE = 0.5  # seconds between two rows of a series
CLOCKS = {"right": 0, "late": -1.5, "later": -30, "fast": 120}  # seconds from now


def database(url: str) -> Callable[[pd.DataFrame], Any]:
    """Return what writes rows to a table, whose times have no zone."""
    from sqlalchemy import create_engine

    engine = create_engine(url)
    return lambda rows: rows.to_sql("written", engine, if_exists="append", index=False)


def folder(path: Path) -> Callable[[pd.DataFrame], Any]:
    """Return what writes rows to a new file, which is there at once, or not at all."""
    path.mkdir(exist_ok=True)

    def write(rows: pd.DataFrame) -> None:
        name = f"{time.monotonic_ns()}.parquet"
        rows.to_parquet(path / f".{name}")  # Parquet's readers pass over it
        (path / f".{name}").replace(path / name)

    return write


def main(place: str) -> None:
    """Write until the input ends, at first what was measured in the minute before."""
    write = database(place) if "://" in place else folder(Path(place))
    now, count = datetime.now(UTC).replace(tzinfo=None), 0

    def rows(at: datetime) -> list[tuple[datetime, str]]:
        return [(at + timedelta(seconds=clock), name) for name, clock in CLOCKS.items()]

    def put(batch: list[tuple[datetime, str]]) -> None:
        nonlocal count
        data = pd.DataFrame(batch, columns=["time", "series"])
        write(data.assign(value=[float(count + number) for number in range(len(batch))]))
        count += len(batch)

    put([row for back in range(60, 0, -1) for row in rows(now - timedelta(seconds=back))])
    print("ready", flush=True)
    ended = Event()
    Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.wait(PAUSE):
        put(rows(datetime.now(UTC).replace(tzinfo=None)))
    print(count, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
