"""Measures the CPU time of the overview's three views of a number of rows in ten series.

Run it in a rendered project. Each refresh appends a hundred rows, and the views are drawn after it.
"""

import json
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

import history
import numpy as np
import own
import pandas as pd

SERIES = [f"line_{number}" for number in range(10)]
REFRESHES = 5


def main() -> None:
    """Print the median for a refresh."""
    dashboard = history.schedule.DASHBOARD
    settings, declared = dashboard.settings.load(), dashboard.pipeline.tables
    refresh = settings.refresh.model_copy(update={"history": timedelta(days=3650)})
    store = history.memory_store.MemoryStore()
    client = dashboard.build(settings, history.app.create_app, store)[0].server.test_client()
    now = datetime.now(UTC)
    start = pd.Timestamp(now).floor("s") - timedelta(minutes=15)  # no row is in the future
    data = history.table(int(sys.argv[1]), start, SERIES)
    store.publish(history.engine.Snapshot(1, now, now, {"readings": data}))
    own.draw(client)
    rules, seconds = history.pipeline.rules(settings, now), []
    for turn in range(REFRESHES):
        times = start + pd.to_timedelta(np.arange(1, 11) * 5 + 50 * turn, unit="s")
        new = pd.DataFrame({"time": times.repeat(10), "series": SERIES * 10, "value": 50.0})
        batch = history.tables.validate({"readings": new}, declared, rules)
        update = history.merge.merge(store.latest(), batch, declared, now, now, refresh)
        store.publish(update.snapshot)
        began = time.process_time()
        own.draw(client)
        seconds.append(time.process_time() - began)
    print(json.dumps({"CPU ms": 1000 * statistics.median(seconds)}))


if __name__ == "__main__":
    main()
