"""Measures another state of this repository beside the working tree's, in the same run."""

import io
import json
import statistics
import subprocess
import tarfile
from pathlib import Path

from measures import Bounds, Row, simulated
from servers import HERE, python, serving

ROOT = HERE.parent


def checkout(reference: str, folder: Path) -> Path:
    """Write the files of a git reference to a folder."""
    command = ["git", "archive", reference]
    files = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def viewers(home: Path, pages: dict[str, Path], seconds: float, turns: int) -> list[Row]:
    """Measure 1,000 simulated viewers without nginx, with the states in turns."""
    found: dict[str, list[Row]] = {name: [] for name in pages}
    for _ in range(turns):
        for name, page in pages.items():
            kind = "before" if name == "before" else "live"
            with serving("live", home, page, kind=kind) as server:
                found[name].append(simulated(server, 1000, seconds))
    keys = ("CPU ms/update", "polls/update", "fresh p95 s", "missed", "errors")
    return [
        {"state": name, **{key: statistics.median(row[key] for row in rows) for key in keys}}
        for name, rows in found.items()
    ]


def bounds(watched: list[Row], drawn: list[Row]) -> Bounds:
    """Return the measured values with their promised bounds."""
    before, now = (row["CPU ms/update"] for row in watched)
    share = {row["rows"]: row["now, CPU ms"] / row["before, CPU ms"] for row in drawn}
    return [
        ("1,000 viewers: CPU, of before", now / before, "<=", 0.8),
        ("views over 10⁵ rows: CPU, of before", share[100_000], "<=", 1.1),
        ("views over 10⁷ rows: CPU, of before", share[10_000_000], "<=", 1 / 3),
    ]


def view_cpu(home: Path, projects: dict[str, Path], counts: list[int], turns: int) -> list[Row]:
    """Measure the CPU time of the overview's views, with the projects in turns."""
    rows = []
    for count in counts:
        found: dict[str, list[float]] = {name: [] for name in projects}
        for _ in range(turns):
            for name, project in projects.items():
                command = [python(home), str(HERE / "view_cpu.py"), str(count)]
                done = subprocess.run(command, cwd=project, check=True, stdout=subprocess.PIPE)
                found[name].append(json.loads(done.stdout)["CPU ms"])
        medians = {f"{name}, CPU ms": statistics.median(it) for name, it in found.items()}
        rows.append({"rows": count, **medians})
    return rows
