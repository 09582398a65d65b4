"""Helpers for a real browser and the pages in it."""

import json
import re
import shutil
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, expect

from helpers.processes import wait_until

FLAGS = """
    --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync
"""
# Errors that Chromium logs for requests to a server that is stopping or has stopped.
SERVER_GONE = re.compile(r"net::ERR_(CONNECTION_|EMPTY_|INCOMPLETE_|CONTENT_LENGTH_)")
UNUSED_PRELOAD = "but not used within a few seconds"  # logged on a slow machine
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]  # of axe
# Violations in the DatePickerRange of Dash 4.4 that no property of it can fix.
CALENDAR = {"aria-allowed-attr", "aria-prohibited-attr"}


def system_chromium() -> str | None:
    """Return the path of the system's Chromium, or None, for which Playwright uses its own."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return next(found, None)


def state(page: Page, wanted: str) -> None:
    """Wait until a page is in a state, and can draw its charts if it is live."""
    expect(page.locator("#status")).to_have_attribute("data-state", wanted)
    if wanted == "live":
        can_draw(page)


def can_draw(page: Page) -> None:
    """Wait until plotly.js has loaded; cards and controls don't wait for it."""
    expect(page.locator(".dash-graph--pending:empty")).to_have_count(0)


def version(page: Page) -> str:
    """Wait until a page shows a version, and return it."""
    expect(page.locator("#status")).to_have_attribute("data-version", re.compile(r"\d"))
    return version_now(page)


def version_now(page: Page) -> str:
    """Return the version that a page shows now, or "" before the first."""
    return page.locator("#status").get_attribute("data-version") or ""


def next_version(page: Page, than: str | None = None) -> None:
    """Wait until a page shows a version other than the current one, or than `than`."""
    before = version_now(page) if than is None else than
    another = re.compile(rf"^(?!{before}$)\d+$")
    expect(page.locator("#status")).to_have_attribute("data-version", another)
    can_draw(page)


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


# The requests for views and other callbacks.
VIEWS = re.compile("/(_view|_dash-update-component)([?]|$)")


def output(request: Request) -> str:
    """Return the output of the callback that a request is for, or "" if it is for none."""
    if not VIEWS.search(request.url):
        return ""
    if request.method == "GET":
        return parse_qs(urlsplit(request.url).query)["output"][0]
    return str(json.loads(request.post_data or "{}").get("output", ""))


SETTLED = """() => [...document.querySelectorAll(".js-plotly-plot")].every((it) =>
    ["clientWidth", "clientHeight"].every((side) =>
        Math.abs(it.querySelector(".main-svg")[side] - it.closest(".graph")[side]) < 2))"""


def at_rest(page: Page) -> None:
    """Wait until nothing loads or covers the charts, and they fill their places (unless scaled)."""
    busy = "dash_clientside.views.busy() || dash_clientside.internals.waiting()"
    wait_until(lambda: not page.evaluate(busy))
    expect(page.locator(".dash-spinner")).to_have_count(0)
    wait_until(lambda: page.evaluate(SETTLED))


def wait_for(page: Page, condition: Callable[[], Any]) -> None:
    """Wait for a condition that events change: Playwright delivers them only while it is called."""
    wait_until(lambda: page.wait_for_timeout(50) or condition())


def address(page: Page) -> str:
    """Return the address of a page; `page.url` does not change while a test sleeps."""
    return str(page.evaluate("location.href"))


def polls(page: Page) -> list[float]:
    """Return when a page polled, in seconds since it was opened."""
    script = """() => performance.getEntriesByType("resource")
        .filter((it) => /_live(\\?|$)/.test(it.name)).map((it) => it.startTime / 1000)"""
    return list(page.evaluate(script))


def inaccessible(page: Page) -> set[tuple[str, str]]:
    """Return the violations that axe finds on a page, also in Dash's own components."""
    expect(page.locator(".dash-spinner")).to_have_count(0)  # it dims what is loading
    results = Axe().run(page, options={"runOnly": RULES})
    return {
        (violation["id"], node["html"])
        for violation in results.response["violations"]
        for node in violation["nodes"]
        if not (violation["id"] in CALENDAR and "dash-datepicker-" in node["html"])
    }


def launch_arguments() -> dict[str, Any]:
    """Return Playwright's arguments for launching the system's Chromium."""
    return {"args": FLAGS.split(), "executable_path": system_chromium()}
