"""Refreshes many times with a full history, and prints memory use as JSON lines.

Run it in a rendered project. The source is real, but the history is filled in advance and the clock
moves on two seconds before each refresh, so that an hour of refreshes takes minutes.
"""

import json
import sys
from datetime import UTC, datetime, timedelta

import own
import pandas as pd
import psutil
import time_machine

app, executors, memory_store, merge, pipeline, schedule, scheduler, tables = own.modules(
    "app engine.refresh.executors engine.data.memory_store engine.data.merge"
    " engine.refresh.pipeline schedule engine.refresh.scheduler engine.data.tables"
)
DASHBOARD = schedule.DASHBOARD


def filled(settings, now):
    """Return a snapshot with a full history."""
    sample = DASHBOARD.refresh_once(settings).tables["readings"]
    count = int(settings.refresh.history / settings.refresh.every)
    times = pd.date_range(end=now, periods=count, freq=settings.refresh.every)
    full = pd.concat([sample] * count, ignore_index=True)
    full["time"] = times.repeat(len(sample))
    declared = DASHBOARD.pipeline.tables
    batch = tables.validate({"readings": full}, declared, pipeline.rules(settings, now))
    return merge.merge(None, batch, declared, now, now, settings.refresh).snapshot


def main():
    """Run the refreshes, and print a line after each tenth of them."""
    refreshes = int(sys.argv[1])
    settings = DASHBOARD.settings.load()
    source = settings.source.model_copy(update={"sample_seconds": 0.01})
    settings = settings.model_copy(update={"source": source})
    memory = memory_store.MemoryStore()
    memory.publish(filled(settings, datetime.now(UTC)))
    client = DASHBOARD.build(settings, app.create_app, memory)[0].server.test_client()
    client.get("/")
    job = scheduler.Scheduler(settings, memory, DASHBOARD.pipeline, executors.ThreadExecutor())
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        for count in range(1, refreshes + 1):
            clock.shift(timedelta(seconds=2))
            before = memory.latest()
            while memory.latest() is before:
                job.tick()
                assert not memory.status().error, memory.status()
            own.draw(client)
            if count % (refreshes // 10) == 0:
                rows = len(memory.latest().tables["readings"])
                used = psutil.Process().memory_info().rss
                print(json.dumps({"refreshes": count, "rows": rows, "bytes": used}), flush=True)


if __name__ == "__main__":
    main()
