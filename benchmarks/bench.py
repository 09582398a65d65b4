"""Benchmark the template against naive Dash, careful Dash, bare waitress and nginx."""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import cached
import matplotlib.pyplot as plt
import measures
import nginx
import other_frameworks
import psutil
import slow_loads
import trees
from measures import Bounds, Row
from playwright.sync_api import Browser
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from servers import (
    CORES,
    HERE,
    SLUG,
    Server,
    pin,
    python,
    render,
    render_live,
    replicas,
    serving,
    users,
)

CONSOLE = Console(width=120)
DOCS = HERE.parent / "docs"
COLORS = ["#8a94a3", "#8a94a3", "#1d5fd1", "#c9ced6"]
TITLES = {
    "One view over 8 connections": "rates",
    "A refresh every 5 s: the server's CPU for each viewer and update": "viewers",
    "A source that brings nothing new, asked every 5 s": "quiet",
    "The poll beside a refresh": "ticks",
    "Servers on one Redis, behind nginx, over 64 connections": "capacity",
    "The page as the history grows": "history",
    "First load over plain HTTP (gzip), until the first chart": "loads",
    "First load over a slow network: seconds until a part appears": "slow",
    "One view from nginx over 8 connections": "nginx",
    "Viewers behind nginx: what each update costs the server (CPU, polls and views)": "crowds",
    "1,000 simulated viewers, now and before": "watched",
    "The three views of a refresh in ten series, now and before": "drawn",
    "Other frameworks: 4 tabs, and first load without web sockets": "peers",
}
SERVERS: dict[str, Callable[[Path, int], list[list[Path | str]]]] = {
    "waitress": lambda python, count: [[python, "-m", f"{SLUG}.server"]] * count,
    "gunicorn": lambda python, count: [
        [python.with_name("gunicorn"), "-c", "gunicorn.conf.py", f"--workers={count}"]
    ],
}


