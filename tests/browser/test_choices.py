"""What a viewer chooses: it is in the address, and charts set it, too."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from helpers.browser import address, at_rest, next_version, shown, state, traces
from helpers.processes import wait_until
from helpers.projects import Project

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_console_errors")]


def choose(page: Page, *series: str) -> None:
    """Choose series from the list."""
    page.locator("#series").click()
    for name in series:
        page.locator(".dash-dropdown-option", has_text=name).click()
    page.keyboard.press("Escape")
    expect(page.locator("#series")).to_have_attribute("aria-expanded", "false")


def query(page: Page) -> dict[str, list[str]]:
    """Return the query of a page's address."""
    return parse_qs(urlsplit(address(page)).query, keep_blank_values=True)


def follow(page: Page, name: str) -> None:
    """Follow a link in the navigation."""
    page.get_by_role("navigation").get_by_role("link", name=name).click()
    expect(page.locator("nav [aria-current=page]")).to_have_text(name)


def click(page: Page, graph: Locator, x: float, y: float) -> None:
    """Click on a place of a graph, once its label shows that plotly.js knows what is there."""
    page.mouse.move(x - 1, y)
    page.mouse.move(x, y)
    expect(graph.locator(".hoverlayer > *").first).to_be_attached()
    page.mouse.click(x, y)


def test_the_address_shows_the_same_view_to_a_colleague(
    csv: Project, page: Page, browser: Browser
) -> None:
    with csv.serving(news=True, REFRESH__EVERY="1s") as server:
        page.goto(f"{server.url}/?wall&from=a%26b#here")
        assert shown(page) == 4
        choose(page, "Pressure", "Output")
        wait_until(lambda: shown(page) == 2)
        page.locator("#window").get_by_text("1 hour").click()
        wait_until(lambda: query(page).get("window"))
        assert address(page).endswith(
            "/?wall&from=a%26b&series=pressure&series=output&window=1h#here"
        ), "what belongs to others stays"
        page.reload()
        assert shown(page) == 2
        with browser.new_context() as colleague:
            other, asked = colleague.new_page(), []
            other.on("request", lambda it: asked.append(unquote_plus(f"{it.url} {it.post_data}")))
            other.goto(address(page))
            assert shown(other) == 2
            expect(other.locator("#window .selected")).to_have_text("1 hour")
            assert sorted(traces(other, "trend-graph")) == ["Output", "Pressure"]
            views = [it for it in asked if "trend-graph" in it]
            assert views
            assert all('"1h"' in it for it in views), "it asks for no other view"
            next_version(other)
            assert shown(other) == 2
        page.locator("#window label", has_text="All").click()
        expect(page.locator("#window .selected")).to_have_text("All")
        at_rest(page)
        page.locator("#series .dash-dropdown-clear").click()
        expect(page.locator("#series .dash-dropdown-value-item")).to_have_count(0)
        wait_until(
            lambda: urlsplit(address(page)).query == "wall&from=a%26b", lambda: address(page)
        )


def test_choosing_back_and_forth_costs_no_request(csv: Project, page: Page) -> None:
    points = "document.querySelector('#trend-graph .js-plotly-plot').calcdata?.[0].length"
    counts: dict[str, int] = {}

    def choose(label: str) -> None:
        before = page.evaluate(points)
        page.locator("#window label", has_text=label).click()
        expect(page.locator("#window .selected")).to_have_text(label)
        if label in counts:
            wait_until(lambda: page.evaluate(points) == counts[label])
        else:
            wait_until(lambda: page.evaluate(points) not in (None, before))
            counts[label] = page.evaluate(points)
        at_rest(page)

    settings = {"REFRESH__EVERY": "1h", "APP__STALE_AFTER": "3650d", "LOG__ACCESS": "true"}
    with csv.serving(**settings) as server:
        page.goto(server.url)
        assert shown(page) == 4
        counts["All"] = page.evaluate(points)
        choose("1 hour")
        choose("All")
        before = server.output().count("GET /_view")
        assert before >= 6
        choose("1 hour")
        choose("All")
        assert server.output().count("GET /_view") == before


NONSENSE = [
    "series=nonsense&window=nonsense",
    "series=__proto__&series=constructor&window=__proto__",
    "window=0001-01-01T00:00/9999-01-01T00:00&window=2h",
    "window=2026-02-31T00:00/2026-03-31T00:00",
    "window=2026-03-31T00:00/2026-03-01T00:00&series=%00%ff%ed%a0%80",
    "window=99999999d&series[]=pressure&=&&%&series=" + 8_000 * "x",
    "".join(f"series=s{it}&" for it in range(900)),
]


