"""Measure the bytes that stores write and send, in the working tree and at a git reference.

Run it on Linux with the Python of a rendered project with all extras, for example
my_dashboard/.venv/bin/python benchmarks/store_bytes.py main
"""

import argparse
import importlib
import io
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import psutil
import redis

ENGINE = "{{cookiecutter.project_slug}}/{{cookiecutter.project_slug}}/engine"
ROOT, PORT = Path(__file__).parents[1], 16379
NEW = 100  # rows of each refresh


def main() -> None:
    """Measure both, and print the bytes for each refresh and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--refreshes", type=int, default=500)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.rows, given.refreshes)
        return
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, tree in (("before", given.reference), ("after", "")):
            home = Path(folder) / name
            command = ["git", "archive", tree or stashed(), ENGINE]
            files = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
            with tarfile.open(fileobj=io.BytesIO(files)) as archive:
                archive.extractall(home, filter="data")
            command = [sys.executable, __file__, *sys.argv[1:], "--measure"]
            home /= Path(ENGINE).parent
            done = subprocess.run(command, cwd=home, check=True, stdout=subprocess.PIPE)
            found[name] = json.loads(done.stdout)
            print(name, json.dumps(found[name], indent=1))
    for key, value in found["before"].items():
        print(f"{key}: 1/{value / found['after'][key]:.1f}")


def stashed() -> str:
    """Return a commit of the working tree, or of the last commit if nothing has changed."""
    command = ["git", "stash", "create"]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return made.strip() or "HEAD"


def measure(rows: int, refreshes: int) -> None:
    """Refresh a store that three processes share; print bytes and seconds as JSON."""
    result = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        redis_server(folder),
        redis.Redis(port=PORT) as client,
    ):
        written = psutil.Process().io_counters
        counters = {
            (Path(folder) / "store").as_uri(): lambda: written().write_chars,
            f"redis://127.0.0.1:{PORT}/0": lambda: sum(
                client.info("stats")[f"total_net_{it}_bytes"] for it in ("input", "output")
            ),
        }
        for url, count in counters.items():
            for key, value in refreshed(url, count, rows, refreshes).items():
                result[f"{url.partition(':')[0]}: {key}"] = value
    print(json.dumps(result))


@contextmanager
def redis_server(folder):
    """Run Redis without storing anything on disk."""
    server = ["redis-server", "--port", str(PORT), "--save", "", "--dir", folder]
    with subprocess.Popen(server, stdout=subprocess.DEVNULL) as process:
        try:
            time.sleep(1)
            yield
        finally:
            process.terminate()


def refreshed(url, count, rows, refreshes):
    """Return the mean bytes of a refresh, and the median seconds of a start."""
    sys.path.insert(0, str(Path.cwd()))
    names = "engine engine.data.merge engine.data.status engine.data.store engine.data.tables"
    engine, merge, status, stores, tables = map(importlib.import_module, names.split())
    columns = {"time": pa.Column(engine.UTC), "series": pa.Column(engine.TEXT)}
    schema = pa.DataFrameSchema({**columns, "value": pa.Column(float)}, coerce=True)
    declared = {"readings": engine.Table(schema, ("time", "series"), "append")}
    settings = importlib.import_module("engine.settings").Refresh
    start = datetime.now(UTC) - timedelta(days=20)
    data, every = history(start, rows), timedelta(seconds=5 * NEW / 10)
    refresh = settings(history=5 * rows / 10 * timedelta(seconds=1), overlap=timedelta(0))
    now = start + refresh.history
    writer, *others = (stores.open_store(url, "bench", declared) for _ in range(3))
    whole = tables.Batch({"readings": data.iloc[:rows]})
    writer.publish(merge.merge(None, whole, declared, now, now, refresh).snapshot)
    for it in others:
        it.sync()
    starts = [started(stores, url, declared)]
    before = count()
    for number in range(1, refreshes + 1):
        now += every
        end = rows + NEW * number
        new = data.iloc[end - NEW - 10 : end].reset_index(drop=True)  # ten are known
        last = writer.latest()
        update = merge.merge(last, tables.Batch({"readings": new}), declared, now, now, refresh)
        assert writer.publish(update.snapshot, over=last.version) and update.rows == NEW
        for it in others:
            it.sync()
        if number % 50 == 0 or number == refreshes:
            assert len({digest(it.latest()) for it in (writer, *others)}) == 1
    after = count()
    outcome = status.Outcome(now, 0.25, 100)
    told = status.Status(now, refreshed=now, due=now, changes=(outcome,) * 50)
    writer.report(told)
    counting = -count() + count()  # Redis counts the question, too
    quiet = -count() - counting
    writer.report(replace(told, refreshed=now + every))
    quiet += count()
    starts.append(started(stores, url, declared))
    return {
        "bytes of a refresh": (after - before) / refreshes,
        "bytes of one without news": quiet,
        "ms of a start at first": starts[0],
        "ms of a start at the end": starts[1],
    }


def started(stores, url, declared):
    """Return how long a process takes to read the store."""
    seconds = []
    for _ in range(7):
        began = time.perf_counter()
        assert stores.open_store(url, "bench", declared).latest()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1000


def history(start, rows):
    """Return ten series with uneven times, a row of each about every five seconds."""
    count, rng = (rows + NEW * 1_000) // 10, np.random.default_rng(0)
    times = pd.date_range(start, periods=count, freq="5s", unit="us")
    times += pd.to_timedelta(rng.integers(0, 1_000_000, count), unit="us")
    codes = np.tile(np.arange(10, dtype="int8"), count)
    names = pd.Categorical.from_codes(codes, list("abcdefghij"))
    values = rng.normal(50, 10, len(names))
    return pd.DataFrame({"time": times.repeat(10), "series": names, "value": values})


def digest(snapshot):
    """Return the version and a hash of all rows, in order."""
    hashes = pd.util.hash_pandas_object(snapshot.tables["readings"]).to_numpy()
    return snapshot.version, hash(hashes.tobytes())


if __name__ == "__main__":
    main()
