"""A real browser, and what a page shows in it."""

import re
import shutil
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from helpers.processes import wait_until

FLAGS = """
    --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync
"""
# What Chromium logs of a request to a server that has ended or is ending.
SERVER_GONE = re.compile(r"net::ERR_(CONNECTION_|EMPTY_|INCOMPLETE_|CONTENT_LENGTH_)")
# What Dash 4.4 gives its own Dropdown and RadioItems, and no property of theirs can change.
DASH_OWN = {"aria-hidden-focus", "aria-input-field-name", "nested-interactive"}


def system_chromium() -> str | None:
    """Return the path of the system's Chromium; Playwright takes its own for None."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return next(found, None)


def state(page: Page, wanted: str) -> None:
    """Wait until a page is in a state."""
    expect(page.locator("#status")).to_have_attribute("data-state", wanted)


def version(page: Page) -> str:
    """Return the version that a page shows, once it shows one."""
    expect(page.locator("#status")).to_have_attribute("data-version", re.compile(r"\d"))
    return version_now(page)


def version_now(page: Page) -> str:
    """Return the version that a page shows now; "" before the first."""
    return page.locator("#status").get_attribute("data-version") or ""


def next_version(page: Page, than: str | None = None) -> None:
    """Wait until a page shows another version than now, or than it has shown."""
    before = version_now(page) if than is None else than
    another = re.compile(rf"^(?!{before}$)\d+$")
    expect(page.locator("#status")).to_have_attribute("data-version", another)


def traces(page: Page, graph: str) -> list[str]:
    """Return the names of the series that a graph shows."""
    script = (
        "id => document.querySelector(`#${id} .js-plotly-plot`)?.data?.map(it => it.name) ?? []"
    )
    return page.evaluate(script, graph)


def shown(page: Page) -> int:
    """Wait until the cards and both graphs show the same series; return how many."""
    expect(page.locator(".card").first).to_be_visible()

    def agree() -> int:
        cards = sorted(page.locator(".card-label").all_inner_texts())
        graphs = [sorted(traces(page, f"{name}-graph")) for name in ("trend", "distribution")]
        return len(cards) if graphs == [cards, cards] else 0

    count = wait_until(agree, lambda: page.content())
    for graph in ("trend-graph", "distribution-graph"):
        expect(page.locator(f"#{graph} .trace").first).to_be_attached()
    return int(count)


def polls(page: Page) -> list[float]:
    """Return when a page has asked for the newest version, in seconds since it was opened."""
    script = """() => performance.getEntriesByType("resource")
        .filter((it) => /_live(\\?|$)/.test(it.name)).map((it) => it.startTime / 1000)"""
    return list(page.evaluate(script))


def inaccessible(page: Page) -> set[tuple[str, str]]:
    """Return what axe finds on a page, but for what Dash does."""
    results = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
    return {
        (violation["id"], node["html"])
        for violation in results.response["violations"]
        for node in violation["nodes"]
        if not (violation["id"] in DASH_OWN and "dash-" in node["html"])
    }


def launch_arguments() -> dict[str, Any]:
    """Return the arguments by which Playwright launches the system's Chromium."""
    return {"args": FLAGS.split(), "executable_path": system_chromium()}
