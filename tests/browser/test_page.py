"""The page of a rendered project in a real browser."""

import os
import re
import urllib.error
import urllib.request
from base64 import b64encode
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from helpers.browser import (
    at_rest,
    inaccessible,
    next_version,
    polls,
    shown,
    state,
    traces,
    version,
)
from helpers.processes import end, free_port, wait_until
from helpers.projects import Project
from helpers.readings import correct, fresh
from helpers.servers import ready

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_console_errors")]


def test_a_page_goes_from_loading_to_live_to_the_next_version(machine: Project, page: Page) -> None:
    with machine.serving(SOURCE__SAMPLE_SECONDS="6") as server:
        page.goto(server.url, wait_until="commit")  # scripts may take as long as the first data
        state(page, "loading")
        expect(page.locator(".dash-spinner").first).to_be_visible()
        state(page, "live")
        expect(page.locator(".dash-spinner")).to_have_count(0)
        assert shown(page) >= 2
        expect(page.locator(".card", has_text="CPU")).to_contain_text("%")
        first = version(page)
        next_version(page)
        assert int(version(page)) > int(first)
        expect(page.locator("#status-age")).to_have_text(re.compile(r"newest reading \d+ s ago"))


def test_updates_keep_the_zoom_and_show_no_spinner(machine: Project, page: Page) -> None:
    with machine.serving(REFRESH__EVERY="1s") as server:
        page.goto(server.url)
        state(page, "live")
        for _ in range(3):
            next_version(page)
        page.evaluate(
            """() => {
                window.flickers = 0;
                const look = () => {
                    window.flickers += document.querySelectorAll(".dash-spinner").length;
                    requestAnimationFrame(look);
                };
                look();
            }"""
        )
        zoom = "document.querySelector('#trend-graph .js-plotly-plot')._fullLayout.yaxis.range"
        whole = page.evaluate(zoom)
        box = page.locator("#trend-graph .nsewdrag").first.bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
        page.mouse.up()
        wait_until(lambda: page.evaluate(zoom) != whole)
        zoomed = page.evaluate(zoom)
        expect(page).to_have_url(re.compile("window="))  # a zoom is a choice of the viewer's
        next_version(page)
        page.locator("#trend-graph .legendtoggle").nth(1).click()
        hidden = "document.querySelector('#trend-graph .js-plotly-plot')._fullData[1].visible"
        wait_until(lambda: page.evaluate(hidden) == "legendonly")
        expect(page.locator(".dash-spinner")).to_have_count(0)  # of the zoom, which loads details
        page.evaluate("window.flickers = 0")
        for _ in range(3):
            next_version(page)
        assert page.evaluate(zoom) == zoomed
        assert page.evaluate(hidden) == "legendonly"
        assert page.evaluate("window.flickers") == 0


def test_series_and_window_select_what_is_shown(csv: Project, page: Page) -> None:
    with csv.serving(news=True) as server:
        page.goto(server.url)
        expect(page.get_by_role("heading", level=1)).to_have_text('Søren\'s "Plant" 7')
        assert shown(page) == 4
        page.locator("#series").click()
        page.get_by_role("checkbox", name="Pressure").click()
        page.keyboard.press("Escape")
        wait_until(lambda: shown(page) == 1)
        assert traces(page, "trend-graph") == ["Pressure"]
        next_version(page)
        assert traces(page, "trend-graph") == ["Pressure"]
        page.locator("#window").get_by_text("1 hour").click()
        points = "document.querySelector('#trend-graph .js-plotly-plot').calcdata?.[0].length"
        wait_until(lambda: page.evaluate(points) == 13)
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Download CSV").click()
        lines = Path(downloading.value.path()).read_text("utf-8").splitlines()
        assert lines[0] == "time,series,value"
        assert len(lines) == 14
        assert all(",pressure," in line for line in lines[1:])


def test_the_page_works_by_keyboard_alone(csv: Project, page: Page) -> None:
    with csv.serving(REFRESH__EVERY="1h") as server:
        page.goto(server.url)
        assert shown(page) == 4
        before = version(page)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=re.compile("Skip"))).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Pause")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.locator("#series")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".dash-dropdown-search")).to_be_focused()
        page.keyboard.type("Press")
        expect(page.get_by_role("checkbox", name="Pressure")).to_be_visible()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        wait_until(lambda: shown(page) == 1)
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#window .selected")).to_have_text("1 day")
        for field in ("From", "To"):
            page.keyboard.press("Tab")
            expect(page.get_by_label(field, exact=True)).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Refresh now")).to_be_focused()
        correct(csv)
        page.keyboard.press("Enter")
        next_version(page, than=before)


