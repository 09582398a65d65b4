"""Layout and usability in a real browser: sizes, colors, touch, screen readers."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from helpers.browser import SETTLED, VIEWS, next_version, output, shown, state
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.readings import restored_file

pytestmark = pytest.mark.slow
FOREVER = {"REFRESH__EVERY": "1h", "APP__STALE_AFTER": "3650d"}
UNITS = ["°C", "bar", "%", "kg", "V", "A", "rpm", "m³/h"]
LONG = [f"compressor_{it:02}_".ljust(100, "x") for it in range(10)]
MANY = [f"pump {it:02} of the north hall, temperature at its outlet" for it in range(20)]


@pytest.fixture
def series_file(pages: Project) -> Iterator[Path]:
    """The file that describes a project's series; restored afterwards."""
    yield from restored_file(pages, f"{pages.slug}/assets/static_data/series.csv")


@pytest.fixture
def csv_series_file(csv: Project) -> Iterator[Path]:
    """The same file of the project with one page; restored afterwards."""
    yield from restored_file(csv, f"{csv.slug}/assets/static_data/series.csv")


def ten_digits(minute: int, series: int) -> float:
    """Return a long number, which differs from one reading to the next."""
    return 1234567890.12 + minute + series


def write(
    source: Path,
    series_file: Path,
    names: list[str],
    units: list[str],
    value: Callable[[int, int], float] = ten_digits,
) -> None:
    """Write readings of some series, which take turns with the units."""
    rows = [f'"{name}","{name}",{units[it % len(units)]},,' for it, name in enumerate(names)]
    series_file.write_text("\n".join(["series,label,unit,warn,critical", *rows, ""]), "utf-8")
    lines = [
        f'2026-01-05T00:{minute:02}:00Z,"{name}",{value(minute, it)}'
        for minute in range(40)
        for it, name in enumerate(names)
    ]
    source.write_text("\n".join(["time,series,value", *lines, ""]), "utf-8")


def wait_until_drawn(page: Page, cards: int) -> None:
    """Wait until all cards and both charts are drawn."""
    expect(page.locator(".card")).to_have_count(cards, timeout=30_000)
    for graph in ("trend", "distribution"):
        expect(page.locator(f"#{graph}-graph .trace").first).to_be_attached(timeout=30_000)


def heights(page: Page, graph: str) -> list[float]:
    script = "its => its.map(it => it.getBoundingClientRect().height)"
    return page.locator(f"#{graph}-graph .nsewdrag").evaluate_all(script)


def overflowing(page: Page) -> list[str]:
    """Return the elements that overflow their frame or the window; many cards scroll sideways."""
    return page.evaluate(
        """() => {
            const root = document.documentElement, out = [];
            if (root.scrollWidth > innerWidth) out.push(`page ${root.scrollWidth}`);
            const cards = document.querySelector(".cards");
            const strip = getComputedStyle(cards).overflowX === "auto" ? cards : null;
            for (const it of document.querySelectorAll(".card, .card *, .panel, .controls > *")) {
                const box = it.getBoundingClientRect();
                if (it.scrollWidth > it.clientWidth + 1 && it.clientWidth) out.push(it.outerHTML);
                else if (strip?.contains(it)) continue;
                else if (box.width > 1 && box.right > innerWidth + 1) out.push(it.outerHTML);
            }
            return out;
        }"""
    )


@pytest.mark.usefixtures("no_console_errors")
def test_long_names_large_numbers_and_many_series_fit(
    pages: Project, pages_source: Path, series_file: Path, page: Page
) -> None:
    write(pages_source, series_file, [*LONG, *MANY], UNITS[:4])
    with pages.serving(**FOREVER) as server:
        page.goto(server.url)
        wait_until_drawn(page, 30)
        for width in (1440, 390, 320):
            page.set_viewport_size({"width": width, "height": 844})
            wait_until(lambda: page.evaluate(SETTLED))
            wait_until(lambda: not overflowing(page), lambda: str(overflowing(page)))
        wait_until(lambda: page.evaluate(SETTLED))
        assert min(heights(page, "trend")) > 100
        labels = page.locator("#distribution-graph .ytick text").evaluate_all(
            "its => its.map(it => it.getBoundingClientRect()).map(it => [it.top, it.bottom])"
        )
        for (_, bottom), (top, _) in pairwise(sorted(labels)):
            assert top >= bottom - 3, "no name is written over another"


