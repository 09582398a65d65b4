"""Measure this project against naive and careful Dash and bare waitress; `--quick` for every day."""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import measures
import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from servers import CORES, HERE, pin, python, render, render_live, serving

CONSOLE = Console(width=110)
DOCS = HERE.parent / "docs"


def main() -> int:
    """Run every benchmark, print its tables and the bounds; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in two minutes, with shorter runs")
    quick = parser.parse_args().quick
    pin(CORES[1:])
    bounds: list[tuple[str, float, str, float]] = []
    with tempfile.TemporaryDirectory() as folder, Progress(console=CONSOLE) as progress:
        steps = progress.add_task("", total=8)

        def step(title: str) -> None:
            progress.update(steps, advance=1, description=title)

        step("rendering")
        began = time.perf_counter()
        home = render(Path(folder) / "own")
        bounds.append(("cookiecutter --no-input, s", time.perf_counter() - began, "<=", 2))
        live = render_live(Path(folder) / "live")
        subprocess.run(["uv", "sync", "--quiet"], cwd=home, check=True)
        subprocess.run(["uv", "pip", "install", "--quiet", "--python", python(home), "psutil"])

        step("views a second")
        rows = measures.throughput(home, live, 2 if quick else 6)
        show("One view, 8 connections, server on one core", rows)
        rate = {row["app"]: row["views/s"] for row in rows}
        bounds += [
            ("views/s, of naive", rate["live"] / rate["naive"], ">=", 100),
            ("views/s, of bare waitress", rate["live"] / rate["bare"], ">=", 0.7),
        ]

        step("viewers")
        rows = viewers(home, live, quick)
        show("A refresh every 5 s: server CPU for each viewer and update", rows)
        cpu = {(row["app"], row["viewers"]): row["CPU ms/update"] for row in rows}
        tabs, hundred, thousand = "4 tabs", "100 simulated", "1000 simulated"
        last = next(row for row in rows if row["viewers"] == thousand)
        polls = [row["polls/update"] for row in rows if row["app"] == "live"]
        bounds += [
            ("CPU of naive, 4 tabs", cpu["live", tabs] / cpu["naive", tabs], "<=", 0.01),
            ("CPU of careful, 100", cpu["live", hundred] / cpu["careful", hundred], "<=", 1 / 3),
            ("polls an update, at most", max(polls), "<=", 2),
            ("1,000 viewers, fresh p95, s", last["fresh p95 s"], "<=", 2),
            ("1,000 viewers, errors", last["errors"], "<=", 0),
            ("1,000 viewers, missed", float(last["missed"].split()[0]), "<=", 0),
        ]

        step("tick while a refresh is busy")
        rows = []
        for name, burn in (("idle", 0), ("thread", 3)):
            with serving("live", home, live, burn_seconds=burn) as server:
                rows.append({"refresh": name, **measures.tick(server, 6 if quick else 30)})
        show("The poll while 3 s of each 5 s go into a refresh", rows)

        step("history")
        rows = measures.history(home, [10_000, 100_000, 1_000_000])
        first, last = rows[0], rows[-1]
        show("The page as the history grows", [readable(row) for row in rows])
        bounds += [
            ("page at 10⁶ rows, of 10⁴", last["page"] / first["page"], "<=", 1.1),
            ("refresh at 10⁶ rows, s", last["seconds"], "<=", 0.2),
        ]
        if last["peak"]:
            bounds.append(("memory at 10⁶ rows, of table", last["peak"] / last["table"], "<=", 3))

        step("first load")
        rows = []
        with measures.chromium() as browser:
            for name in ("naive", "live"):
                with serving(name, home, live) as server:
                    load = measures.first_load(browser, server, 1 if quick else 5)
                    rows.append({"app": name, **load})
        show("First load, gzip", rows)
        naive, own = (row["first load bytes"] for row in rows)
        bounds.append(("first load, of naive", own / naive, "<=", 1 / 3))

        step("memory")
        bounds.append(("memory after refreshes", memory(home, 200 if quick else 2000), "<=", 1.05))
        step("done")
    if not quick:
        plot(rate, cpu)
    return verdict(bounds)


def viewers(home: Path, live: Path, quick: bool) -> list[dict]:
    """Let tabs and simulated viewers watch each app."""
    rows = []
    seconds = 10 if quick else 30
    with measures.chromium() as browser:
        for name in ("naive", "careful", "live"):
            with serving(name, home, live) as server:
                rows.append({"app": name, **measures.tabs(browser, server, 4, seconds)})
    for name in ("careful", "live"):
        for count in [100] if quick else [10, 100]:
            with serving(name, home, live) as server:
                rows.append({"app": name, **measures.simulated(server, count, seconds)})
    with serving("live", home, live) as server:
        rows.append({"app": "live", **measures.simulated(server, 1000, seconds)})
    return rows


def memory(project: Path, refreshes: int) -> float:
    """Return resident memory after many refreshes at full history, over that after a tenth."""
    command = ["uv", "run", "python", str(HERE / "memory.py"), str(refreshes)]
    output = subprocess.run(command, cwd=project, check=True, stdout=subprocess.PIPE).stdout
    rows = [json.loads(line) for line in output.splitlines()]
    show("Resident memory at full history", [rows[0], rows[-1]])
    return float(rows[-1]["bytes"] / rows[0]["bytes"])


def readable(row: dict) -> dict:
    """Say bytes in kB and MB."""
    return {
        "rows": row["rows"],
        "refresh ms": 1000 * row["seconds"],
        "page kB": row["page"] / 1e3,
        "gzip kB": row["packed"] / 1e3,
        "table MB": row["table"] / 1e6,
        "peak MB": (row["peak"] or 0) / 1e6,
    }


def show(title: str, rows: list[dict]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    for column in dict.fromkeys(key for row in rows for key in row):
        table.add_column(column, justify="right")
        rows = [{**row, column: row.get(column, "")} for row in rows]
    for row in rows:
        cells = [f"{it:,.4g}" if isinstance(it, float) and it < 1000 else it for it in row.values()]
        table.add_row(*(f"{it:,.0f}" if isinstance(it, int | float) else str(it) for it in cells))
    CONSOLE.print(table)


def verdict(bounds: list[tuple[str, float, str, float]]) -> int:
    """Print the bounds, and the machine."""
    table = Table(title="Bounds", title_justify="left")
    for column in ("what", "measured", "bound", ""):
        table.add_column(column, justify="left" if column == "what" else "right")
    broken = 0
    for what, value, sign, bound in bounds:
        holds = value <= bound if sign == "<=" else value >= bound
        broken += not holds
        mark = "[green]holds" if holds else "[red]broken"
        table.add_row(what, f"{value:.4g}", f"{sign} {bound:.4g}", mark)
    gib = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, {len(CORES)} cores, {gib:.0f} GiB"
    table.caption = f"{system}, Python {platform.python_version()}"
    CONSOLE.print(table)
    return int(bool(broken))


def plot(rate: dict[str, float], cpu: dict[tuple[str, str], float]) -> None:
    """Save the picture of the README."""
    names = {"naive": "naive Dash", "careful": "careful Dash", "live": "this template"}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
    left.barh([*names.values(), "bare waitress"], [rate[it] for it in (*names, "bare")])
    left.set(title="Views a second, one core", xscale="log")
    right.barh(list(names.values()), [cpu[name, "4 tabs"] for name in names])
    right.set(title="Server CPU, ms for each viewer and update", xscale="log")
    for axes in (left, right):
        axes.bar_label(axes.containers[0], fmt="{:,.3g}", padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.2)
        axes.spines[["top", "right"]].set_visible(False)
        for bar, color in zip(axes.patches, ["#8a94a3", "#8a94a3", "#1d5fd1", "#c9ced6"]):
            bar.set_color(color)
    figure.savefig(DOCS / "benchmark.png", dpi=150)


if __name__ == "__main__":
    sys.exit(main())