def test_times_are_shown_in_the_configured_zone(csv: Project, page: Page) -> None:
    with csv.serving(APP__TIMEZONE="Asia/Tokyo") as server:
        page.goto(server.url)
        assert shown(page) == 4
        first = "document.querySelector('#trend-graph .js-plotly-plot').calcdata[0][0].x"
        row = (csv.path / "data" / "readings.csv").read_text("utf-8").splitlines()[1]
        tokyo = datetime.fromisoformat(row.split(",")[0]) + timedelta(hours=9)
        drawn = page.evaluate(f"new Date({first}).toISOString()")
        assert drawn == f"{tokyo:%Y-%m-%dT%H:%M:%S}.000Z"


@pytest.mark.parametrize("breakage", ["deleted", "no_csv", "wrong_type", "not_utf8"])
def test_a_broken_source_keeps_the_data_and_shows_since_when(
    breakage: str, csv: Project, source: Path, page: Page
) -> None:
    content = source.read_bytes()
    with csv.serving(REFRESH__RETRY_AT_MOST="2s", APP__STALE_AFTER="30s") as server:
        page.goto(server.url)
        assert shown(page) == 4  # the first drawing is slow; the rows must not age meanwhile
        source.write_bytes(fresh(content))
        state(page, "live")
        assert shown(page) == 4
        if breakage == "deleted":
            source.unlink()
        else:
            broken = {"no_csv": b"x", "wrong_type": re.sub(rb",[\d.]+\n", b",abc\n", content)}
            source.write_bytes(broken.get(breakage, content + b"\xff\xfe"))
        state(page, "error")
        expect(page.locator("#alert")).to_contain_text(re.compile(r"failed since \d{4}-\d\d-\d\d"))
        assert ready(server)[0] == 200
        state(page, "stale")
        assert ready(server)[0] == 503
        assert shown(page) == 4
        assert "Traceback" in server.output()
        page.reload()
        state(page, "stale")
        assert shown(page) == 4
        source.write_bytes(fresh(content))
        state(page, "live")
        expect(page.locator("#alert")).to_be_empty()
        assert ready(server)[0] == 200


def test_a_page_without_data_shows_why_not_a_spinner(
    csv: Project, source: Path, page: Page
) -> None:
    content = source.read_bytes()
    source.unlink()
    with csv.serving(REFRESH__RETRY_AT_MOST="2s") as server:
        page.goto(server.url)
        state(page, "error")
        expect(page.locator("#alert")).to_contain_text(re.compile(r"look for \w+ in the server"))
        incident = page.locator("#alert").inner_text().split("look for ")[1].split()[0]
        assert f"[{incident}]: refresh failed" in server.output()
        assert "FileNotFoundError" in server.output() and "readings.csv" in ready(server)[1]
        expect(page.locator(".dash-spinner")).to_have_count(0)
        source.write_bytes(content)
        state(page, "live")
        assert shown(page) == 4


def test_refresh_now_publishes_a_new_version(csv: Project, page: Page) -> None:
    with csv.serving(REFRESH__EVERY="1h") as server:
        page.goto(server.url)
        state(page, "live")
        before = version(page)
        correct(csv)
        page.get_by_role("button", name="Refresh now").click()
        # Without the button, it would take up to an hour.
        expect(page.locator("#status")).not_to_have_attribute("data-version", before)


@pytest.mark.stops_the_server
def test_an_unreachable_server_is_reported_and_found_again(csv: Project, page: Page) -> None:
    port = free_port()
    with csv.serving("--port", str(port)) as server:
        page.goto(server.url)
        state(page, "live")
        assert shown(page) == 4
        server.process.terminate()
        assert os.name == "nt" or server.process.wait(10) == 0  # Windows kills it
        state(page, "stale")
        expect(page.locator("#alert")).to_contain_text("server has not answered")
        expect(page.locator(".card")).to_have_count(4)
    with csv.serving("--port", str(port), news=True):
        state(page, "live")
        next_version(page)
        expect(page.locator("#alert")).to_be_empty()
        assert shown(page) == 4


