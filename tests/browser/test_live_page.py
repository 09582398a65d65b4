"""The page when views are slow, responses are lost and new releases appear."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from helpers.browser import (
    VIEWS,
    inaccessible,
    next_version,
    output,
    polls,
    shown,
    state,
    version,
    wait_for,
)
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.readings import fresh
from helpers.servers import Server, ready

pytestmark = pytest.mark.slow

POLL = "**/_live*"
# Delays responses to some views in the page: {the start of an output: milliseconds}.
DELAYS = """
    window.delays = %s;
    const real = window.fetch;
    window.fetch = async (url, options) => {
        const answer = await real(url, options);
        for (const [output, delay] of Object.entries(window.delays)) {
            const asked = `${options?.body} ${url}`;
            if (asked.includes(`{"output":"${output}`) || asked.includes(`&output=${output}`)) {
                const end = performance.now() + delay;
                while (performance.now() < end && output in window.delays) {
                    await new Promise((resolve) => setTimeout(resolve, 20));
                }
            }
        }
        return answer;
    };
"""
DRAWN = """(() => {
    const trace = document.querySelector("#trend-graph .js-plotly-plot")?._fullData?.[1];
    return trace?.y ? String(trace.y.at(-1)) : null;
})()"""


def delay(page: Page, **milliseconds: float) -> None:
    named = {name.replace("_", "-"): it for name, it in milliseconds.items()}
    page.add_init_script(DELAYS % json.dumps(named))


def changes(page: Page, look: Callable[[], Any], count: int, seconds: float = 60) -> list[Any]:
    """Wait until something has changed `count` times; return all its values."""
    seen = [look()]

    def has_changed() -> bool:
        if (now := look()) != seen[-1]:
            seen.append(now)
        return len(seen) > count

    wait_until(has_changed, lambda: f"{seen} {page.inner_text('header')}", seconds)
    return seen


@pytest.mark.parametrize(
    "path", ["_dash-layout", "_dash-dependencies", "_dash-component-suites/**/*renderer*.js"]
)
def test_a_page_whose_loading_was_interrupted_completes(
    path: str, restless: Server, page: Page
) -> None:
    """The server restarts, or its gateway has no answer, while the page is loading."""
    lost: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.url)
        if len(lost) == 1:
            route.abort("connectionrefused")
        else:
            route.fulfill(status=502, body="bad gateway")

    page.route(f"**/{path}", lose, times=2)
    page.goto(restless.url)
    wait_for(page, lambda: len(lost) == 2)  # a page reloads a second time only after 10 s
    state(page, "live")
    shown(page)


@pytest.mark.usefixtures("no_console_errors")
def test_a_view_slower_than_the_refresh_is_drawn_and_reported(restless: Server, page: Page) -> None:
    delay(page, trend=2500)
    page.goto(restless.url)
    changes(page, lambda: page.evaluate(DRAWN), 3, 30)
    state(page, "live")
    notice = page.locator("#alert")
    expect(notice).to_contain_text(re.compile(r"Trend is slow: it takes \d+ s"))
    assert not inaccessible(page)
    page.evaluate("window.delays = {}")
    expect(notice).to_be_empty(timeout=15_000)


def test_a_view_is_not_reported_as_slow_forever(csv: Project, source: Path, page: Page) -> None:
    """Not even if the page needs no other response, because the late one had the newest data."""
    with csv.serving(REFRESH__EVERY="1s", APP__STALE_AFTER="3650d") as server:
        held: list[Route] = []
        page.route(re.compile(r"/_view\?.*output=trend"), lambda it: held.append(it), times=1)
        page.goto(server.url)
        wait_for(page, lambda: held)
        published = server.output().count("published")
        source.write_bytes(fresh(source.read_bytes()))
        wait_until(lambda: server.output().count("published") > published, server.output)
        wait_for_polls(page, 3)  # so that the page knows of the new version
        held[0].continue_()
        notice = page.locator("#alert")
        expect(notice).to_contain_text(re.compile(r"Trend is slow: it takes \d+ s"))
        state(page, "live")
        expect(notice).to_be_empty()


@pytest.mark.usefixtures("no_console_errors")
def test_a_hanging_view_does_not_delay_the_others(restless: Server, page: Page) -> None:
    delay(page)
    page.goto(restless.url)
    state(page, "live")
    page.evaluate("window.delays = {trend: 120_000}")
    expect(page.locator("#alert")).to_contain_text(
        re.compile(r"Trend has been loading for 1\d s"), timeout=20_000
    )
    before = page.evaluate(DRAWN)
    # If each update waited for the trend, it would take 10 s.
    changes(page, lambda: page.locator(".card-value").nth(1).inner_text(), 3, 20)
    assert page.evaluate(DRAWN) == before, "the trend still hangs"
    page.evaluate("window.delays = {}")
    wait_until(lambda: page.evaluate(DRAWN) != before)
    expect(page.locator("#alert")).to_be_empty(timeout=30_000)


def lose(route: Route) -> None:
    route.abort("connectionreset")


def bad_gateway(route: Route) -> None:
    route.fulfill(status=502, body="<h1>502 Bad Gateway</h1>", content_type="text/html")


@pytest.mark.parametrize(
    ("fault", "why"),
    [(lose, "the server did not answer. "), (bad_gateway, "the server did not answer (502). ")],
)
def test_lost_first_views_are_fetched_again(
    fault: Callable[[Route], None], why: str, csv: Project, page: Page
) -> None:
    with csv.serving(REFRESH__EVERY="1h", APP__STALE_AFTER="3650d") as server:
        page.route(VIEWS, fault)
        page.goto(server.url)
        notice = page.locator("#alert")
        expect(notice).to_contain_text(f"could not be updated: {why}Trying again.")
        expect(notice).to_contain_text("Trend, Distribution")
        assert "null" not in notice.inner_text()
        state(page, "loading")
        expect(page.locator(".dash-spinner").first).to_be_visible()
        page.unroute(VIEWS)
        assert shown(page) == 4, "though no new version comes"
        state(page, "live")
        expect(notice).to_be_empty()
        expect(page.locator(".dash-spinner")).to_have_count(0)


def test_a_version_counts_as_shown_once_its_views_arrive(restless: Server, page: Page) -> None:
    page.goto(restless.url)
    next_version(page)
    page.route(VIEWS, lose)
    expect(page.locator("#alert")).to_contain_text("Trying again")
    before, values = version(page), page.locator(".cards").inner_text()
    state(page, "stale")  # because the page does not show the newest version
    assert (version(page), page.locator(".cards").inner_text()) == (before, values)
    page.unroute(VIEWS)
    state(page, "live")
    expect(page.locator("#alert")).to_be_empty()
    wait_until(lambda: version(page) != before)
    wait_until(lambda: page.locator(".cards").inner_text() != values)


# Records what a screen reader announces, except that a view is slow, as on a slow machine, and what
# is repeated after that.
LISTEN = """() => {
    const place = document.getElementById("announcement");
    const kind = (text) => text.replace(/\\d/g, "");
    window.said = [place.textContent];
    let wasSlow = false;
    const hear = () => {
        const text = place.textContent, isSlow = / is slow: /.test(text);
        const repeats = wasSlow && kind(text) === kind(window.said.at(-1));
        if (!isSlow && !repeats) window.said.push(text);
        wasSlow = isSlow;
    };
    const what = {childList: true, characterData: true, subtree: true};
    new MutationObserver(hear).observe(place, what);
}"""


@pytest.mark.usefixtures("no_console_errors")
def test_a_paused_page_keeps_its_data_until_it_is_resumed(restless: Server, page: Page) -> None:
    def looks() -> list[str]:
        cards = page.locator(".card-value").all_inner_texts()
        return [*cards, page.evaluate(DRAWN), page.locator("#status").get_attribute("data-version")]

    def agrees() -> bool:
        """Whether all that is on the page is of the version that it names."""
        shows = "[dash_clientside.live.wanted(), ...dash_clientside.views.versions()].map(String)"
        return {*page.evaluate(shows)} == {version(page)}

    def stays() -> bool:
        """Whether the page polls without moving to another version.

        Views get the newest data, so a page moves once more if an update comes between two of them.
        """
        at = version(page)
        wait_for_polls(page, 2)
        return agrees() and version(page) == at

    page.goto(restless.url)
    next_version(page)
    state(page, "live")
    button, notice = page.locator("#pause"), page.locator("#alert")
    expect(notice).to_be_empty()  # on a slow machine, it first says that views are slow
    page.evaluate(LISTEN)
    button.click()
    expect(button).to_have_text("Resume")
    assert button.get_attribute("aria-pressed") is None, "the label alone says it"
    expect(page.locator("#status-state")).to_have_text("Paused")
    wait_until(stays)  # views may have been on their way
    before = looks()
    waits = r"Paused at \d\d:\d\d:\d\d\. Newer data available\.$"
    wait_for_polls(page, 3)
    expect(notice).to_have_text(re.compile(waits))
    assert looks() == before

    page.locator("#series").click()
    page.locator(".dash-dropdown-content").get_by_text("Line 2").click()
    expect(page.locator(".card-label")).to_have_text(["Line 2"])
    wait_until(lambda: version(page) != before[-1])
    wait_until(stays)
    expect(notice).to_have_text(re.compile(waits))
    page.keyboard.press("Escape")
    card = page.locator(".card-value").inner_text()
    assert card.startswith(str(page.evaluate(DRAWN.replace("[1]", "[0]"))))
    chosen = version(page)
    page.get_by_role("navigation").get_by_role("link", name="Data").click()
    expect(page.locator("#rows .ag-row").first).to_be_visible()
    wait_until(lambda: version(page) != chosen)
    wait_until(stays)
    expect(notice).to_have_text(re.compile(waits))

    button.click()
    expect(button).to_have_text("Pause")
    next_version(page)
    expect(notice).to_be_empty()
    expect(page.locator("#status-state")).to_have_text("Up to date")
    _, paused, *others = page.evaluate("said")
    assert [paused[:9], others] == ["Paused at", ["Up to date. "]]


def test_refresh_now_shows_that_it_is_working(machine: Project, page: Page) -> None:
    with machine.serving(SOURCE__SAMPLE_SECONDS="2", REFRESH__EVERY="1h") as server:

        def hold(route: Route) -> None:
            layout = route.fetch()
            wait_until(lambda: ready(server)[0] == 200)  # so that the layout has no version yet
            route.fulfill(response=layout)

        page.route("**/_dash-layout", hold)
        received: list[str] = []
        page.on("response", lambda it: it.status == 200 and received.append(output(it.request)))
        page.goto(server.url)
        before, button = version(page), page.locator("#refresh-now")
        views = [it for it in received if it]
        assert sorted(views) == sorted(set(views)), "the page got the first version only once"
        notice = page.locator("#alert")

        def is_busy(busy: bool) -> None:
            expect(button).to_have_text("Refreshing…" if busy else "Refresh now")
            expect(button).to_have_attribute("aria-busy", str(busy).lower(), timeout=10_000)

        page.locator("#pause").click()
        button.click()
        is_busy(True)
        is_busy(False)
        expect(notice).to_contain_text("Newer data available: newest reading")
        assert version(page) == before
        page.locator("#pause").click()
        next_version(page, before)

        before = version(page)
        page.route(POLL, lose)
        button.click()
        is_busy(True)
        expect(notice).to_contain_text("The server has not answered", timeout=10_000)
        is_busy(False)
        page.unroute(POLL)
        is_busy(True)
        is_busy(False)
        next_version(page, before)
        expect(notice).to_be_empty()


def test_a_choice_made_while_the_server_restarts_takes_effect(csv: Project, page: Page) -> None:
    with csv.serving(REFRESH__EVERY="1h", APP__STALE_AFTER="3650d") as server:
        page.goto(server.url)
        assert shown(page) == 4
        points = "document.querySelector('#trend-graph .js-plotly-plot').calcdata?.[0].length"
        every = page.evaluate(points)
        page.route(VIEWS, bad_gateway)
        page.locator("#window").get_by_text("1 hour").click()
        expect(page.locator("#alert")).to_contain_text("(502). Trying again")
        page.unroute(VIEWS)
        wait_until(lambda: page.evaluate(points) < every)
        expect(page.locator("#alert")).to_be_empty()
        state(page, "live")


def test_leaving_a_page_removes_the_notice_of_its_failing_panel(
    restless: Server, page: Page
) -> None:
    def fail(route: Route) -> None:
        if not output(route.request).startswith("distribution"):
            route.continue_()
            return
        headers = {"X-Request-ID": "0123456789abcdef"}
        route.fulfill(status=500, body="Internal Server Error", headers=headers)

    page.route(VIEWS, fail)
    page.goto(restless.url)
    said = "Distribution could not be updated: the server's log says why (request 0123456789abcdef)"
    expect(page.locator("#alert")).to_contain_text(said)
    next_version(page)
    state(page, "live")
    page.get_by_role("navigation").get_by_role("link", name="Data").click()
    expect(page.locator("#alert")).to_be_empty()


@pytest.mark.usefixtures("no_console_errors")
def test_the_spinner_stays_until_the_first_data_arrive(machine: Project, page: Page) -> None:
    requested: list[str] = []
    page.on("request", lambda it: requested.append(it.url))
    delay(page, trend=1500)
    with machine.serving(SOURCE__SAMPLE_SECONDS="15") as server:
        page.goto(server.url)
        spinner, status = page.locator(".dash-spinner").first, page.locator("#status")
        wait_until(lambda: len(polls(page)) >= 3)
        expect(spinner).to_be_visible()
        page.evaluate(
            """() => {
                window.bare = [0]; // how many frames in a row showed neither spinner nor chart
                const marks = ".dash-spinner, .dash-graph--pending:empty"; // plotly.js loads
                const look = () => {
                    const drawn = document.querySelector("#trend-graph .trace") !== null;
                    const nothing = !drawn && !document.querySelector(marks);
                    window.bare.push(nothing ? window.bare.at(-1) + 1 : 0);
                    if (!drawn) requestAnimationFrame(look);
                };
                look();
            }"""
        )
        expect(page.locator("#trend-graph .trace").first).to_be_attached()
        # At 60 frames per second, half a second
        assert max(page.evaluate("bare")) <= 30, "it went before there was something to see"
        expect(page.locator(".dash-spinner")).to_have_count(0)
        expect(status).to_have_attribute("data-state", "live")
    assert not [it for it in requested if "undefined" in it]


SELECT = """(element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
}"""


@pytest.mark.usefixtures("no_console_errors")
@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("", ".card:nth-child(3) .card-label"),
        ("status", "#history tr:first-child td:first-child"),
        ("status", "#log-lines > :first-child"),
    ],
)
def test_selected_text_stays_selected(
    path: str, selected: str, restless: Server, page: Page
) -> None:
    page.goto(f"{restless.url}/{path}")
    next_version(page)
    place = page.locator(selected)
    expect(place).not_to_be_empty()
    place.evaluate(SELECT)
    chosen = page.evaluate("getSelection().toString()")
    assert chosen
    for _ in range(4):
        next_version(page)
    assert page.evaluate("getSelection().toString()") == chosen


@pytest.mark.usefixtures("no_console_errors")
def test_a_table_keeps_its_selected_row_and_its_columns(restless: Server, page: Page) -> None:
    page.goto(f"{restless.url}/data")
    selected = "dash_ag_grid.getApi('rows').getSelectedRows()"
    page.locator("#rows .ag-row[row-index='6']").click()
    reading = page.evaluate(selected)
    assert len(reading) == 1
    edge = page.locator("#rows .ag-header-cell[col-id=time] .ag-header-cell-resize")
    box = edge.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    header = page.locator("#rows .ag-header-cell[col-id=time]")
    width = "it => it.offsetWidth"
    wide = header.evaluate(width)
    for _ in range(2):
        next_version(page)
    assert page.evaluate(selected) == reading, "wherever it has moved to"
    assert header.evaluate(width) == wide


@pytest.fixture
def loads(page: Page) -> list[str]:
    """A list that records each load of the page."""
    found: list[str] = []
    page.on("load", lambda it: found.append(it.url))
    return found


def wait_for_polls(page: Page, more: int) -> None:
    """Wait until a page has polled some more times, even if it reloads meanwhile."""
    count = 0

    def record(request: Any) -> None:
        nonlocal count
        count += "_live" in request.url

    page.on("request", record)
    wait_for(page, lambda: count >= more)
    page.remove_listener("request", record)


def poll_of_newer_release(route: Route) -> None:
    """Respond to a poll like a server of another release."""
    response = route.fetch()
    route.fulfill(response=response, json={**response.json(), "code": "newer"})


def page_of_newer_release(route: Route) -> None:
    """Respond with the page of another release."""
    response = route.fetch()
    code = re.sub(r'(name="code-version" content=)"\w+"', r'\1"newer"', response.text())
    route.fulfill(response=response, body=code)


def handle_document(page: Page, server: Server, handle: Callable[[Route], None]) -> None:
    """Handle all requests for the page itself with `handle`."""
    page.route(re.compile(f"^{re.escape(server.url)}/$"), handle)


def test_a_new_release_is_loaded_once_its_page_is_available(
    restless: Server, page: Page, loads: list[str]
) -> None:
    page.goto(restless.url)
    next_version(page)
    page.route(POLL, poll_of_newer_release)
    handle_document(page, restless, bad_gateway)
    wait_for_polls(page, 6)
    assert len(loads) == 1, "else the tab would show 502 for good"
    expect(page.locator(".card").first).to_be_visible()
    handle_document(page, restless, page_of_newer_release)
    wait_for(page, lambda: len(loads) == 2)
    wait_for_polls(page, 4)
    assert len(loads) == 2


def test_a_page_that_reloaded_the_old_release_reloads_again(
    restless: Server, page: Page, loads: list[str]
) -> None:
    page.goto(restless.url)
    next_version(page)
    page.route(POLL, poll_of_newer_release)
    kinds: list[str] = []

    def old_then_new(route: Route) -> None:
        # The page finds the new release, but its reload gets the old one.
        kinds.append(route.request.resource_type)
        if kinds[-1] == "document" and kinds.count("document") == 1:
            route.continue_()
        else:
            page_of_newer_release(route)

    handle_document(page, restless, old_then_new)
    wait_for(page, lambda: len(loads) == 3)
    wait_for_polls(page, 3)
    assert len(loads) == 3
    code = page.locator('meta[name="code-version"]').get_attribute("content")
    assert code == "newer"


def login_json(route: Route) -> None:
    route.fulfill(json={"error": "login_required"})


def unauthorized(route: Route) -> None:
    route.fulfill(status=401, body="log in")


def login_redirect(route: Route) -> None:
    route.fulfill(status=302, headers={"Location": "https://login.example.com/"})


@pytest.mark.parametrize(
    ("gateway", "count"),
    [(login_json, 0), (unauthorized, 1), (login_redirect, 1), (bad_gateway, 0)],
)
def test_a_gateway_that_requires_a_login_makes_the_page_reload_once(
    gateway: Callable[[Route], None],
    count: int,
    restless: Server,
    page: Page,
    loads: list[str],
) -> None:
    page.goto(restless.url)
    next_version(page)
    page.route(POLL, gateway)
    wait_for(page, lambda: len(loads) == 1 + count)
    wait_for_polls(page, 8)
    assert len(loads) == 1 + count
    expect(page.locator("#status")).to_have_attribute("data-state", "stale")


def test_setting_the_clock_back_makes_no_data_look_newer(restless: Server, page: Page) -> None:
    page.goto(restless.url)
    next_version(page)
    page.route(POLL, lose)
    page.evaluate("() => { const real = Date.now; Date.now = () => real() - 3_600_000; }")
    state(page, "stale")
    expect(page.locator("#alert")).to_contain_text(re.compile(r"not answered for [1-9]\d* s"))
    expect(page.locator("#status-age")).to_contain_text(re.compile(r"checked [1-9]\d* s ago"))


@pytest.mark.usefixtures("no_console_errors")
def test_an_older_browser_works(restless: Server, page: Page) -> None:
    page.add_init_script("delete AbortSignal.timeout")
    page.goto(restless.url)
    next_version(page)
    state(page, "live")
    page.goto("about:blank")  # because the server stops before the browser


def respond_with_state(name: str, route: Route) -> None:
    """Respond to a poll with a given state."""
    response = route.fetch()
    changed = {**response.json(), "state": name, "message": "It is old."}
    route.fulfill(response=response, json=changed)


def test_a_notice_has_the_color_of_the_state(restless: Server, page: Page) -> None:
    page.goto(restless.url)
    state(page, "live")
    color = {
        "#status-state": "it => getComputedStyle(it).color",
        "#alert": "it => getComputedStyle(it).borderLeftColor",
    }
    for name in ("stale", "error"):
        page.route(POLL, partial(respond_with_state, name))
        state(page, name)
        expect(page.locator("#alert")).to_contain_text("It is old.")
        colors = [page.locator(it).evaluate(script) for it, script in color.items()]
        assert colors[0] == colors[1]


@pytest.mark.usefixtures("no_console_errors")
def test_dash_internals_that_the_page_uses_exist(restless: Server, page: Page) -> None:
    page.goto(f"{restless.url}/data")
    for _ in range(5):
        next_version(page)
    # dash-renderer keeps each value of an input, and internals.js empties the list at each poll.
    past = "dash_stores[0].getState().history.past.length"
    wait_until(lambda: page.evaluate(past) <= 5, lambda: str(page.evaluate(past)))
    assert page.evaluate("dash_stores[0].getState().history.present.id !== undefined")
    assert page.evaluate("Array.isArray(dash_clientside.internals.path('snapshot-version'))")
    kinds = ["requested", "prioritized", "blocked"]
    lists = "(kinds) => kinds.every((it) => Array.isArray(dash_stores[0].getState().callbacks[it]))"
    assert page.evaluate(lists, kinds)
    assert page.evaluate("Array.isArray(dash_stores[0].getState().error.backEnd)")
    assert page.evaluate("dash_component_api.getLayout('status').props['data-state']") == "live"
