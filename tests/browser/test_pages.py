"""A project with several pages, in a real browser."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, expect

from helpers.browser import next_version, output, shown, state, version
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.readings import after, correct

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_console_errors")]


def go(page: Page, name: str) -> None:
    """Follow a link in the navigation."""
    page.get_by_role("navigation").get_by_role("link", name=name).click()
    expect(page.locator("nav [aria-current=page]")).to_have_text(name)


def numbered(page: Page, column: str) -> dict[int, str]:
    """Wait for the table's rows; return the visible cells of a column by row number."""
    found = page.locator(f"#rows .ag-row [col-id={column}]")
    expect(found.first).not_to_be_empty(timeout=30_000)
    script = (
        "its => its.map(it => [+it.closest('[row-index]').getAttribute('row-index'), it.innerText])"
    )
    return dict(sorted(found.evaluate_all(script)))


def cells(page: Page, column: str) -> list[str]:
    """Wait for the table's rows; return the visible cells of a column from the top."""
    return list(numbered(page, column).values())


def add(source: Path, *lines: str) -> None:
    with source.open("a", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_each_page_opens_by_link_by_url_and_by_going_back(pages: Project, page: Page) -> None:
    settings = {"REFRESH__EVERY": "1s", "SERVER__URL_PREFIX": "/dashboard/"}
    with pages.serving(news=True, **settings) as server:
        page.goto(f"{server.url}/dashboard/")
        assert shown(page) == 4
        go(page, "Data")
        wait_until(lambda: len(cells(page, "time")) > 5)
        expect(page).to_have_title("Data · My Dashboard")
        go(page, "Status")
        expect(page.locator("#history tr").first).to_contain_text("OK")
        page.go_back()
        wait_until(lambda: len(cells(page, "time")) > 5)
        page.go_back()
        assert shown(page) == 4
        page.go_forward()
        page.reload()
        wait_until(lambda: len(cells(page, "time")) > 5)
        next_version(page)
        page.goto(f"{server.url}/dashboard/status?from=a&link=b")
        expect(page.locator("#history tr").first).to_contain_text("OK")
        state(page, "live")


def test_new_rows_appear_and_filter_order_page_and_scroll_stay(
    pages: Project, pages_source: Path, page: Page
) -> None:
    with pages.serving(REFRESH__EVERY="1s") as server:
        page.goto(f"{server.url}/data")
        assert re.match(r"20\d\d-\d\d-\d\d", cells(page, "time")[0])
        add(pages_source, f"{after(pages_source, 1)},pressure,7.89")
        expect(page.locator("#rows .ag-row[row-index='0']")).to_contain_text("7.89")
        page.locator("#series").click()
        page.get_by_role("checkbox", name="Pressure").click()
        page.keyboard.press("Escape")
        panel = page.locator("#rows .ag-paging-panel")
        expect(panel).to_contain_text("of 578")
        page.locator("#rows .ag-header-cell[col-id=value]").click()
        page.get_by_role("button", name="Next Page").click()
        expect(panel).to_contain_text("Page 2 of 6")
        wait_until(lambda: set(cells(page, "series")) == {"Pressure"})
        first_row = min(numbered(page, "value"))
        viewport = page.locator("#rows .ag-body-viewport")
        viewport.evaluate("it => it.scrollTop = 700")

        def scrolled() -> dict[int, str]:  # the table draws the rows in the next frames
            found = numbered(page, "value")
            return found if min(found) > first_row and all(found.values()) else {}

        before = wait_until(scrolled)
        values = [float(it) for it in before.values()]
        assert values == sorted(values)
        top = "it => it.scrollTop"
        assert viewport.evaluate(top) == 700
        later = after(pages_source, 1)
        add(pages_source, f"{later},pressure,0.5", f"{later},output,9999")
        expect(panel).to_contain_text("of 579")  # the new first row moves all others by one
        expect(panel).to_contain_text("Page 2 of 6")

        def moved() -> bool:  # compares rows visible both times: the table draws no others
            after = numbered(page, "value")
            both = [number for number in before if number + 1 in after]
            return len(both) > 5 and all(after[it + 1] == before[it] for it in both)

        wait_until(moved)
        wait_until(lambda: set(cells(page, "series")) == {"Pressure"})
        assert viewport.evaluate(top) == 700
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Download CSV").click()
        lines = Path(downloading.value.path()).read_text("utf-8").splitlines()
        assert len(lines) == 1 + 579
        assert all(",pressure," in line for line in lines[1:])
        go(page, "Overview")
        assert shown(page) == 1, "the choice is that of all pages"


def test_only_the_rows_of_one_page_are_sent(pages: Project, page: Page) -> None:
    with pages.serving(REFRESH__EVERY="1s") as server:
        page.goto(f"{server.url}/data")
        assert cells(page, "time")
        with page.expect_response(
            lambda it: (
                it.status == 200
                and '"startRow":2300' in unquote(f"{it.url} {it.request.post_data}")
            )
        ) as waiting:
            page.get_by_role("button", name="Last Page").click()
        answer = waiting.value.json()["response"]["rows"]["getRowsResponse"]
        assert (len(answer["rowData"]), answer["rowCount"]) == (8, 2308)
        page.get_by_role("button", name="First Page").click()
        expect(page.locator("#rows .ag-paging-panel")).to_contain_text("1 to 100 of 2,308")


def test_a_failing_source_shows_in_the_history_and_the_log(
    pages: Project, pages_source: Path, page: Page
) -> None:
    content = pages_source.read_bytes()
    with pages.serving(REFRESH__EVERY="1s", REFRESH__RETRY_AT_MOST="1s") as server:
        page.goto(f"{server.url}/status")
        newest = page.locator("#history tr").first
        expect(newest).to_contain_text("OK")
        state(page, "live")
        seen = version(page)
        pages_source.write_bytes(b"x")
        expect(newest).to_contain_text("are missing")
        expect(page.locator("#log-lines")).to_contain_text("refresh failed, retrying")
        failures = page.locator("#history .failed")
        expect(failures.nth(2)).to_be_visible(timeout=30_000)  # although no version is published
        expect(page.locator("#log-of")).to_contain_text(re.compile(r"process \d+ on \S+"))
        pages_source.write_bytes(content)
        expect(newest).to_contain_text("OK")  # although nothing is new
        correct(pages)
        next_version(page, than=seen)


@pytest.mark.stops_the_server
def test_the_history_comes_from_the_store(pages: Project, page: Page) -> None:
    with pages.serving(news=True, STORE__URL="file://history", REFRESH__EVERY="1s") as server:
        page.goto(f"{server.url}/status")
        expect(page.locator("#history tr").nth(2)).to_be_visible(timeout=30_000)
        first = page.locator("#history tr").last.inner_text()
    with pages.serving(news=True, STORE__URL="file://history", REFRESH__EVERY="1s") as server:
        page.goto(f"{server.url}/status")
        expect(page.locator("#history tr").nth(4)).to_be_visible(timeout=30_000)
        assert page.locator("#history tr").last.inner_text() == first


def test_a_page_requests_only_its_own_views(pages: Project, page: Page) -> None:
    requests: list[str] = []
    with pages.serving(news=True, REFRESH__EVERY="1s") as server:
        page.goto(server.url)
        assert shown(page) == 4
        page.on("request", lambda it: requests.append(output(it)))
        own_views = {"Data": ("rows.", "..series.options."), "Status": ("..status-content.data.",)}
        for name, own in own_views.items():
            go(page, name)
            next_version(page)  # requests of the last page have finished
            requests.clear()
            next_version(page)
            next_version(page)
            outputs = [it for it in requests if it]
            assert outputs
            assert all(it.startswith(own) for it in outputs), outputs