@pytest.mark.stops_the_server
def test_a_page_reloads_when_its_code_has_changed(csv: Project, page: Page) -> None:
    module, port = csv.path / csv.slug / "pages" / "overview.py", free_port()
    before = module.read_text("utf-8")
    with csv.serving("--port", str(port)) as server:
        page.goto(server.url)
        assert shown(page) == 4
        page.locator("#window").get_by_text("6 hours").click()
        end(server.process)
    module.write_text(before.replace('"Trend"', '"Course"'), "utf-8")
    try:
        with csv.serving("--port", str(port), news=True):
            expect(page.get_by_role("heading", name="Course")).to_be_visible(timeout=30_000)
            assert shown(page) == 4
            chosen = page.locator("#window .selected")
            expect(chosen).to_have_text("6 hours")
            page.evaluate("window.same = true")
            next_version(page)
            assert page.evaluate("window.same"), "once is enough"
    finally:
        module.write_text(before, "utf-8")


@pytest.mark.stops_the_server  # the browser logs the failed request
def test_a_failing_view_is_named_and_the_others_continue(csv: Project, page: Page) -> None:
    module, flag = csv.path / csv.slug / "engineering.py", csv.path / "whole"
    before = module.read_text("utf-8")
    line = "    boxes = []\n"
    module.write_text(before.replace(line, f"{line}    open({str(flag)!r}).close()\n"), "utf-8")
    flag.touch()
    try:
        with csv.serving(news=True, REFRESH__EVERY="1s") as server:
            page.goto(server.url)
            assert shown(page) == 4
            flag.unlink()
            notice = page.locator("#alert")
            expect(notice).to_contain_text("Distribution could not be updated", timeout=30_000)
            said = notice.inner_text()
            assert re.findall("^(.*) could not be updated", said, re.M) == ["Distribution"]
            number = re.findall(r"request (\w+)", said)[0]
            logged = [line for line in server.output().splitlines() if f"[{number}]" in line]
            assert "distribution-graph.figure" in logged[0]
            next_version(page)
            state(page, "live")
            assert shown(page) == 4, "with its last good data"
            flag.touch()
            expect(notice).to_be_empty(timeout=30_000)
    finally:
        flag.unlink(missing_ok=True)
        module.write_text(before, "utf-8")


def test_the_url_may_contain_the_password(csv: Project, page: Page) -> None:
    with csv.serving(AUTH__USERS=csv.users()) as server:
        page.goto(f"{server.url.replace('//', '//ann:right@')}/#here")
        assert shown(page) == 4
        assert page.evaluate("document.URL") == f"{server.url}/#here"


@pytest.mark.stops_the_server  # the browser logs the responses with status 401
def test_the_password_is_requested_when_a_session_ends(
    csv: Project, context: BrowserContext, page: Page
) -> None:
    """To DevTools, a login dialog is a request that waits for credentials."""
    challenged: list[str] = []
    devtools = context.new_cdp_session(page)

    def dialog(event: dict[str, Any]) -> None:
        challenged.append(event["resourceType"])
        if challenged[-1] == "Document":
            given = {"response": "ProvideCredentials", "username": "ann", "password": "right"}
            answer = {"requestId": event["requestId"], "authChallengeResponse": given}
            devtools.send("Fetch.continueWithAuth", answer)

    def go_on(event: dict[str, Any]) -> None:
        devtools.send("Fetch.continueRequest", {"requestId": event["requestId"]})

    devtools.on("Fetch.authRequired", dialog)
    devtools.on("Fetch.requestPaused", go_on)
    devtools.send("Fetch.enable", {"handleAuthRequests": True})
    with csv.serving(AUTH__USERS=csv.users(), REFRESH__EVERY="1s") as server:
        # As after a restart, when the browser has the cookie but not the password.
        password = {"Authorization": f"Basic {b64encode(b'ann:right').decode()}"}
        with urllib.request.urlopen(urllib.request.Request(server.url, headers=password)) as got:
            name, _, value = got.headers["Set-Cookie"].partition(";")[0].partition("=")
        context.add_cookies([{"name": name, "value": value, "url": server.url}])
        page.goto(server.url)
        assert shown(page) == 4
        assert challenged == []
        with page.expect_event("load"):
            context.clear_cookies()
        assert shown(page) == 4
        assert challenged == ["Document"]
        devtools.detach()


