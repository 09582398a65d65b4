"""Who may see what, and whether everybody can use it: logins, operators, accessibility."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect

from helpers.browser import address, inaccessible, next_version, shown, state, wait_for
from helpers.projects import Project

pytestmark = pytest.mark.slow


def test_logging_out_makes_the_browser_forget_the_password(csv: Project, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    with csv.serving(AUTH__USERS=csv.users(), REFRESH__EVERY="1s") as server:
        page.goto(server.url.replace("//", "//ann:right@"))  # Chromium remembers the password
        expect(page.locator(".user-menu")).to_contain_text("ann")
        context.clear_cookies()
        page.goto(server.url)
        assert shown(page) == 4
        cookies: Any = context.cookies()
        # The next page is slow. Polls are rejected meanwhile, and must not reload this page.
        held: list[Route] = []
        rejected: list[str] = []
        page.route(
            "**/_logout",
            lambda it: it.continue_() if it.request.method == "POST" else held.append(it),
        )
        page.on("response", lambda it: rejected.append(it.url) if it.status == 401 else None)
        page.get_by_role("button", name="Log out").click()
        wait_for(page, lambda: held and sum("_live" in it for it in rejected) > 1)
        held[0].continue_()
        expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
        assert not inaccessible(page)
        assert not context.cookies()
        expect(page.get_by_role("link", name="Log in again")).to_have_attribute("href", "/")
        # Without a password, a browser without a dialog gives up.
        for kept in ([], cookies):
            context.add_cookies(kept)
            with context.new_page() as another, pytest.raises(Error, match="INVALID_AUTH"):
                another.goto(server.url)
        with context.new_page() as another:
            another.goto(server.url.replace("//", "//ann:right@"))
            expect(another.locator(".user-menu")).to_contain_text("ann")
    context.close()


def test_an_address_without_a_page_is_not_found(csv: Project, pages: Project, page: Page) -> None:
    for project in (csv, pages):
        with project.serving(SERVER__URL_PREFIX="/dashboard/") as server:
            found = page.goto(f"{server.url}/dashboard/nowhere")
            assert found and found.status == 404
            expect(page.get_by_role("main")).to_contain_text("no page at this address")
            expect(page).to_have_title(re.compile("^Page not found · "))
            assert not inaccessible(page)
            page.get_by_role("main").get_by_role("link").click()
            assert shown(page) == 4


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_each_page_is_accessible_and_fits(
    size: tuple[int, int], pages: Project, page: Page
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    schemes: list[Any] = ["light", "dark"]
    with pages.serving(news=True, REFRESH__EVERY="1s") as server:
        for path in ("", "data", "status"):
            page.goto(f"{server.url}/{path}")
            state(page, "live")
            next_version(page)
            for scheme in schemes:
                page.emulate_media(color_scheme=scheme)
                if path == "data":
                    expect(page.locator("#rows .ag-row [col-id=time]").first).not_to_be_empty()
                    background = "it => getComputedStyle(it).backgroundColor"
                    table = page.locator("#rows .ag-root-wrapper").evaluate(background)
                    assert (sum(map(int, re.findall(r"\d+", table))) < 200) == (scheme == "dark")
                fits = "document.documentElement.scrollWidth <= window.innerWidth"
                assert page.evaluate(fits), path
                assert not inaccessible(page), path
        page.set_extra_http_headers({"X-Forwarded-For": "192.0.2.1"})  # not from this machine
        page.reload()
        expect(page.get_by_role("main")).to_contain_text("For operators only")
        expect(page.get_by_role("navigation").get_by_role("link")).to_have_count(2)
        assert not inaccessible(page)


def test_everything_works_with_the_keyboard_and_has_a_name(csv: Project, page: Page) -> None:
    # Plotly loses what is pressed in a legend if it draws the chart within 0.3 s.
    with csv.serving(news=True, REFRESH__EVERY="3s") as server:
        page.goto(server.url)
        assert shown(page) == 4
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#content")).to_be_focused()
        assert address(page) == f"{server.url}/", "the page is not loaded again"
        page.keyboard.press("Tab")
        series = page.get_by_role("button", name="Series All")
        expect(series).to_be_focused()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Series")
        expect(dialog.get_by_role("group", name="Series")).to_be_visible()
        assert not inaccessible(page)
        page.keyboard.press("ArrowDown")
        first = dialog.get_by_role("checkbox", name="Line 1")
        expect(first).to_be_focused()
        page.keyboard.press("Space")
        expect(first).to_be_checked()
        expect(page.locator(".card")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("button", name="Series Line 1")).to_be_focused()
        page.keyboard.press("Delete")
        expect(page.locator(".card")).to_have_count(4)
        page.keyboard.press("Tab")
        times = page.get_by_role("radiogroup", name="Time").get_by_role("radio")
        expect(times.last).to_be_focused()
        page.keyboard.press("ArrowLeft")
        expect(times.nth(-2)).to_be_checked()
        next_version(page)  # so that the next update is almost 3 s away

        line = page.locator("#trend-graph").get_by_role("button", name="Line 1", exact=True)
        line.focus()
        page.keyboard.press("Enter")
        expect(line).to_have_attribute("aria-pressed", "false")
        next_version(page)
        next_version(page)
        expect(line).to_have_attribute("aria-pressed", "false")
        expect(line).to_be_focused()  # as before the updates
        page.keyboard.press("Space")
        expect(line).to_have_attribute("aria-pressed", "true")

        chart = page.get_by_role("figure", name="Trend")
        expect(chart).to_have_accessible_description(re.compile(r"Line 1: [\d.]+ to [\d.]+ °C, "))
        table = page.get_by_role("region", name="Newest readings").get_by_role("row")
        expect(table).to_have_count(0)
        panel = page.get_by_role("region", name="Trend")
        panel.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(table).to_have_count(51)
        newest = table.nth(1).inner_text()
        next_version(page)
        expect(table.nth(1)).not_to_have_text(newest)
        expect(page.locator(".notifier-note")).to_have_count(0)  # Plotly's tip about legends
        assert not inaccessible(page)
        page.keyboard.press("Enter")
        expect(table).to_have_count(0)
