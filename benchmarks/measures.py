"""The measurements; each function returns one or more table rows."""

import http.client
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from servers import HERE, Server, python, serving
from work import EVERY

Row = dict[str, Any]
Bounds = list[tuple[str, float, str, float]]
FLAGS = """
    --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync
""".split()
WRK = """
wrk.headers["Accept-Encoding"] = "gzip, deflate"
"""
POST = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[{body}]==]
"""
GZIPPED = json.dumps([("Content-Type", "application/json"), ("Content-Encoding", "gzip")])
# Records when each version first appears in the chart.
WATCH = """
    performance.setResourceTimingBufferSize(100000);
    window.seen = {};
    setInterval(() => {
        const version = document.querySelector(".js-plotly-plot")?.layout?.meta;
        if (version && !(version in window.seen)) window.seen[version] = Date.now() / 1000;
    }, 20);
"""
POLLS = """() => performance.getEntriesByType("resource")
    .map((it) => it.name).filter((it) => /_(live|view)(\\?|$)|_dash-update-component/.test(it))"""


def throughput(
    server: Server, body: bytes, seconds: int, connections: int = 8, url: str = ""
) -> Row:
    """Request the view as often as possible, by its URL if it has one."""
    url = url or server.view_url(body)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "view.lua"
        script.write_text(WRK if url else WRK + POST.format(body=body.decode()), "utf-8")
        load = ["-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "30"]
        run = ["wrk", *load, "-s", str(script)]
        command = [*run, server.url + (url or "/_dash-update-component")]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in output, output
    found = next(line for line in output.splitlines() if "Requests/sec" in line)
    return {"views/s": float(found.split()[1])}


def beside_bare(home: Path, live: Path, file: Path, seconds: int) -> list[Row]:
    """Request the view from the page, and the same bytes from bare waitress, in turns.

    `file` has the bytes. Only one of the two runs at a time.
    """
    found: dict[str, list[float]] = {"live": [], "bare waitress": []}
    for _ in range(3):
        with serving("live", home, live) as server:
            body = server.view()
            server.ask(body)
            found["live"].append(throughput(server, body, seconds)["views/s"])
        with serving("bare", home, live, str(file), GZIPPED) as server:
            rate = throughput(server, b"", seconds, url="/")["views/s"]
            found["bare waitress"].append(rate)
    return [{"app": app, "views/s": statistics.median(it)} for app, it in found.items()]


def capacity(server: Server, seconds: int) -> Row:
    """Request the view as often as possible from servers that share the load."""
    body = server.view()
    for _ in range(50):  # so that each server has computed it once
        server.ask(body)
    cpu = server.cpu()
    rate = throughput(server, body, seconds, 64)["views/s"]
    return {"views/s": rate, "views per CPU s": rate * seconds / (server.cpu() - cpu)}


def tabs(browser: Browser, server: Server, count: int, seconds: float) -> Row:
    """Open tabs in a real browser, and measure the server's CPU time per tab and update."""
    pages = [browser.new_page(viewport={"width": 1000, "height": 600}) for _ in range(count)]
    for page in pages:
        page.add_init_script(WATCH)
        page.goto(server.url, wait_until="commit")
    for page in pages:
        page.locator(".js-plotly-plot .trace").first.wait_for(timeout=120_000)
    pages[0].wait_for_timeout(1000 * EVERY)
    polls, began, cpu = [len(page.evaluate(POLLS)) for page in pages], time.time(), server.cpu()
    pages[0].wait_for_timeout(1000 * seconds)
    cpu, ended = server.cpu() - cpu, time.time()
    polls = [page.evaluate(POLLS)[before:] for page, before in zip(pages, polls, strict=True)]
    seen = [{int(key): at for key, at in page.evaluate("window.seen").items()} for page in pages]
    for page in pages:
        page.close()
    asks = "_live" if server.kind == "live" else "_dash"
    requests = sum(map(len, polls)) * EVERY / (count * (ended - began))
    polls = sum(asks in name for names in polls for name in names)
    row = {"viewers": f"{count} tabs", **summary(seen, polls, cpu, began, ended), "errors": 0}
    return {**row, "requests/update": requests}