def test_nonsense_in_the_address_falls_back_to_the_default(csv: Project, page: Page) -> None:
    with csv.serving(news=True, REFRESH__EVERY="1s") as server:
        failed: list[str] = []
        page.on("response", lambda it: failed.append(it.url) if it.status >= 400 else None)
        for nonsense in NONSENSE:
            page.goto(f"{server.url}/?{nonsense}")
            assert shown(page) == 4
            expect(page.locator("#window .selected")).to_have_text("All")
            state(page, "live")
        page.goto(f"{server.url}/?series=nonsense&series=pressure&series=pressure&window=1h")
        assert shown(page) == 1
        wait_until(lambda: query(page) == {"series": ["pressure"], "window": ["1h"]})
        assert not failed


def test_a_series_that_only_the_data_name_is_chosen_once_they_arrive(
    csv: Project, slow_source: Path, source: Path, page: Page
) -> None:
    """As on an office screen whose page is loaded again by an update of the dashboard."""
    last = source.read_text("utf-8").strip().rpartition("\n")[2].split(",")[0]
    with source.open("a", encoding="utf-8") as file:
        file.write(f"{last},extra,1\n")
    with csv.serving(REFRESH__EVERY="1s", APP__STALE_AFTER="3650d") as server:
        page.goto(f"{server.url}/?series=nonsense&series=extra&series=pressure")
        state(page, "loading")
        expect(page.locator("#series")).to_contain_text("Pressure")
        slow_source.touch()
        expect(page.locator(".card-label")).to_have_text(["Pressure", "extra"])
        wait_until(lambda: query(page) == {"series": ["extra", "pressure"]})


def test_the_choices_follow_to_other_pages_and_back(pages: Project, page: Page) -> None:
    with pages.serving(news=True, SERVER__URL_PREFIX="/dashboard/") as server:
        page.goto(f"{server.url}/dashboard/?wall&series=pressure")
        assert shown(page) == 1
        follow(page, "Status")
        wait_until(lambda: address(page).endswith("/dashboard/status?wall&series=pressure"))
        follow(page, "Data")
        panel = page.locator("#rows .ag-paging-panel")
        expect(panel).to_contain_text("of 577")
        wait_until(lambda: address(page).endswith("/dashboard/data?wall&series=pressure"))
        page.locator("#window").get_by_text("1 hour").click()
        expect(panel).to_contain_text("of 13")
        page.reload()
        expect(panel).to_contain_text("of 13")
        page.go_back()
        expect(page.locator("#history tr").first).to_contain_text("OK")
        page.go_back()
        assert shown(page) == 1
        expect(page.locator("#window .selected")).to_have_text("All")
        page.go_forward()
        page.go_forward()
        expect(panel).to_contain_text("of 13")
        follow(page, "Overview")
        assert shown(page) == 1
        expect(page.locator("#window .selected")).to_have_text("1 hour")
        assert query(page) == {"wall": [""], "series": ["pressure"], "window": ["1h"]}