def main() -> int:
    """Run all benchmarks and print their results; return 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in about seven minutes")
    parser.add_argument("--before", metavar="REF", help="compare with a git reference, too")
    parser.add_argument("--peers", action="store_true", help="compare with other frameworks, too")
    given = parser.parse_args()
    quick = given.quick
    pin(CORES[1:])
    bounds: Bounds = []
    with tempfile.TemporaryDirectory() as folder, Progress(console=CONSOLE) as progress:
        steps = progress.add_task("", total=14)

        def step(title: str) -> None:
            progress.update(steps, advance=1, description=title)

        step("rendering")
        began = time.perf_counter()
        home = render(Path(folder) / "own")
        bounds.append(("cookiecutter --no-input, s", time.perf_counter() - began, "<=", 2))
        live = render_live(Path(folder) / "live")
        subprocess.run(["uv", "sync", "--quiet"], cwd=home, check=True)
        rows: dict[str, list[Row]] = {key: [] for key in TITLES.values()}
        with measures.chromium() as browser:
            for name in ("naive", "live") if quick else ("naive", "careful", "live"):
                step(name)
                with serving(name, home, live) as server:
                    compare(name, server, browser, quick, rows)
                    (Path(folder) / "view").write_bytes(server.ask(server.view())[1])
            step("a source without news")
            with serving("live", home, live, source__quiet=True) as server:
                rows["quiet"].append(measures.quiet(browser, server, 8, 10 if quick else 30))
            step("first loads over slow networks")
            projects = {"full": render(Path(folder) / "csv", source="csv")}
            if given.before:
                tree = trees.checkout(given.before, Path(folder) / "before")
                projects = {"before": render(tree / "csv", tree, source="csv"), **projects}
            npm = Path(folder) / "npm"
            rows["slow"] = slow_loads.measure(browser, home, projects, npm, quick)
            if given.peers:
                step("other frameworks")
                seconds = 10 if quick else 30
                rows["peers"] = other_frameworks.measure(browser, Path(folder) / "peers", seconds)
        step("bare waitress")
        rows["rates"] += measures.beside_bare(home, live, Path(folder) / "view", 2 if quick else 6)
        step("nginx")
        with (
            serving("live", home, live, **nginx.SETTINGS) as server,
            nginx.caching(live, server) as front,
        ):
            rounds, seconds = (3, 1) if quick else (5, 3)
            rows["nginx"] = cached.rates(
                server, front, home, live, Path(folder) / "cached", rounds, seconds
            )
            counts = [10, 1_000] if quick else [10, 100, 1_000, 10_000]
            rows["crowds"] = [cached.crowd(front, count, 15 if quick else 60) for count in counts]
        if given.before:
            step("the state before")
            pages = {"before": render_live(tree / "live", tree), "now": live}
            rows["watched"] = trees.viewers(home, pages, 15 if quick else 30, 1 if quick else 3)
            pages = {"before": render(tree / "own", tree), "now": home}
            sizes = [100_000, 1_000_000, 10_000_000]
            rows["drawn"] = trees.view_cpu(home, pages, sizes, 1 if quick else 3)
        if not quick:
            step("passwords")
            with serving("live", home, live, auth__users=users(home, "ann", "right")) as server:
                row = measures.simulated(server, 1000, 30, server.login("ann", "right"))
                rows["viewers"].append({"app": "live, with a password", **row})
        step("a busy refresh")
        for worker in ("thread", "process"):
            burning = {"source__burn_seconds": 3, "refresh__worker": worker}
            with serving("live", home, live, **burning) as server:
                server.free_workers()
                tick = measures.tick(server, 5 if quick else 30)
                rows["ticks"].append({"refresh": f"3 s of each 5 s, in a {worker}", **tick})
        step("replicas")
        for kind, count in product([] if quick else SERVERS, (1, 2, 3)):
            with replicas(home, live, *SERVERS[kind](python(home), count)) as server:
                row = measures.capacity(server, 10)
                rows["capacity"].append({"servers": f"{count} {kind}", **row})
        step("history")
        counts = [10_000, 1_000_000] if quick else [10_000, 100_000, 1_000_000]
        rows["history"] = measures.history(home, counts)
        if not quick:
            step("memory")
            bounds.append(("memory after 2,000 refreshes", memory(home, 2000), "<=", 1.05))
    for title, key in TITLES.items():
        if rows[key]:
            show(title, [readable(row) for row in rows[key]])
    if not quick:
        plot(rows)
    bounds += judge(rows) + cached.bounds(rows["nginx"], rows["crowds"])
    bounds += slow_loads.bounds(rows["slow"])
    if given.before:
        bounds += trees.bounds(rows["watched"], rows["drawn"])
    return verdict(bounds)


def compare(
    name: str, server: Server, browser: Browser, quick: bool, rows: dict[str, list[Row]]
) -> None:
    """Run the measurements that compare the apps."""
    body = server.view()
    server.ask(body)  # Dash's first requests race (plotly/dash#3971)
    if name != "live":
        rate = measures.throughput(server, body, 2 if quick else 6)
        rows["rates"].append({"app": name, **rate})
    else:
        idle = measures.tick(server, 3 if quick else 30)
        rows["ticks"].append({"refresh": "idle", **idle})
    counts = {"naive": [], "careful": [10, 100], "live": [1000] if quick else [10, 100, 1000]}
    seconds = 5 if quick else 30  # whole refreshes
    watching = [measures.tabs(browser, server, 4, seconds)]
    watching += [measures.simulated(server, count, max(seconds, 10)) for count in counts[name]]
    rows["viewers"] += [{"app": name, **row} for row in watching]
    if name != "careful":
        load = measures.first_load(browser, server, 1 if quick else 5)
        rows["loads"].append({"app": name, **load})


def judge(rows: dict[str, list[Row]]) -> Bounds:
    """Return the measured values with their promised bounds."""
    rate = {row["app"]: row["views/s"] for row in rows["rates"]}
    of = {(row["app"], row["viewers"]): row for row in rows["viewers"]}
    cpu = {key: row["CPU ms/update"] for key, row in of.items()}
    tabs, hundred, thousand = "4 tabs", "100 simulated", of["live", "1,000 simulated"]
    polls = max(row["polls/update"] for (app, _), row in of.items() if app == "live")
    first, *_, last = rows["history"]
    naive, own = (row["first load bytes"] for row in rows["loads"])
    bounds = [
        ("views/s, of naive", rate["live"] / rate["naive"], ">=", 100),
        ("views/s, of bare waitress", rate["live"] / rate["bare waitress"], ">=", 0.75),
        ("CPU at 4 tabs, of naive", cpu["live", tabs] / cpu["naive", tabs], "<=", 0.01),
        ("polls an update", polls, "<=", 2),
        ("1,000 viewers: fresh p95, s", thousand["fresh p95 s"], "<=", 2),
        ("1,000 viewers: errors", thousand["errors"], "<=", 0),
        ("1,000 viewers: missed updates", thousand["missed"], "<=", 0),
        ("page at 10⁶ rows, of 10⁴", last["page"] / first["page"], "<=", 1.1),
        ("refresh at 10⁶ rows, s", last["seconds"], "<=", 0.2),
        ("first load, of naive", own / naive, "<=", 1 / 3),
    ]
    idle, _thread, process = (row["tick p99 ms"] for row in rows["ticks"])
    bounds.append(("tick p99 with a busy process, of idle", process / idle, "<=", 1.25))
    carried = {row["servers"]: row["views per CPU s"] for row in rows["capacity"]}
    for name, value in carried.items():
        if not name.startswith("1"):
            share = value / carried[f"1 {name.split()[1]}"]
            bounds.append((f"views per CPU s: {name}, of one", share, ">=", 0.9))
    if locked := of.get(("live, with a password", "1,000 simulated")):
        share = locked["CPU ms/update"] / thousand["CPU ms/update"]
        bounds.append(("1,000 viewers with a password: CPU, of without", share, "<=", 1.25))
        missed = locked["errors"] + locked["missed"]
        bounds.append(("1,000 viewers with a password: errors, missed", missed, "<=", 0))
    if "careful" in rate:
        share = cpu["live", hundred] / cpu["careful", hundred]
        bounds.append(("CPU at 100 viewers, of careful", share, "<=", 1 / 3))
    if last["peak"]:
        bounds.append(("memory at 10⁶ rows, of table", last["peak"] / last["table"], "<=", 3))
    return bounds


def memory(project: Path, refreshes: int) -> float:
    """Return the ratio of memory use after many refreshes to that after a tenth of them."""
    command = ["uv", "run", "python", str(HERE / "memory.py"), str(refreshes)]
    output = subprocess.run(command, cwd=project, check=True, stdout=subprocess.PIPE).stdout
    rows = [json.loads(line) for line in output.splitlines()]
    return float(rows[-1]["bytes"] / rows[0]["bytes"])


def readable(row: Row) -> Row:
    """Convert bytes to kB or MB."""
    units = {"page": ("kB", 1e3), "packed": ("kB", 1e3), "table": ("MB", 1e6), "peak": ("MB", 1e6)}
    units["first load bytes"] = "kB", 1e3
    return {
        f"{key.removesuffix(' bytes')} {units[key][0]}" if key in units else key: (
            value / units[key][1] if key in units and value else value
        )
        for key, value in row.items()
    }


def show(title: str, rows: list[dict]) -> None:
    """Print a table."""
    CONSOLE.print(f"\n{title}")
    table = Table()
    for column in dict.fromkeys(key for row in rows for key in row):
        table.add_column(column, justify="right")
        rows = [{**row, column: row.get(column, "")} for row in rows]
    for row in rows:
        cells = [f"{it:,.4g}" if isinstance(it, float) and it < 1000 else it for it in row.values()]
        table.add_row(*(f"{it:,.0f}" if isinstance(it, int | float) else str(it) for it in cells))
    CONSOLE.print(table)


def verdict(bounds: list[tuple[str, float, str, float]]) -> int:
    """Print the bounds and the machine; return 1 if a bound is broken."""
    CONSOLE.print("\nBounds")
    table = Table()
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


def plot(rows: dict[str, list[Row]]) -> None:
    """Save the README's chart."""
    names = {"naive": "naive Dash", "careful": "careful Dash", "live": "this template"}
    rate = {row["app"]: row["views/s"] for row in rows["rates"]}
    cpu = {(row["app"], row["viewers"]): row["CPU ms/update"] for row in rows["viewers"]}
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.8), layout="constrained")
    left.barh([*names.values(), "bare waitress"], [rate[it] for it in (*names, "bare waitress")])
    left.set(title="Views per second, one core", xscale="log")
    right.barh(list(names.values()), [cpu[name, "4 tabs"] for name in names])
    right.set(title="Server CPU, ms per viewer and update", xscale="log")
    for axes in (left, right):
        axes.bar_label(axes.containers[0], fmt="{:,.0f}", padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.2)
        axes.spines[["top", "right"]].set_visible(False)
        for bar, color in zip(axes.patches, COLORS, strict=False):
            bar.set_color(color)
    figure.savefig(DOCS / "benchmark.png", dpi=150)


if __name__ == "__main__":
    sys.exit(main())
