"""Serves a rendered project whose data change on every poll.

Run in the project's environment as: python restless.py PACKAGE PORT. A page can thus get thousands
of updates in minutes. As with real data, most values change each time, and some do not.
"""

import itertools
import logging
import math
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pandas as pd
from waitress import serve

SERIES = ["line_1", "line_2", "output", "pressure"]
ROWS = 60  # per series


def main(package: str, port: int) -> None:
    """Serve until killed."""
    engine, dashboard = import_module(f"{package}.engine"), import_module(f"{package}.schedule")
    settings = dashboard.DASHBOARD.load()
    store = import_module(f"{package}.engine.data.memory_store").MemoryStore()
    create_app = import_module(f"{package}.app").create_app
    app, _ = dashboard.DASHBOARD.build(settings, create_app, store)
    count = itertools.count()

    def publish() -> None:
        now, number = datetime.now(UTC), next(count)
        tables = {"readings": readings(now, number)}
        store.publish(engine.Snapshot(1_000_000 + number, now, now, tables))
        outcome = engine.Outcome(now, 0.1, rows=number)
        changes = (*store.status().changes, outcome)[-50:]
        store.report(engine.Status(changes=changes))
        logging.getLogger(package).info("published version=%d", number)

    def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/_live":
            publish()
        return app.server(environ, start_response)

    publish()
    app.server.test_client().get("/")  # as the real server does on start
    print(f"serving at http://127.0.0.1:{port}", flush=True)
    threads = settings.server.threads  # the app relies on this number
    serve(wsgi, host="127.0.0.1", port=port, threads=threads, _quiet=True)


def readings(now: datetime, number: int) -> pd.DataFrame:
    """Return a table whose newest readings are from this moment."""
    start = pd.Timestamp(now) - timedelta(seconds=ROWS)
    rows = [
        (start + timedelta(seconds=row), name, value(row + number, at))
        for row in range(ROWS)
        for at, name in enumerate(SERIES)
    ]
    data = pd.DataFrame(rows, columns=["time", "series", "value"])
    times = data["time"].astype("datetime64[us, UTC]")
    return data.assign(time=times, series=data["series"].astype("category"))


def value(row: int, series: int) -> float:
    """Return a point on a wave; for one series, a value that rarely changes."""
    return float(row // 500) if series == 0 else round(50 + 40 * math.sin(row / 7 + series), 2)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
