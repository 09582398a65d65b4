"""Run in a rendered project: refresh many times at full history and print the memory as JSON lines.

The source is real; only the clock is moved on by two seconds before each refresh, and the history
is filled beforehand, so that an hour of refreshes takes minutes.
"""

import importlib
import json
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import psutil
import time_machine

NAME = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["name"].replace("-", "_")
sys.path.insert(0, str(Path.cwd()))
app, pipeline, preprocess, reading, schedule, setting, store, worker = (
    importlib.import_module(f"{NAME}.{module}")
    for module in "app pipeline preprocess reading schedule setting store worker".split()
)
VIEWS = {"cards": "children", "trend-graph": "figure", "distribution-graph": "figure"}
CHOICES = [("snapshot-version", "data", 0), ("series", "value", []), ("window", "value", "All")]


def filled(settings, now):
    """Return a snapshot that is as long as the history allows."""
    sample = pipeline.fetch(settings, None)["readings"]
    count = int(settings.refresh.history / settings.refresh.every)
    times = pd.date_range(end=now, periods=count, freq=settings.refresh.every)
    full = pd.concat([sample] * count, ignore_index=True)
    full["time"] = times.repeat(len(sample))
    rows = preprocess.clean({"readings": full})
    return pipeline.append(None, rows, now, now, settings.refresh)


def draw(client):
    """Have each view drawn, as one page does."""
    inputs = [{"id": id_, "property": prop, "value": value} for id_, prop, value in CHOICES]
    for view, prop in VIEWS.items():
        body = {
            "output": f"{view}.{prop}",
            "outputs": {"id": view, "property": prop},
            "inputs": inputs,
            "changedPropIds": ["snapshot-version.data"],
        }
        response = client.post("/_dash-update-component", json=body)
        assert response.status_code == 200, response.text


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
            draw(client)
            if count % (refreshes // 10) == 0:
                rows = len(memory.latest().tables["readings"])
                used = psutil.Process().memory_info().rss
                print(json.dumps({"refreshes": count, "rows": rows, "bytes": used}), flush=True)


if __name__ == "__main__":
    main()