@pytest.mark.usefixtures("no_console_errors")
def test_eight_panels_are_all_high_enough(
    pages: Project, pages_source: Path, series_file: Path, page: Page
) -> None:
    write(pages_source, series_file, [f"s{it}" for it in range(8)], UNITS)
    with pages.serving(**FOREVER) as server:
        page.goto(server.url)
        wait_until_drawn(page, 8)
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 844})
            for graph, low in (("trend", 109), ("distribution", 60)):
                wait_until(
                    lambda: sum(it > low for it in heights(page, graph)) == 8,  # noqa: B023
                    lambda: str(heights(page, graph)),  # noqa: B023
                )
            chart = page.locator("#trend-graph").bounding_box()
            frame = page.locator(".panel").first.bounding_box()
            assert chart and frame
            assert chart["y"] + chart["height"] <= frame["y"] + frame["height"]


AXIS = """() => Math.max(...[...document.querySelectorAll("#trend-graph .xaxislayer-above text")]
    .map((it) => it.getBoundingClientRect().bottom))"""


def assert_time_axis_is_visible(page: Page, url: str) -> None:
    """Check that a page in the window of a laptop or a desktop shows the trend's time axis."""
    for width, height in ((1440, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(url)
        state(page, "live")
        shown(page)
        wait_until(lambda: page.evaluate(SETTLED))
        wait_until(lambda: 0 < page.evaluate(AXIS) <= height, lambda: page.evaluate(AXIS))  # noqa: B023


@pytest.mark.usefixtures("no_console_errors")
@pytest.mark.parametrize("which", ["pages", "machine"])
def test_the_time_axis_is_visible_without_scrolling(
    which: str, request: pytest.FixtureRequest, page: Page
) -> None:
    project: Project = request.getfixturevalue(which)
    settings = FOREVER if which == "pages" else {"REFRESH__EVERY": "10s"}
    with project.serving(**settings) as server:
        assert_time_axis_is_visible(page, server.url)


@pytest.mark.usefixtures("no_console_errors")
def test_series_of_very_different_sizes_leave_the_time_axis_visible(
    csv: Project, source: Path, csv_series_file: Path, page: Page
) -> None:
    """They are divided by size, but not into so many panels that the page needs scrolling."""
    names = [f"s{it}" for it in range(7)]
    write(source, csv_series_file, names, ["MB/s"], lambda minute, it: (minute + 1) * 50**it / 1e6)
    with csv.serving(**FOREVER) as server:
        assert_time_axis_is_visible(page, server.url)


CONTRAST = """it => {
    const parts = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((it) => it / 255);
    const light = (color) => parts(color)
        .map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4))
        .reduce((sum, it, at) => sum + it * [0.2126, 0.7152, 0.0722][at], 0);
    const style = getComputedStyle(it);
    const both = [light(style.color), light(style.backgroundColor)].sort((a, b) => a - b);
    return (both[1] + 0.05) / (both[0] + 0.05);
}"""


@pytest.mark.usefixtures("no_console_errors")
def test_the_selected_time_is_legible_after_a_click(csv: Project, page: Page) -> None:
    schemes: list[Any] = ["light", "dark"]
    with csv.serving(**FOREVER) as server:
        page.goto(server.url)
        shown(page)
        for scheme, time in zip(schemes, ("1 hour", "6 hours"), strict=True):
            page.emulate_media(color_scheme=scheme)
            page.locator("#window").get_by_text(time).click()
            selected = page.locator("#window .selected")
            expect(selected).to_have_text(time)
            expect(selected.locator("input")).to_be_focused()
            assert selected.evaluate(CONTRAST) >= 4.5, "with the focus, and the mouse over it"
            page.mouse.move(0, 0)
            assert selected.evaluate(CONTRAST) >= 4.5
            page.locator("h1").click()
            assert selected.evaluate(CONTRAST) >= 4.5


def swipe(page: Page, x: float, y: float, up: float) -> None:
    """Swipe upwards with browser-level touch events."""
    client = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    for step in range(1, 11):
        touch("touchMove", {"x": x, "y": y - up * step / 10})
    touch("touchEnd")


# As strings, because plotly.js may recompute the same range with a different last digit.
RANGES = """() => { const {xaxis, yaxis} =
    document.querySelector("#trend-graph .js-plotly-plot")._fullLayout;
    return [...xaxis.range, ...yaxis.range.map((it) => it.toPrecision(12))]; }"""


def test_a_swipe_that_starts_on_a_chart_scrolls_the_page(csv: Project, browser: Browser) -> None:
    phone: Any = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    context = browser.new_context(**phone)
    page = context.new_page()

    def stays() -> bool:
        """Whether the chart keeps its ranges; on a slow machine, it is laid out more than once."""
        found = page.evaluate(RANGES)
        page.wait_for_timeout(500)
        return bool(found == page.evaluate(RANGES))

    with csv.serving(**FOREVER) as server:
        page.goto(server.url)
        shown(page)
        wait_until(lambda: page.evaluate(SETTLED))
        wait_until(stays)
        places = ("#trend-graph .nsewdrag", "#trend-graph .nsdrag", "#distribution-graph .nsewdrag")
        for place in places:
            page.locator(place).first.scroll_into_view_if_needed()
            box = page.locator(place).first.bounding_box()
            assert box
            page.evaluate(f"scrollBy(0, {box['y'] - 500})")
            box = page.locator(place).first.bounding_box()
            assert box
            before, ranges = page.evaluate("scrollY"), page.evaluate(RANGES)
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            back = -150 if before > 300 else 150
            swipe(page, x, y, back)
            wait_until(lambda: abs(page.evaluate("scrollY") - before) > 50, lambda: place)  # noqa: B023
            assert page.evaluate(RANGES) == ranges, place
    context.close()


# Records what a screen reader announces: each change to the text of a live region.
COUNT = """() => {
    window.said = [];
    for (const it of document.querySelectorAll("[role=status], [role=alert], [aria-live]")) {
        const look = () => window.said.push(it.textContent);
        const what = {childList: true, characterData: true, subtree: true};
        new MutationObserver(look).observe(it, what);
    }
}"""


def test_screen_readers_announce_a_problem_once(pages: Project, page: Page) -> None:
    with pages.serving(news=True, REFRESH__EVERY="5s", APP__STALE_AFTER="3650d") as server:
        page.goto(server.url)
        shown(page)
        state(page, "live")
        notice = page.locator("#alert")
        # On a slow machine, it first says that views are slow.
        expect(page.locator("#announcement")).to_have_text("Live.")
        page.evaluate(COUNT)

        def fail(route: Any) -> None:
            if not output(route.request).startswith("distribution"):
                return route.continue_()
            number = f"{next(numbers):016}"
            headers = {"X-Request-ID": number}
            return route.fulfill(status=500, body="Internal Server Error", headers=headers)

        numbers = iter(range(1000))
        page.route(VIEWS, fail)
        expect(notice).to_contain_text("Distribution could not be updated", timeout=30_000)
        first = notice.inner_text()
        for _ in range(5):
            next_version(page)
        assert notice.inner_text() != first, "each has a request of its own"
        assert len(page.evaluate("said")) == 1, page.evaluate("said")
        assert "Distribution could not be updated" in page.evaluate("said[0]")
        page.unroute(VIEWS)
        expect(notice).to_be_empty(timeout=30_000)
        page.evaluate("window.said = []")
        page.route("**/_live*", lambda it: it.abort("connectionreset"))
        seen = set()
        expect(notice).to_contain_text("has not answered", timeout=30_000)
        wait_until(lambda: seen.add(notice.inner_text()) or len(seen) > 6)
        said = page.evaluate("said")
        assert len(said) == 1, said
        assert "Stale" in said[0] and "has not answered" in said[0]
        page.unroute_all(behavior="ignoreErrors")


BLOCK = """for (const name of ["localStorage", "sessionStorage"]) {
    const get = () => { throw new DOMException("The operation is insecure.", "SecurityError"); };
    Object.defineProperty(window, name, {get, configurable: true});
}"""


class Office(BaseHTTPRequestHandler):
    """Serves another site's page with the dashboard in a frame."""

    def __init__(self, url: str, *rest: Any) -> None:
        self.url = url
        super().__init__(*rest)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        sandbox = "allow-scripts allow-same-origin allow-downloads"
        self.wfile.write(f'<iframe sandbox="{sandbox}" src="{self.url}"></iframe>'.encode())

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.mark.usefixtures("no_console_errors")
def test_the_page_works_with_blocked_storage(csv: Project, page: Page) -> None:
    page.add_init_script(BLOCK)
    with csv.serving(
        news=True, SERVER__FRAME_ANCESTORS='["http://localhost:*"]', APP__STALE_AFTER="3650d"
    ) as server:
        page.goto(server.url)
        assert shown(page) == 4
        page.locator("#window").get_by_text("1 hour").click()
        next_version(page)
        state(page, "live")
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Office, server.url)) as office:
            Thread(target=office.serve_forever, daemon=True).start()
            page.goto(f"http://localhost:{office.server_port}/")
            frame = page.frame_locator("iframe")
            expect(frame.locator(".card")).to_have_count(4, timeout=30_000)
            expect(frame.locator("#trend-graph .trace").first).to_be_attached(timeout=30_000)
            page.goto("about:blank")
            office.shutdown()


def test_blocked_content_is_logged(csv: Project, page: Page) -> None:
    with csv.serving(**FOREVER) as server:
        page.goto(server.url)
        shown(page)
        for number in range(3):
            script = "url => { document.body.append(Object.assign(new Image(), {src: url})); }"
            page.evaluate(script, f"https://tile.example.org/{number}.png")
        wait_until(lambda: "https://tile.example.org" in server.output(), server.output)
        line = 'csp_sources = ["https://tile.example.org"]'
        (said,) = [it for it in server.output().splitlines() if "example.org" in it]
        assert line in said
        assert re.search(r"WARNING .*img-src", said)
