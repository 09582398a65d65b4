"""Office screens, phones, paper, and the browser's tab."""

import json
import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from helpers.browser import shown, state
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.servers import ready

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_console_errors")]
FOREVER = {"REFRESH__EVERY": "1h", "APP__STALE_AFTER": "3650d"}
# How far the page and its charts reach beyond the window.
BEYOND = """() => Math.max(document.documentElement.scrollHeight, ...[...document.querySelectorAll(
    ".panel:not([hidden]), .panel:not([hidden]) .main-svg")]
    .map((it) => it.getBoundingClientRect().bottom)) - innerHeight"""
FONT = "it => parseFloat(getComputedStyle(it).fontSize)"
TREND = "document.querySelector('#trend-graph .js-plotly-plot')"


def at(page: Page, share: float) -> tuple[float, float]:
    """Return a place in the trend's first panel: the share of its width, and half its height."""
    box = page.locator("#trend-graph .nsewdrag").first.bounding_box()
    assert box
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def test_an_office_screen_shows_everything_enlarged_and_nothing_to_click(
    pages: Project, page: Page
) -> None:
    with pages.serving(**FOREVER) as server:
        sizes = {}
        for width, height in ((1280, 720), (1080, 1920), (1920, 1080), (3840, 2160)):
            page.set_viewport_size({"width": width, "height": height})
            page.goto(f"{server.url}/?kiosk")
            state(page, "live")
            shown(page)
            wait_until(lambda: page.evaluate(BEYOND) <= 0, lambda: str(page.evaluate(BEYOND)))
            expect(page.locator("#status-age")).to_be_visible()
            for what in (".controls", "nav", ".modebar", ".action", "summary"):
                for it in page.locator(what).all():
                    expect(it).not_to_be_visible()
            text = page.locator("#trend-graph .legendtext").first.bounding_box()
            assert text
            sizes[width] = [
                *(page.locator(it).first.evaluate(FONT) for it in ("body", "h1", ".card-value")),
                text["height"],
            ]
        assert sizes[3840] == pytest.approx([2 * it for it in sizes[1920]], rel=0.05)
        assert sizes[1280] == pytest.approx([2 / 3 * it for it in sizes[1920]], rel=0.05)
        assert sizes[1080] == sizes[1920]

        def hovers() -> Any:
            x, y = at(page, 0.25)
            page.mouse.move(x - 1, y)
            page.mouse.move(x, y)
            return page.evaluate(f"{TREND}._hoverdata?.length")

        wait_until(hovers)
        script = f"""() => {{
            const {{xaxis}} = {TREND}._fullLayout, time = (it) => Date.parse(it.replace(" ", "T"));
            const [start, end] = xaxis.range.map(time);
            return (time({TREND}._hoverdata[0].x) - start) / (end - start);
        }}"""
        assert page.evaluate(script) == pytest.approx(0.25, abs=0.01), "at the mouse"
        page.set_viewport_size({"width": 1440, "height": 900})
        wait_until(lambda: page.locator("body").evaluate(FONT) == 15 * 1440 / 1920)
        page.goto(server.url)
        wait_until(lambda: page.locator("body").evaluate(FONT) == 15)  # because it can be scrolled


def stale(route: Route) -> None:
    """Answer a poll as if the data were old."""
    said = route.fetch().json() | {"state": "stale", "message": "Old."}
    route.fulfill(body=json.dumps(said), content_type="application/json")


def test_the_tab_shows_that_data_are_old(pages: Project, page: Page) -> None:
    icon = page.locator("link[rel~=icon]")
    with pages.serving(REFRESH__EVERY="1s", APP__STALE_AFTER="3650d") as server:
        page.goto(server.url)
        state(page, "live")
        own = icon.get_attribute("href")
        expect(page).to_have_title("Overview · My Dashboard")
        page.route("**/_live*", stale)
        expect(page).to_have_title("⚠ Overview · My Dashboard")
        expect(icon).to_have_attribute("href", re.compile(r"data:image/svg\+xml,.*rgb"))
        page.get_by_role("link", name="Data").click()
        expect(page).to_have_title("⚠ Data · My Dashboard")
        for title, shows in (("", "⚠"), ("  A   b ", "⚠ A b"), ("⚠ C", "⚠ C")):
            page.evaluate("it => { document.title = it; }", title)
            expect(page).to_have_title(shows)
        page.unroute("**/_live*")
        expect(page).to_have_title("C")
        assert own
        expect(icon).to_have_attribute("href", re.compile(f"{re.escape(own)}$"))


def test_dash_may_set_the_title_while_it_loads(pages: Project, page: Page) -> None:
    """As it does in an app.py without `update_title=""`."""

    def loads(route: Route) -> None:
        response = route.fetch()
        assert '"update_title":""' in response.text()
        text = response.text().replace('"update_title":""', '"update_title":"Updating..."')
        route.fulfill(response=response, body=text)

    with pages.serving(**FOREVER) as server:
        page.route(f"{server.url}/", loads)
        page.route("**/_live*", stale)
        page.goto(server.url)
        state(page, "stale")
        expect(page).to_have_title("⚠ Overview · My Dashboard")
        page.locator("#window label").first.click()
        expect(page.locator("#window .selected")).not_to_have_text("All")
        assert shown(page)
        expect(page).to_have_title("⚠ Overview · My Dashboard")


