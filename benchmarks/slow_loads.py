"""Measures first loads over slow networks, emulated by Chromium."""

import json
import statistics
import subprocess
from itertools import product
from pathlib import Path

from measures import Bounds, Row
from playwright.sync_api import Browser
from servers import SLUG, python, serving

# Megabits a second, and milliseconds there and back: the slow one is Lighthouse's.
NETWORKS = {"1.6 Mbit/s": (1.6, 150), "4 Mbit/s": (4, 40)}
# Browsers accept brotli only from hosts that they trust, which are those with TLS, and their own.
HOSTS = {"gzip": "dashboard.test", "br": "127.0.0.1"}
LIMITS = (("full", "br", 1.6), ("cartesian", "gzip", 0.9), ("cartesian", "br", 0.9))  # MB
QUICK = [("1.6 Mbit/s", "gzip"), ("4 Mbit/s", "br")]
PACKAGE, BUNDLE = "plotly.js-cartesian-dist-min", "plotly-cartesian.min.js"
PARTS = {"title": "h1", "cards": ".card", "chart": ".js-plotly-plot .trace"}
# Notes when each part of the page first appears.
WATCH = """(parts => {
    window.at = {};
    const look = () => {
        for (const [name, found] of Object.entries(parts))
            if (!(name in window.at) && document.querySelector(found))
                window.at[name] = performance.now() / 1000;
    };
    new MutationObserver(look).observe(document, {childList: true, subtree: true});
})"""


def measure(
    browser: Browser, home: Path, projects: dict[str, Path], folder: Path, quick: bool
) -> list[Row]:
    """Measure each project with all of plotly.js, and the last one with the cartesian bundle.

    The folder is for what npm downloads.
    """
    pairs = QUICK if quick else list(product(NETWORKS, HOSTS))
    *_, last = projects
    rows = []
    for name, project in {**projects, "cartesian": projects[last]}.items():
        bundle = project / SLUG / "assets" / BUNDLE
        if name == "cartesian":
            bundle.write_bytes(smaller_plotly(python(home), folder))
        with serving("live", home, project) as server:
            for network, encoding in pairs:
                row = first_load(browser, server.url, network, encoding, 1 if quick else 5)
                rows.append({"app": name, **row})
        bundle.unlink(missing_ok=True)
    return rows


def bounds(rows: list[Row]) -> Bounds:
    """Return the measured values with their promised bounds.

    Gzip alone takes 1.47 MB for plotly.js, so with it the full page cannot take 1.6.
    """
    of = {(row["app"], row["network"], row["encoding"]): row for row in rows}
    slow, found = "1.6 Mbit/s", []
    weight = {key[::2]: row["first load bytes"] / 1e6 for key, row in of.items()}
    for page, encoding, most in LIMITS:
        megabytes = weight[page, encoding]
        found.append((f"first load, {page}, {encoding}, MB", megabytes, "<=", most))
    for encoding in dict.fromkeys(it for _, network, it in of if network == slow):
        chart = {page: of[page, slow, encoding]["chart"] for page in ("full", "cartesian")}
        share = chart["cartesian"] / chart["full"]
        found.append((f"chart at {slow}, {encoding}, cartesian of full", share, "<=", 0.5))
        if before := of.get(("before", slow, encoding)):
            for part in ("title", "cards"):
                share = of["full", slow, encoding][part] / before[part]
                found.append((f"{part} at {slow}, {encoding}, of before", share, "<=", 1 / 3))
    return found


def smaller_plotly(python: Path, folder: Path) -> bytes:
    """Download the cartesian bundle of plotly.js in the version of plotly.py, with npm."""
    code = "import plotly.offline as it; print(it.get_plotlyjs_version())"
    version = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    package = f"{PACKAGE}@{version.stdout.strip()}"
    subprocess.run(["npm", "install", "--silent", "--prefix", folder, package], check=True)
    return (folder / "node_modules" / PACKAGE / BUNDLE).read_bytes()


def first_load(browser: Browser, url: str, network: str, encoding: str, times: int) -> Row:
    """Open a page in a fresh browser context each time; return medians."""
    url = url.replace("127.0.0.1", HOSTS[encoding])
    loads = [load(browser, url, *NETWORKS[network]) for _ in range(times)]
    row = {key: statistics.median(it[key] for it in loads) for key in loads[0]}
    return {"network": network, "encoding": encoding, **row}


def load(browser: Browser, url: str, megabits: float, latency: float) -> Row:
    """Return the bytes transferred for a page, and the seconds until its parts appear."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(f"{WATCH}({json.dumps(PARTS)})")
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    rate = megabits * 1e6 / 8
    conditions = {"latency": latency, "downloadThroughput": rate, "uploadThroughput": rate}
    session.send("Network.emulateNetworkConditions", {"offline": False, **conditions})
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda it: sizes.append(it["encodedDataLength"]))
    page.goto(url, timeout=120_000, wait_until="commit")
    for selector in PARTS.values():
        page.locator(selector).first.wait_for(timeout=120_000)
    page.wait_for_timeout(1_000)  # let the last responses finish
    at = page.evaluate("window.at")
    context.close()
    return {**at, "first load bytes": sum(sizes)}