def zoom(page: Page, start: float, end: float) -> None:
    """Drag over a part of the trend's time axis; both are shares of its width."""
    area = page.locator("#trend-graph .nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y + 1, steps=5)
    page.mouse.up()


def drawn(page: Page) -> list[int]:
    """Return how many points each line of the trend has."""
    plot = "document.querySelector('#trend-graph .js-plotly-plot')"
    return list(page.evaluate(f"{plot}?._fullData?.map(it => it.x.length) ?? []"))


def go_back(page: Page) -> None:
    """Double-click the trend, again if a slow machine took too long for a double click."""

    def goes() -> bool:
        # Away from the line, which rises to the right: a click on it would choose its series.
        page.locator("#trend-graph .nsewdrag").first.dblclick(position={"x": 10, "y": 10})
        with suppress(AssertionError):
            expect(page.locator("#window .selected")).to_have_text("All", timeout=3000)
            return True
        return False

    wait_until(goes)


def test_zooming_shows_every_reading_and_survives_updates(
    csv: Project, source: Path, page: Page
) -> None:
    first, names = datetime(2026, 10, 1, tzinfo=UTC), ("line_1", "line_2", "pressure", "output")
    lines = (
        f"{first + timedelta(minutes=2 * at):%Y-%m-%dT%H:%M:%SZ},{name},{at}.5"
        for at in range(30 * 720)
        for name in names
    )
    source.write_text("time,series,value\n" + "\n".join(lines) + "\n", "utf-8")
    with csv.serving(news=True, REFRESH__EVERY="2s", APP__TIMEZONE="UTC") as server:
        page.goto(server.url)
        assert shown(page) == 4
        assert drawn(page) == 4 * [1000]
        whole = page.locator(".card-range").first.inner_text()
        at_rest(page)
        zoom(page, 0.4, 0.44)
        expect(page).to_have_url(re.compile("window="))
        start, end = map(datetime.fromisoformat, query(page)["window"][0].split("/"))
        seconds = (start - datetime(2026, 10, 1)).total_seconds(), (end - start).total_seconds()
        first_shown = int(-(-seconds[0] // 120))
        count = int(sum(seconds) // 120) - first_shown + 1
        assert 200 < count < 1000, "so few that all are drawn"
        wait_until(lambda: drawn(page) == 4 * [count], lambda: f"{count} {drawn(page)}")
        axis = "document.querySelector('#trend-graph .js-plotly-plot').layout.xaxis.range"
        ends = [f"{it:%Y-%m-%d %H:%M:%S.%f}" for it in (start, end)]
        assert page.evaluate(axis) == ends
        expect(page.locator(".card-range").first).not_to_have_text(whole)  # the cards follow
        next_version(page)
        assert (page.evaluate(axis), drawn(page)) == (ends, 4 * [count])
        expect(page.locator("#window .selected")).to_have_count(0)
        days = page.locator(".dash-datepicker-input")
        expect(days.first).to_have_value(f"{start:%Y-%m-%d}")
        page.reload()
        wait_until(lambda: drawn(page) == 4 * [count])
        go_back(page)
        wait_until(lambda: drawn(page) == 4 * [1000], lambda: f"{page.url} {drawn(page)}")
        assert "window" not in query(page)
        page.goto(f"{server.url}?window=2030-01-01T00:00/2030-01-02T00:00")
        expect(page.locator("#trend-graph .annotation")).to_have_text("Nothing to show")
        go_back(page)
        page.goto(f"{server.url}?window=2026-10-05T00:00/2026-10-05T23:59")
        expect(days.last).to_have_value("2026-10-05")
        days.first.click()
        page.locator(".dash-datepicker-calendar-container td", has_text="7").first.click()
        page.locator(".dash-datepicker-calendar-container td", has_text="8").first.click()
        wait_until(lambda: query(page)["window"] == ["2026-10-07T00:00:00/2026-10-08T23:59:59"])
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Download CSV").click()
        rows = Path(downloading.value.path()).read_text("utf-8").splitlines()
        assert len(rows) == 1 + 2 * 720 * 4


def test_a_click_on_a_box_chooses_its_own_series(csv: Project, page: Page) -> None:
    """The boxes of the two lines share a panel."""
    with csv.serving(REFRESH__EVERY="1h") as server:
        for number, name in enumerate(("Line 1", "Line 2", "Pressure", "Output")):
            page.goto(server.url)
            assert shown(page) == 4
            graph = page.locator("#distribution-graph")
            graph.scroll_into_view_if_needed()
            at_rest(page)
            boxes = [it.bounding_box() for it in graph.locator("path.box").all()]
            box = sorted((it for it in boxes if it), key=lambda it: it["y"])[number]
            click(page, graph, box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
            expect(page.locator(".card-label")).to_have_text([name])


def test_a_click_on_a_card_or_a_chart_chooses_a_series(csv: Project, page: Page) -> None:
    with csv.serving(REFRESH__EVERY="1h") as server:
        page.goto(f"{server.url}/?series=pressure&series=output")
        assert shown(page) == 2
        card = page.locator("[data-series=output]")
        expect(card).to_have_attribute("aria-pressed", "false")
        card.click()
        expect(page.locator(".card-label")).to_have_text(["Output"])
        expect(card).to_have_attribute("aria-pressed", "true")
        expect(card).to_be_focused()  # although Dash has drawn another one
        page.keyboard.press("Enter")
        expect(page.locator(".card-label")).to_have_text(["Pressure", "Output"])
        expect(card).to_be_focused()
        assert query(page)["series"] == ["pressure", "output"]
        for graph, part in (("distribution", "path.box"), ("trend", ".scatterlayer .js-line")):
            for names in (["Output"], ["Pressure", "Output"]):
                page.locator(f"#{graph}-graph").scroll_into_view_if_needed()
                at_rest(page)
                place = page.locator(f"#{graph}-graph {part}").last
                box = place.bounding_box()
                assert box
                if graph == "trend":  # the middle of the line
                    end = "it => { const {x, y} = it.getPointAtLength(it.getTotalLength() / 2); "
                    end += "const m = it.getScreenCTM(); return [m.a * x + m.e, m.d * y + m.f] }"
                    x, y = place.evaluate(end)
                else:
                    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
                click(page, page.locator(f"#{graph}-graph"), x, y)
                expect(page.locator(".card-label")).to_have_text(names)
                assert shown(page) == len(names)