@pytest.mark.stops_the_server
def test_a_request_that_is_too_large_shows_its_size_and_the_setting(
    csv: Project, page: Page
) -> None:
    said = "server.max_body_bytes = 1000000 allows"
    send = """size => fetch("/_dash-update-component", {method: "POST", body: JSON.stringify({
        output: "download.data", inputs: [], state: [{value: "x".repeat(size)}]
    })}).catch(String)"""
    with csv.serving() as server:
        page.goto(server.url)
        assert shown(page) == 4
        for size, sent in ((2_000_000, "2000061"), (30_000_000, "30000061")):
            page.evaluate(send, size)
            expect(page.locator("#alert")).to_contain_text(f"{sent} bytes")
            expect(page.locator("#alert")).to_contain_text(said)
        assert f"A request of 2000061 bytes is larger than {said}" in server.output()


def test_a_browser_logs_in_with_a_password_only_once(csv: Project, browser: Browser) -> None:
    settings = {"REFRESH__EVERY": "1s", "AUTH__USERS": csv.users()}
    with csv.serving(news=True, **settings) as server:
        password: Any = {"username": "ann", "password": "right"}
        context = browser.new_context(http_credentials=password)
        page = context.new_page()
        assert page.goto(server.url)
        assert shown(page) == 4
        next_version(page)
        state(page, "live")
        (cookie,) = context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        context.close()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(server.url, timeout=10)


def test_stale_data_are_marked_everywhere(csv: Project, source: Path, page: Page) -> None:
    with csv.serving(REFRESH__EVERY="1s", APP__STALE_AFTER="15s") as server:
        page.goto(server.url)
        assert shown(page) == 4  # the first drawing is slow; the rows must not age meanwhile
        source.write_bytes(fresh(source.read_bytes()))
        state(page, "live")
        assert shown(page) == 4
        mark = """it => ["::before", "::after"].flatMap((at) =>
            [...it.querySelectorAll(".card-label, .card-state, h2")].map(
                (part) => getComputedStyle(part, at).content)).join()"""
        values = page.locator(".card, .panel:not([hidden])")
        assert "stale" not in values.first.evaluate(mark)
        source.unlink()
        state(page, "stale")
        assert all("stale" in values.nth(it).evaluate(mark) for it in range(values.count()))
        assert ready(server)[0] == 503


def test_tabs_share_one_computation_of_a_view(csv: Project, context: BrowserContext) -> None:
    module, computed = csv.path / csv.slug / "engineering.py", csv.path / "computed.txt"
    before = module.read_text("utf-8")
    start = '    known = units.on_axes(describe(readings, series))\n    shown = list(known["panel"]'
    start += ".unique())\n"
    line = f"    open({str(computed)!r}, 'a').write(f'{{len(readings)}}\\n')\n"
    module.write_text(before.replace(start, start + line, 1), "utf-8")  # in trend_figure
    try:
        with csv.serving(news=True, REFRESH__EVERY="5s") as server:

            def published() -> int:
                return server.output().count("published")

            tabs = [context.new_page() for _ in range(5)]
            for tab in tabs:
                tab.goto(server.url)
                assert shown(tab) == 4
            for tab in tabs:
                next_version(tab)
            (seen,) = wait_until(lambda: len(its := {version(tab) for tab in tabs}) == 1 and its)
            started = published()
            count = len(computed.read_text("utf-8").splitlines())
            for tab in tabs:
                next_version(tab, than=seen)
                assert shown(tab) == 4
            wait_until(lambda: len({version(tab) for tab in tabs}) == 1)
            chosen = published()
            tabs[0].locator("#window").get_by_text("1 hour").click()
            points = "document.querySelector('#trend-graph .js-plotly-plot').calcdata?.[0].length"
            wait_until(lambda: tabs[0].evaluate(points) == 13)
            assert tabs[1].evaluate(points) > 13, "a choice is the viewer's own"
            lines = computed.read_text("utf-8").splitlines()[count:]
            # The version seen may have been computed after it was shown.
            versions = 1 + published() - started, 1 + published() - chosen
            assert len(lines) <= sum(versions), "one per version for all, and one for the choice"
    finally:
        module.write_text(before, "utf-8")


def test_a_page_polls_about_once_per_refresh(machine: Project, page: Page) -> None:
    settled = """() => {
        const {answer} = dash_clientside.polling.state(), {shown} = dash_clientside.live.state();
        if (shown === null || answer?.version !== shown) return 0;
        return performance.getEntriesByType("resource")
            .filter((it) => /_live(\\?|$)/.test(it.name)).length;
    }"""
    with machine.serving() as server:
        page.goto(server.url)
        version(page)
        # A version shown later may come from a poll that has been counted already.
        before = wait_until(lambda: page.evaluate(settled)), server.output().count("published")
        for _ in range(9):
            next_version(page)
        polled, published = len(polls(page)), server.output().count("published")
        assert 9 <= polled - before[0] <= published - before[1] + 4


