"""A page that stays open for months: nothing in the browser grows with the number of updates."""

import os
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import pytest
from playwright.sync_api import BrowserType, Page, expect

from helpers.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_console_errors")]

# `nox -s long` uses 5,000 updates and 200 walks, which take half an hour.
UPDATES = int(os.environ.get("UPDATES", "100"))
WALKS = int(os.environ.get("WALKS", "10"))
WARM = 0.2  # share of updates or walks after which nothing may grow
MEGABYTES = 2
FULL = 250  # updates after which the status page has its maximum number of lines

# V8 keeps compiled code, which grew by 2.4 MB from walk 10 to 60 while nothing else grew. Without
# compilation, any growth is due to the page.
INTERPRET = "--js-flags=--no-opt --no-maglev --no-sparkplug"

# Chromium caches about 100 SVG images that no page shows any more, such as the cards' former
# sparklines, each with a document of 3 nodes. So fill that cache before the first measurement.
DRAW = """async () => {
    for (let number = 0; number < 150; number += 1) {
        const image = new Image();
        image.src = "data:image/svg+xml,"
            + `<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 ${number}'/></svg>`;
        await image.decode();
    }
}"""

# Plotly caches the size of each label at each position, and clears the cache at 10,000 entries
# (4 MB). So count them and exclude them from the memory: this script gets hold of the cache. A page
# without charts has none, because it does not load Plotly.
LABELS = 10_000
CATCH = """Object.defineProperty(Object.prototype, "savedBBoxes", {
    configurable: true,
    set(boxes) {
        delete Object.prototype.savedBBoxes;
        this.savedBBoxes = boxes;
        window.drawing = this;
    },
});"""
COUNT = """() => {
    if (!window.drawing) return 0;
    const count = Object.keys(window.drawing.savedBBoxes).length;
    window.drawing.savedBBoxes = {};
    return count;
}"""

# Polls immediately, as when a hidden tab is shown, until a page has had `count` more updates.
POLL = """async (count) => {
    const status = document.getElementById("status");
    const idle = () => new Promise((resolve) => setTimeout(resolve, 1));
    for (let done = 0; done < count; done++) {
        const before = status.dataset.version;
        document.dispatchEvent(new Event("visibilitychange"));
        const until = performance.now() + 30_000;
        while (status.dataset.version === before) {
            if (performance.now() > until) throw new Error(`no update after ${done}`);
            await idle();
        }
    }
}"""


@dataclass(frozen=True)
class Size:
    """The resources that a page uses after garbage collection."""

    megabytes: float
    nodes: int
    listeners: int


@pytest.fixture
def page(browser_type: BrowserType, browser_type_launch_args: dict[str, Any]) -> Iterator[Page]:
    """Open a page in its own browser, which needs its own flags."""
    flags = [*browser_type_launch_args["args"], INTERPRET]
    browser = browser_type.launch(**{**browser_type_launch_args, "args": flags})
    page = browser.new_page()
    page.add_init_script(CATCH)
    yield page
    browser.close()


def fill(server: Server, page: Page) -> None:
    """Fill Chromium's image cache, and the status page up to its maximum number of lines."""
    page.evaluate(DRAW)
    for _ in range(FULL):
        assert page.request.get(f"{server.url}/_live").ok


def size(page: Page) -> Size:
    """Measure a page."""
    assert page.evaluate(COUNT) <= LABELS
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")
    for _ in range(3):  # collecting some objects releases others
        client.send("HeapProfiler.collectGarbage")
    found = {it["name"]: it["value"] for it in client.send("Performance.getMetrics")["metrics"]}
    client.detach()
    return Size(found["JSHeapUsedSize"] / 1e6, int(found["Nodes"]), int(found["JSEventListeners"]))


def settled(page: Page) -> Size:
    """Return the least of several sizes, because one may be measured during an update."""
    sizes = []
    for _ in range(5):
        page.evaluate(POLL, 2)
        page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 100))")
        sizes.append(size(page))
    return Size(*map(min, zip(*map(astuple, sizes), strict=True)))


def check(first: Size, last: Size) -> None:
    assert last.megabytes - first.megabytes <= MEGABYTES, (first, last)
    assert last.nodes <= first.nodes * 1.05, (first, last)
    assert last.listeners <= first.listeners * 1.05, (first, last)


@pytest.mark.parametrize("path", ["", "data", "status"])
def test_a_page_that_stays_open_does_not_grow(path: str, restless: Server, page: Page) -> None:
    shown = {"": ".card", "data": "#rows .ag-row .ag-cell", "status": "#log-of"}[path]
    page.goto(f"{restless.url}/{path}")
    fill(restless, page)
    expect(page.locator(shown).first).to_be_visible(timeout=30_000)
    sizes = []
    for _ in range(round(1 / WARM)):
        page.evaluate(POLL, int(UPDATES * WARM))
        sizes.append(settled(page))
        print(f"/{path} {sizes[-1]}", flush=True)
    check(sizes[0], sizes[-1])


def test_navigation_leaks_nothing(restless: Server, page: Page) -> None:
    places = {"Data": "#rows .ag-row .ag-cell", "Status": "#log-of", "Overview": ".card"}
    page.goto(restless.url)
    fill(restless, page)
    sizes = []
    for walk in range(1, WALKS + 1):
        for name, shown in places.items():
            page.get_by_role("navigation").get_by_role("link", name=name).click()
            expect(page.locator(shown).first).to_be_visible(timeout=30_000)
            if name == "Overview":
                trace = page.locator("#trend-graph .trace").first
                expect(trace).to_be_attached(timeout=30_000)
        if walk % int(WALKS * WARM) == 0:
            sizes.append(settled(page))
            print(f"after {walk} walks {sizes[-1]}", flush=True)
    check(sizes[0], sizes[-1])