# Puts this many panels on the page, as the guide "One more figure" does, and returns their places.
PANELS = """count => {
    const panels = document.querySelector(".panels"), [, second] = panels.children;
    panels.querySelectorAll(".more-panel").forEach((it) => it.remove());
    second.hidden = count < 2;
    for (let number = 2; number < count; number++) {
        const one = second.cloneNode(true);
        one.classList.add("more-panel");
        panels.children[1].after(one);
    }
    const {left, right} = panels.getBoundingClientRect();
    return [left, right, [...panels.querySelectorAll(":scope > .panel:not([hidden])")]
        .map((it) => it.getBoundingClientRect()).map((it) => [it.top, it.left, it.right])];
}"""


def test_panels_leave_no_hole(pages: Project, page: Page) -> None:
    with pages.serving(**FOREVER) as server:
        page.goto(server.url)
        shown(page)
        for width in (1440, 800, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for count in range(1, 9):
                left, right, places = page.evaluate(PANELS, count)
                assert len(places) == count
                for row in {top for top, *_ in places}:
                    parts = [(start, end) for top, start, end in places if top == row]
                    gaps = [after - end for (_, end), (after, _) in pairwise(parts)]
                    assert parts[0][0] == left
                    assert parts[-1][1] == pytest.approx(right, abs=1), (width, count, parts)
                    assert all(it == pytest.approx(16, abs=1) for it in gaps)
                first = (places[0][2] - places[0][1]) / (right - left)
                share = 2 / 3 if width > 1000 and count > 1 else 1
                assert first == pytest.approx(share, abs=0.01)


# The charts, cards and tables that reach beyond the paper or out of their panel.
CUT = """() => [...document.querySelectorAll(".main-svg, .card, .panel")].filter((it) => {
    const box = it.getBoundingClientRect(), around = it.closest(".panel, .cards")
        .getBoundingClientRect();
    return box.width && (box.right > Math.min(innerWidth, around.right) + 1 ||
        box.bottom > around.bottom + 1);
}).map((it) => it.outerHTML.slice(0, 99))"""


def test_a_page_prints_black_on_white_and_whole(pages: Project, page: Page) -> None:
    with pages.serving(**FOREVER) as server:
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 3840, "height": 2160})
        page.goto(server.url)
        shown(page)
        for landscape in (False, True):
            pdf = page.pdf(format="A4", landscape=landscape)
            assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 2
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        for width, height in ((703, 1032), (1032, 703)):  # A4 without its margins
            page.set_viewport_size({"width": width, "height": height})
            wait_until(lambda: not page.evaluate(CUT), lambda: str(page.evaluate(CUT)))
        colors = "it => [getComputedStyle(it).color, getComputedStyle(it).backgroundColor]"
        assert page.locator("body").evaluate(colors) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
        for what in (".controls", "nav", ".modebar"):
            expect(page.locator(what).first).not_to_be_visible()


def test_the_colors_of_the_system_show_what_is_chosen(
    pages: Project, pages_source: Path, page: Page
) -> None:
    with pages_source.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ},line_1,99\n")
    style = "(it, name) => getComputedStyle(it)[name]"
    with pages.serving(**FOREVER) as server:
        schemes: list[Any] = ["light", "dark"]
        for scheme in schemes:
            page.emulate_media(forced_colors="active", color_scheme=scheme)
            page.goto(server.url)
            state(page, "live")
            shown(page)
            behind = page.locator("body").evaluate(style, "backgroundColor")
            tabs = [it.evaluate(style, "borderBottomColor") for it in page.locator("nav a").all()]
            assert [it == behind for it in tabs] == [False, True, True]
            options = page.locator("#window .dash-options-list-option").all()
            times = [it.evaluate(style, "backgroundColor") for it in options]
            assert len(set(times)) == 2
            assert times.count(times[-1]) == 1, "the last is chosen"
            assert page.locator(".status-dot").evaluate(style, "backgroundColor") != behind
            changed = page.locator(".card", has_text="Line 1")
            expect(changed.locator(".card-state", has_text="Critical")).to_be_visible()


# Adds up how far the page moves while it loads; below 0.1 is good by Google's Web Vitals.
MOVES = """window.moved = 0;
new PerformanceObserver((list) => {
    for (const it of list.getEntries()) window.moved += it.hadRecentInput ? 0 : it.value;
}).observe({type: "layout-shift", buffered: true});"""


def test_on_a_phone_nothing_moves_and_targets_are_large_enough(
    pages: Project, browser: Browser
) -> None:
    phone: Any = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    context = browser.new_context(**phone, device_scale_factor=3)
    page = context.new_page()
    page.add_init_script(MOVES)
    small = """() => [...document.querySelectorAll(
        "a, button, summary, .dash-options-list-option, .legendtoggle, [tabindex='0']")]
        .filter((it) => !it.closest("[aria-hidden=true]"))
        .map((it) => [it.outerHTML.slice(0, 99), it.getBoundingClientRect()])
        .filter(([, it]) => it.width && (it.width < 24 || it.height < 24))
        .map(([what, it]) => [what, it.width, it.height])"""
    with pages.serving(**FOREVER) as server:
        # Only known series have room reserved.
        wait_until(lambda: ready(server)[0] == 200, server.output)
        for path in ("/", "/data", "/status"):
            page.goto(f"{server.url}{path}")
            state(page, "live")
            if path == "/":
                shown(page)
                assert 0 < page.evaluate("moved") < 0.05
            wait_until(lambda: not page.evaluate(small), lambda: str(page.evaluate(small)))
    context.close()
