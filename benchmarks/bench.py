"""Render the default project, install it, and measure it there; `--quick` for every day."""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).parents[1]
BOUND = 1.05  # memory after all refreshes, as a multiple of that after a tenth of them


def main() -> int:
    """Run every benchmark and print its table; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the refreshes")
    refreshes = 400 if parser.parse_args().quick else 2000
    with tempfile.TemporaryDirectory() as folder:
        project = render(Path(folder))
        return memory(project, refreshes)


def render(folder: Path) -> Path:
    """Render the default project, tell how long that took, and install it."""
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", str(folder)]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    print(f"cookiecutter --no-input: {time.perf_counter() - started:.2f} s (bound 2)")
    project = next(folder.iterdir())
    subprocess.run(["uv", "sync", "--quiet"], cwd=project, check=True)
    return project


def memory(project: Path, refreshes: int) -> int:
    """Measure resident memory over many refreshes at full history, each one drawn as a page."""
    process = subprocess.Popen(
        ["uv", "run", "python", str(ROOT / "benchmarks" / "memory.py"), str(refreshes)],
        cwd=project,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    lines = track(process.stdout, "memory", total=10, console=Console(stderr=True))
    rows = [json.loads(line) for line in lines]
    if process.wait():
        return process.returncode
    first = rows[0]["bytes"]
    table = Table(title=f"Resident memory at full history ({rows[0]['rows']:,} rows)")
    for column in ("refreshes", "MB", "of the first"):
        table.add_column(column, justify="right")
    for row in rows:
        mb, ratio = row["bytes"] / 1e6, row["bytes"] / first
        table.add_row(f"{row['refreshes']:,}", f"{mb:.1f}", f"{ratio:.3f}")
    gib = psutil.virtual_memory().total / 2**30
    table.caption = f"{platform.platform()}, Python {platform.python_version()}, {gib:.0f} GiB"
    Console().print(table)
    last = rows[-1]["bytes"] / first
    print(f"last / first = {last:.3f} (bound {BOUND})")
    return int(last > BOUND)


if __name__ == "__main__":
    sys.exit(main())
