"""Measures refreshes and pages with a number of rows; run it in a rendered project.

Memory is what the process uses beyond the same program without data (Linux only, else null).
"""

import ctypes
import gc
import gzip
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import own
import pandas as pd

app, engine, memory_store, merge, pipeline, schedule, tables = own.modules(
    "app engine engine.data.memory_store engine.data.merge engine.refresh.pipeline schedule"
    " engine.data.tables"
)
SERIES = ["cpu", "memory", "net_sent", "load"]
LINUX = sys.platform == "linux"


def table(rows, end, series):
    """Return a number of rows of some series, about one per series every five seconds.

    The times are uneven to the microsecond, like those of real measurements.
    """
    count, rng = rows // len(series), np.random.default_rng(0)
    codes = np.tile(np.arange(len(series), dtype="int8"), count)
    times = pd.date_range(end=end, periods=count, freq="5s", unit="us")
    times -= pd.to_timedelta(rng.integers(0, 1_000_000, count), unit="us")
    data = pd.DataFrame(
        {
            "time": times.repeat(len(series)),
            "series": pd.Categorical.from_codes(codes, series),
            "value": rng.normal(50, 10, len(codes)),
        }
    )
    return data.astype({"time": "datetime64[us, UTC]"})


def memory(key):
    """Return this process's memory in bytes: VmRSS, or VmHWM for the peak."""
    if not LINUX:
        return None
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024


def main():
    """Measure refreshes that append a hundred rows, and a page after each."""
    dashboard = schedule.DASHBOARD
    settings, declared = dashboard.settings.load(), dashboard.pipeline.tables
    refresh = settings.refresh.model_copy(update={"history": timedelta(days=365)})
    store = memory_store.MemoryStore()
    client = dashboard.build(settings, app.create_app, store)[0].server.test_client()
    client.get("/")
    own.draw(client)
    empty = memory("VmRSS")
    now = datetime.now(UTC)
    start = pd.Timestamp(now).floor("s") - timedelta(minutes=15)  # no row is in the future
    data = table(int(sys.argv[1]), start, SERIES)
    weight = int(data.memory_usage(deep=True).sum())
    store.publish(engine.Snapshot(1, now, now, {"readings": data}))
    del data
    memory("VmRSS")
    if LINUX:
        Path("/proc/self/clear_refs").write_text("5", "utf-8")  # reset the peak
    seconds = []
    for turn in range(5):
        times = start + pd.to_timedelta(np.arange(1, 26) * 5 + 125 * turn, unit="s")
        new = pd.DataFrame({"time": times.repeat(4), "series": SERIES * 25, "value": 1.0})
        began = time.perf_counter()
        batch = tables.validate({"readings": new}, declared, pipeline.rules(settings, now))
        update = merge.merge(store.latest(), batch, declared, now, now, refresh)
        store.publish(update.snapshot)
        seconds.append(time.perf_counter() - began)
        views = own.draw(client)
    peak = memory("VmHWM")
    print(
        json.dumps(
            {
                "rows": len(store.latest().tables["readings"]),
                "seconds": sorted(seconds)[len(seconds) // 2],
                "page": sum(map(len, views)),
                "packed": sum(len(gzip.compress(view)) for view in views),
                "table": weight,
                "peak": peak - empty if LINUX else None,
            }
        )
    )


if __name__ == "__main__":
    main()
