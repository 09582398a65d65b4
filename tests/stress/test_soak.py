"""Months of refreshes in minutes: a fast clock, a failing source, and viewers throughout."""

import os
import re
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
import pytest

from helpers.hostile import known
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.servers import Server
from helpers.viewers import Viewer, views

pytestmark = pytest.mark.slow

# The number of refreshes; REFRESHES=20000 takes three quarters of an hour.
REFRESHES = int(os.environ.get("REFRESHES", "600"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
VIEWERS = 50
SPEEDUP = 10  # how many times faster the clock runs; there is one refresh per fast second
HISTORY = 30  # fast seconds to keep, so that the table is full long before the warm-up ends
WARM = 0.2  # share of refreshes for the warm-up, and for each of the two parts compared
SECONDS = 2  # real time from a recovery until the next poll of the last viewer


@dataclass(frozen=True)
class Reading:
    """The resources that a process used at one moment."""

    refreshes: int
    memory: int
    files: int
    threads: int


@dataclass
class Journal:
    """Follows a server's log and counts its refreshes."""

    path: Path
    published: list[int] = field(default_factory=list)
    recovered: list[int] = field(default_factory=list)  # versions published after a failure
    failures: int = 0
    _position: int = 0
    _failing: bool = False

    def read(self) -> int:
        """Read new lines, and return the number of refreshes so far."""
        with self.path.open("rb") as log:
            log.seek(self._position)
            lines = log.read().rpartition(b"\n")[0]
        self._position += len(lines)
        for found in re.finditer(rb"refresh failed|published version=(\d+)", lines):
            if not found[1]:
                self.failures += 1
                self._failing = True
                continue
            self.published.append(int(found[1]))
            if self._failing:
                self.recovered.append(int(found[1]))
            self._failing = False
        return len(self.published) + self.failures


def soaking(project: Project, start: float) -> AbstractContextManager[Server]:
    """Serve a project with soak.py."""
    settings = {
        "SERVER__PORT": "0",
        "REFRESH__EVERY": "1s",
        "REFRESH__HISTORY": f"{HISTORY}s",
        "REFRESH__RETRY_AT_MOST": "2s",
    }
    arenas = {"MALLOC_ARENA_MAX": "2"}  # as in deploy/dashboard.service
    return project.serving_by("soak", start, SPEEDUP, SEED, environment=arenas, **settings)


def watch(server: Server, journal: Journal) -> list[Reading]:
    """Measure a server until it has done all its refreshes."""
    process, readings = psutil.Process(server.process.pid), []
    files = process.num_handles if os.name == "nt" else process.num_fds
    until = time.monotonic() + 60 + REFRESHES
    while (count := journal.read()) < REFRESHES:
        assert time.monotonic() < until, f"{count} refreshes only"
        memory = process.memory_info().rss
        readings.append(Reading(count, memory, files(), process.num_threads()))
        time.sleep(0.1)
    return readings


def between(readings: list[Reading], first: float, last: float) -> Reading:
    """Summarize part of the measurements; threads are a minimum, because refreshes start some."""
    some = [it for it in readings if first <= it.refreshes / REFRESHES <= last]
    return Reading(
        refreshes=len(some),
        memory=int(median(it.memory for it in some)),
        files=int(median(it.files for it in some)),
        threads=min(it.threads for it in some),
    )


def test_months_of_refreshes_leak_nothing(machine: Project) -> None:
    start = time.time()
    bodies = views(known(machine).bodies)
    with soaking(machine, start) as server, ExitStack() as stack:
        viewers = [Viewer(server.url, bodies, SPEEDUP, hang_up_rate=0.02) for _ in range(VIEWERS)]
        for viewer in viewers:
            viewer.start()
            stack.callback(viewer.stop)
        wait_until(lambda: all(viewer.seen for viewer in viewers))
        began = time.time()
        readings = watch(server, journal := Journal(server.log))
        until = time.time() - SECONDS
        newest = journal.published[-1]  # on a busy machine, viewers may be behind
        wait_until(lambda: all(max([*it.seen]) >= newest for it in viewers))

    def published(version: int) -> float:
        return start + (version / 1000 - start) / SPEEDUP

    recovered = [it for it in journal.recovered if began < published(it) < until]
    # A viewer then sends a poll and three views, which take longer on a busy machine.
    slowest = max(4 * max(viewer.took) for viewer in viewers)
    late = [max(viewer.after(it) - published(it) for viewer in viewers) for it in recovered]
    warm, last = between(readings, WARM, 2 * WARM), between(readings, 1 - WARM, 1)
    parts = [
        [it.memory for it in readings if 10 * it.refreshes // REFRESHES == part]
        for part in range(10)
    ]
    tenths = [round(median(it) / 1e6) if it else None for it in parts]
    print(
        f"{len(journal.published)} versions, {journal.failures} failures, {len(late)} recoveries, "
        f"the last viewer after {max(late):.2f} s at the most, of which its requests "
        f"may have taken {slowest:.2f} s; {time.time() - start:.0f} s in all"
        f"\nwarm {warm}\nlast {last}"
        f"\nMB by tenths {tenths}"
    )
    assert not [it for viewer in viewers for it in viewer.failed]
    assert max(late) <= SECONDS + slowest
    assert last.memory <= warm.memory * 1.02
    assert (last.files, last.threads) == (warm.files, warm.threads)
