"""Measures nginx's cache in front of a page: its throughput, and what reaches the server."""

import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import nginx
from measures import Bounds, Row, summary, throughput
from nginx import Front
from servers import HERE, Server, serving
from work import EVERY

OWN = {"connection", "content-length", "date", "server"}  # headers that each server adds


def rates(
    origin: Server, front: Front, home: Path, live: Path, file: Path, rounds: int, seconds: int
) -> list[Row]:
    """Request one view as often as possible from nginx: what it caches of the page, and the same
    bytes from its cache in front of bare waitress, and from a file.

    `file` is for the bytes. In turns, because other programs may slow one down.
    """
    body = origin.view()
    headers, content = origin.ask(body)
    same = json.dumps([it for it in headers.items() if it[0].lower() not in OWN])
    file.write_bytes(content)
    found: dict[str, list[float]] = {}
    with ExitStack() as stack:
        bare = stack.enter_context(serving("bare", home, live, str(file), same))
        cached = stack.enter_context(nginx.caching(live, bare)).server
        others = {
            "cache of the page": (front.server, front.server.view_url(body)),
            "cache of bare waitress": (cached, "/_view"),
            "static file": (stack.enter_context(nginx.static(file)), "/view"),
        }
        for _ in range(rounds):
            for app, (server, url) in others.items():
                rate = throughput(server, b"", seconds, url=url)["views/s"]
                found.setdefault(app, []).append(rate)
    return [{"nginx": app, "views/s": statistics.median(it)} for app, it in found.items()]


def crowd(front: Front, count: int, seconds: float) -> Row:
    """Run simulated viewers with five choices, and measure what each update costs the server."""
    command = [sys.executable, str(HERE / "crowd.py"), front.server.url, str(count)]
    process = subprocess.Popen([*command, str(seconds + 1)], stdout=subprocess.PIPE, text=True)
    time.sleep(5.5)  # they arrive over five seconds
    cpu, began = front.server.cpu(), time.time()
    time.sleep(seconds)
    cpu, ended = front.server.cpu() - cpu, time.time()
    viewers = json.loads(process.communicate()[0])
    reached = [path for at, path in front.requests() if began <= at < ended]
    seen = [{int(key): at for key, at in viewer["seen"].items()} for viewer in viewers]
    row = summary(seen, 0, cpu, began, ended)
    updates = (ended - began) / EVERY
    return {
        "viewers": count,
        "polls": sum(it.endswith("_live") for it in reached) / updates,
        "views": sum(it.endswith("_view") for it in reached) / updates,
        "origin CPU ms": 1000 * cpu / updates,
        "fresh p50 s": row["fresh p50 s"],
        "fresh p95 s": row["fresh p95 s"],
        **{key: row[key] for key in ("missed", "of")},
        **{key: sum(it[key] for it in viewers) for key in ("errors", "mixed")},
    }


def bounds(rated: list[Row], crowds: list[Row]) -> Bounds:
    """Return the measured values with their promised bounds."""
    page, bare, _file = (row["views/s"] for row in rated)
    flat = {key: [row[key] for row in crowds] for key in ("origin CPU ms", "fresh p95 s")}
    flat["requests"] = [row["polls"] + row["views"] for row in crowds]
    wrong = sum(row[key] for row in crowds for key in ("missed", "errors", "mixed"))
    counts = f"{crowds[0]['viewers']:,} to {crowds[-1]['viewers']:,} viewers behind nginx"
    ratio = {key: max(it) / min(it) for key, it in flat.items()}
    return [
        ("views/s from nginx, of bare waitress behind it", page / bare, ">=", 0.9),
        (f"{counts}: origin CPU, most of least", ratio["origin CPU ms"], "<=", 1.1),
        (f"{counts}: origin requests, most of least", ratio["requests"], "<=", 1.1),
        (f"{counts}: fresh p95, s", max(flat["fresh p95 s"]), "<=", 1.5),
        (f"{counts}: missed, errors, mixed", wrong, "<=", 0),
    ]
