"""Run in a rendered project: refresh many times at full history and print the memory as JSON lines.

The source is real; only the clock is moved on by two seconds before each refresh, and the history
is filled beforehand, so that an hour of refreshes takes minutes.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import own
import pandas as pd
import psutil
import time_machine

app, pipeline, reading, schedule, setting, snapshots, store, worker = own.modules(
    "app pipeline reading schedule setting snapshots store worker"
)


def filled(settings, now):
    """Return a snapshot that is as long as the history allows."""
    sample = pipeline.fetch(settings, None).tables["readings"]
    count = int(settings.refresh.history / settings.refresh.every)
    times = pd.date_range(end=now, periods=count, freq=settings.refresh.every)
    full = pd.concat([sample] * count, ignore_index=True)
    full["time"] = times.repeat(len(sample))
    batch = pipeline.clean({"readings": full}, settings)
    return snapshots.append(None, batch, now, now, settings.refresh).snapshot


def main():
    """Print a line after each tenth of the refreshes."""
    refreshes = int(sys.argv[1])
    settings = setting.load(Path("config.toml"), reading.Source, {})
    settings = settings.model_copy(update={"source": {"sample_seconds": 0.01}})
    memory = store.MemoryStore()
    memory.publish(filled(settings, datetime.now(UTC)))
    client = app.create_app(settings, memory).server.test_client()
    client.get("/")
    job = schedule.Schedule(settings, memory, worker.ThreadWorker())
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        for count in range(1, refreshes + 1):
            clock.shift(timedelta(seconds=2))
            before = memory.latest()
            while memory.latest() is before:
                job.look()
                assert not memory.status().error, memory.status()
            own.draw(client)
            if count % (refreshes // 10) == 0:
                rows = len(memory.latest().tables["readings"])
                used = psutil.Process().memory_info().rss
                print(json.dumps({"refreshes": count, "rows": rows, "bytes": used}), flush=True)


if __name__ == "__main__":
    main()