def quiet(browser: Browser, server: Server, count: int, seconds: float) -> Row:
    """Open pages on a source without new data, and measure requests and CPU time."""
    row = tabs(browser, server, count, seconds)
    kept = ("viewers", "CPU ms/update", "requests/update")
    return {key: row[key] for key in kept}


def simulated(server: Server, count: int, seconds: float, *cookie: str) -> Row:
    """Run simulated viewers, with the cookie of a login if given."""
    command = [sys.executable, str(HERE / "viewers.py"), server.url, server.kind, str(count)]
    command += [str(seconds + 1), *cookie]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    time.sleep(5.5)  # they arrive over five seconds
    cpu, began = server.cpu(), time.time()
    time.sleep(seconds)
    cpu, ended = server.cpu() - cpu, time.time()
    viewers = json.loads(process.communicate()[0])
    seen = [{int(key): at for key, at in viewer["seen"].items()} for viewer in viewers]
    polls = sum(viewer["polls"] for viewer in viewers) * seconds / (seconds + 3.5)
    errors = sum(viewer["errors"] for viewer in viewers)
    return {
        "viewers": f"{count:,} simulated",
        **summary(seen, polls, cpu, began, ended),
        "errors": errors,
    }


def summary(
    seen: list[dict[int, float]], polls: float, cpu: float, began: float, ended: float
) -> Row:
    """Summarize what viewers saw; versions are Unix times in milliseconds."""
    versions = sorted({version for each in seen for version in each})
    due = [it for it in versions if began < it / 1000 < ended - 2]
    fresh = [at - it / 1000 for each in seen for it, at in each.items() if it in set(due)]
    missed = sum(it not in each for each in seen for it in due)
    # Based on time, not on what was seen: an app that shows nothing must not look cheap.
    updates = len(seen) * (ended - began) / EVERY
    p50, p95 = quantiles(fresh, 0.5, 0.95)
    return {
        "CPU ms/update": 1000 * cpu / updates,
        "polls/update": polls / updates,
        "fresh p50 s": p50,
        "fresh p95 s": p95,
        "missed": missed,
        "of": len(due) * len(seen),
    }


def quantiles(values: list[float], *shares: float) -> list[float]:
    """Return quantiles of the values; each share is between 0 and 1."""
    ordered = sorted(values)
    if not ordered:
        return [float("nan") for _ in shares]
    return [ordered[int(share * (len(ordered) - 1))] for share in shares]


def tick(server: Server, seconds: float) -> Row:
    """Poll for the newest version sequentially, at most twenty times a second."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        connection.request("GET", "/_live")
        connection.getresponse().read()
        took.append(time.perf_counter() - began)
        time.sleep(0.05)
    p50, p99 = quantiles(took, 0.5, 0.99)
    return {"tick p50 ms": 1000 * p50, "tick p99 ms": 1000 * p99}


def history(home: Path, counts: list[int]) -> list[Row]:
    """Measure refresh time, page size and memory for several row counts."""
    command = [python(home), str(HERE / "history.py")]
    outputs = [
        subprocess.run([*command, str(count)], cwd=home, check=True, stdout=subprocess.PIPE).stdout
        for count in counts
    ]
    return [json.loads(output) for output in outputs]


def first_load(browser: Browser, server: Server, times: int) -> Row:
    """Open a page in a fresh browser context, over plain HTTP as in an office network."""
    url = server.url.replace("127.0.0.1", "dashboard.test")
    weights, seconds = zip(*(load(browser, url) for _ in range(times)), strict=True)
    return {"first load bytes": statistics.median(weights), "seconds": statistics.median(seconds)}


def load(browser: Browser, url: str) -> tuple[float, float]:
    """Return the bytes transferred for a page, and the seconds until its first chart."""
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda it: sizes.append(it["encodedDataLength"]))
    began = time.perf_counter()
    page.goto(url, timeout=120_000)
    page.locator(".js-plotly-plot .trace").first.wait_for(timeout=120_000)
    seconds = time.perf_counter() - began
    page.wait_for_timeout(500)  # let the last responses finish
    context.close()
    return sum(sizes), seconds


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium, or Playwright's if there is none."""
    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    path = next(filter(None, found), None)
    name = "--host-resolver-rules=MAP dashboard.test 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, name])
        yield browser
        browser.close()