def test_a_page_knows_how_long_a_poll_was_in_a_cache(csv: Project, page: Page) -> None:
    age = 0  # seconds

    def cached(route: Route) -> None:
        response = route.fetch()
        answer = response.json()
        answer["at"] -= age
        route.fulfill(response=response, json=answer)

    with csv.serving(REFRESH__EVERY="6s") as server:
        # Even pauses: 3 s, or 6 s if the page does not know.
        page.add_init_script("const it = Math.random; Math.random = () => 0.5 + it() / 1000;")
        page.route("**/_live*", cached)
        page.goto(server.url)
        assert shown(page) == 4
        at_rest(page)
        count = len(polls(page))
        wait_until(lambda: len(polls(page)) > count)  # now it knows how long one takes
        age = 3
        wait_until(lambda: len(polls(page)) > count + 2)
        start, end = polls(page)[count + 1 : count + 3]
        assert end - start < 5.5, "the next refresh is 3 s nearer than it said"


def test_a_page_polls_less_often_while_a_refresh_is_late(
    csv: Project, slow_source: Path, page: Page
) -> None:
    slow_source.touch()
    with csv.serving(news=True, REFRESH__EVERY="2s") as server:
        page.goto(server.url)
        next_version(page)
        slow_source.unlink()
        before = len(polls(page))
        wait_until(lambda: len(polls(page)) >= before + 9)
        pauses = [later - sooner for sooner, later in pairwise(polls(page)[before:])]
        assert min(pauses) < 1, "at first it asks sooner"
        assert all(1 < pause < 4 for pause in pauses[-2:]), "then every two seconds"
        slow_source.touch()
        next_version(page)


def test_a_hidden_tab_polls_rarely_and_catches_up_when_shown(csv: Project, page: Page) -> None:
    # A headless browser has no hidden tabs, so pretend that the page is hidden.
    page.add_init_script("Object.defineProperty(document, 'hidden', {get: () => window.hide})")
    with csv.serving(news=True, REFRESH__EVERY="1s") as server:
        page.goto(server.url)
        next_version(page)
        page.evaluate("window.hide = true")
        before, published = len(polls(page)), server.output().count("published")
        wait_until(lambda: server.output().count("published") > published + 6)
        assert len(polls(page)) <= before + 1, "the one that was set before it was hidden"
        late = version(page)
        page.evaluate("window.hide = false; document.dispatchEvent(new Event('visibilitychange'))")
        # Without the event, it would poll only a minute after its last poll.
        expect(page.locator("#status")).not_to_have_attribute("data-version", late)
        next_version(page)


def test_scripts_are_compressed_and_loaded_only_once(machine: Project, page: Page) -> None:
    with machine.serving(REFRESH__EVERY="1h") as server:
        page.goto(server.url)
        assert shown(page) >= 2
        expect(page.get_by_label("From", exact=True)).to_be_attached()  # its script comes late
        page.wait_for_load_state("networkidle")
        sizes = """() => performance.getEntriesByType("resource")
            .filter((it) => it.name.includes("_dash-component-suites"))
            .map((it) => [it.name, it.transferSize, it.decodedBodySize])"""
        first = page.evaluate(sizes)
        loaded = [name for name, size, _ in first if size]
        assert len(loaded) == len(set(loaded))
        assert sum(size for _, size, _ in first) < sum(whole for *_, whole in first) / 2.5
        page.reload()
        assert shown(page) >= 2
        expect(page.get_by_label("From", exact=True)).to_be_attached()
        page.wait_for_load_state("networkidle")
        again = page.evaluate(sizes)
        # A script that is preloaded and then used is listed twice.
        assert {name for name, *_ in again} == {name for name, *_ in first}
        assert [name for name, size, _ in again if size] == []


@pytest.mark.stops_the_server
def test_debug_reloads_and_keeps_a_single_schedule(csv: Project, page: Page) -> None:
    module = csv.path / csv.slug / "pages" / "overview.py"
    before = module.read_text("utf-8")
    settings = {"REFRESH__EVERY": "5s"}  # even a late refresh is published before the next is due
    with csv.serving("--debug", "--port", str(free_port()), news=True, **settings) as server:
        wait_until(lambda: ready(server)[0] == 200, server.output)
        assert "EVALEX" not in page.request.get(f"{server.url}/console").text(), "it runs any code"
        with page.expect_response("**/_reload-hash"):  # compared with later hashes
            page.goto(server.url)
        expect(page.get_by_role("heading", name="Trend")).to_be_visible()
        starts = server.output().count("serving at")
        module.write_text(before.replace('"Trend"', '"Course"'), "utf-8")
        try:
            wait_until(lambda: server.output().count("serving at") > starts, server.output)
            expect(page.get_by_role("heading", name="Course")).to_be_visible(timeout=30_000)
            # The new process may repeat the last slot for its first version, or need the next one.
            first = "published version="
            wait_until(lambda: first in server.output().rpartition("serving at")[2], server.output)
            ended = len(server.output())
            for _ in range(3):
                next_version(page)
            published = r"published version=(\d+)"  # a page that reloads shows no newer version
            wait_until(lambda: len(re.findall(published, server.output()[ended:])) > 3)
        finally:
            module.write_text(before, "utf-8")
        versions = re.findall(published, server.output()[ended:])
        slots = [int(version) // 5_000 for version in versions]
        assert len(slots) == len(set(slots)) >= 2, "a second schedule would do each slot twice"


EDITS = {  # the text to replace in each of the user's files
    "{slug}/engineering.py": ("Kpi(row.Index, row.label", 'Kpi(row.Index, "No " + row.label'),
    "{slug}/reading.py": ("read_tables(source)", "read_tables(source, rows=lambda it: it.head(1))"),
    "{slug}/assets/css-theme.css": ("color-scheme:", "letter-spacing: 1px; color-scheme:"),
    "{slug}/assets/static_data/series.csv": ("°C", "°F"),
    "config.toml": ('title = "', 'title = "New '),
}


@pytest.mark.stops_the_server
def test_debug_reloads_after_any_edit(csv: Project, page: Page) -> None:
    files = {csv.path / name.format(slug=csv.slug): edit for name, edit in EDITS.items()}
    before = {file: file.read_bytes() for file in files}
    with csv.serving("--debug", "--port", str(free_port()), REFRESH__EVERY="1s") as server:
        wait_until(lambda: ready(server)[0] == 200, server.output)
        page.goto(server.url)
        expect(page.locator(".card")).to_have_count(4, timeout=30_000)
        label, unit = page.locator(".card-label").first, page.locator(".card-value small").first
        patient: Any = {"timeout": 60_000}  # a restart imports everything
        shown = [
            lambda: expect(label).to_have_text("No Line 1", **patient),
            lambda: expect(page.locator(".card")).to_have_count(1, **patient),
            lambda: expect(page.locator("body")).to_have_css("letter-spacing", "1px", **patient),
            lambda: expect(unit).to_have_text("°F", **patient),
            lambda: expect(page.locator("h1")).to_have_text(re.compile("^New "), **patient),
        ]
        try:
            for (file, (old, new)), check in zip(files.items(), shown, strict=True):
                assert old in file.read_text("utf-8")
                for _ in range(2):  # Dash compares with the hashes since the page was loaded
                    page.wait_for_event("response", lambda it: "_reload-hash" in it.url)
                file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
                check()
        finally:
            for file, content in before.items():
                file.write_bytes(content)


MISTAKES = {  # each ends the program: the text to add to a file, and the error
    "{slug}/engineering.py": ("import nothing_like_it\n", "No module named 'nothing_like_it'"),
    "{slug}/assets/static_data/series.csv": ("line_1,Twice,,,\n", "series.csv cannot be used"),
    "config.toml": ("nonsense\n", "config.toml is not valid TOML"),
}


@pytest.mark.stops_the_server
def test_debug_waits_for_the_next_save_after_an_error(csv: Project, page: Page) -> None:
    with csv.serving("--debug", "--port", str(free_port())) as server:
        page.goto(server.url)
        for name, (mistake, said) in MISTAKES.items():
            file = csv.path / name.format(slug=csv.slug)
            before = file.read_bytes()
            try:
                file.write_bytes(before + mistake.encode())
                wait_until(lambda said=said: said in server.output(), server.output)
                wait_until(lambda: server.output().rstrip().endswith("next save"), server.output)
            finally:
                file.write_bytes(before)
            wait_until(lambda: ready(server)[0] == 200, server.output)
        expect(page.locator(".card")).to_have_count(4, timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_the_page_is_accessible_and_fits(
    scheme: Any, size: tuple[int, int], machine: Project, page: Page
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    with machine.serving() as server:
        page.goto(server.url)
        state(page, "live")
        assert shown(page) >= 2
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background))) < 200) == (scheme == "dark")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not inaccessible(page)
