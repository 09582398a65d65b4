"""Charts and cards with awkward data, in a real browser."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from helpers.browser import address, inaccessible, shown, state
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.readings import restored_file

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_console_errors")]
ODD = ["__proto__", "constructor", "hasOwnProperty", "toString", "valueOf", "x __PROTO__ y"]
PLOT = "#{} .js-plotly-plot"
FOREVER = {"REFRESH__EVERY": "1h", "APP__STALE_AFTER": "3650d"}


@pytest.fixture
def rows(csv: Project) -> Iterator[Callable[[str], None]]:
    """Return a function that writes the file, given lines of `minutes,series,value`."""
    restoring = restored_file(csv)
    file = next(restoring)

    def write(lines: str) -> None:
        split = [line.split(",") for line in lines.split()]
        text = (
            f"2026-01-05T{int(it) // 60:02}:{int(it) % 60:02}:00Z,{name.replace('_', ' ')},{value}"
            for it, name, value in split
        )
        file.write_text("time,series,value\n" + "\n".join(text) + "\n", "utf-8")

    yield write
    next(restoring, None)


def hovered(page: Page, graph: str, across: float) -> list[str]:
    """Hover over a place in the first panel of a chart, and return the labels."""
    area = page.locator(f"{PLOT.format(graph)} .nsewdrag").first
    area.scroll_into_view_if_needed()
    labels = page.locator(f"{PLOT.format(graph)} .hoverlayer text")

    def found() -> list[str]:
        box = area.bounding_box()  # the page may still move
        assert box
        page.mouse.move(box["x"] + across * box["width"] - 1, box["y"] + box["height"] / 2)
        page.mouse.move(box["x"] + across * box["width"], box["y"] + box["height"] / 2)
        return [it for it in labels.all_text_contents() if it]

    return wait_until(found, page.content)


def every_minute(name: str, times: range) -> str:
    return "\n".join(f"{it},{name},{20 + it % 7}.5" for it in times)


def test_a_gap_is_visible_and_so_is_a_reading_within_it(
    csv: Project, rows: Callable[[str], None], page: Page
) -> None:
    parts = [every_minute("a", range(60)), "300,a,22.5", every_minute("a", range(600, 660))]
    rows("\n".join(parts))
    with csv.serving(**FOREVER) as server:
        page.goto(server.url)
        expect(page.locator(".card")).to_have_count(1, timeout=30_000)
        lines = page.locator("#trend-graph .scatterlayer .js-line[d*=L]")
        wait_until(lambda: len({it.get_attribute("d") for it in lines.all()}) == 2)
        sizes = page.locator("#trend-graph .point").evaluate_all(
            "points => points.map(it => it.getBBox().width).filter(it => it > 0)"
        )
        assert len(sizes) == 1


def test_a_single_reading_is_visible(csv: Project, rows: Callable[[str], None], page: Page) -> None:
    rows("0,a,28.85")
    with csv.serving(**FOREVER) as server:
        page.goto(server.url)
        point = page.locator("#trend-graph .point")
        expect(point).to_have_count(1, timeout=30_000)
        assert point.bounding_box()["width"] >= 4
        expect(page.locator(".card-value")).to_have_text("28.85")
        expect(page.locator(".card-state")).to_be_empty()


def test_javascript_property_names_work_as_names(csv: Project, source: Path, page: Page) -> None:
    times = [f"2026-01-05T00:{it:02}:00Z" for it in range(30)]
    lines = [f"{time},{name},{1 + it}" for it, time in enumerate(times) for name in ODD]
    source.write_text("time,series,value\n" + "\n".join(lines) + "\n", "utf-8")
    with csv.serving(**FOREVER) as server:
        page.goto(server.url)
        assert shown(page) == len(ODD)
        boxes = page.locator("#distribution-graph path.box")
        expect(boxes).to_have_count(len(ODD))
        assert all(it.bounding_box()["width"] > 5 for it in boxes.all())
        labels = page.locator("#distribution-graph .ytick text").all_text_contents()
        assert sorted(labels) == sorted(ODD)
        page.reload()  # so that the list has all series of the data
        for name in ODD[:2]:
            page.locator("#series").click()
            options = page.locator(".dash-dropdown-option")
            expect(options.first).to_be_visible()
            wait_until(
                lambda: name in map(plain, options.all()),  # noqa: B023
                lambda: f"{name}: {[plain(it) for it in options.all()]}",  # noqa: B023
            )
            next(it for it in options.all() if plain(it) == name).click()
            page.keyboard.press("Escape")
            expect(page.locator(".card-label")).to_have_text([name])
            page.reload()
            expect(page.locator(".card-label")).to_have_text([name])
            page.goto(server.url)
            assert shown(page) == len(ODD)


def plain(option: Any) -> str:
    return str(option.inner_text()).strip().replace("\N{WORD JOINER}", "")


def test_the_list_of_series_follows_the_data(
    csv: Project, rows: Callable[[str], None], page: Page
) -> None:
    rows("\n".join(every_minute(name, range(300)) for name in ("200", "404")))
    with csv.serving(**{**FOREVER, "REFRESH__EVERY": "1s"}) as server:
        page.goto(server.url)
        assert shown(page) == 2
        expect(page.locator("#window label")).to_have_text(["5 min", "1 hour", "All"])
        page.locator("#series").click()
        options = page.locator(".dash-dropdown-option")
        expect(options).to_have_text(["200", "404"])
        rows("\n".join(every_minute(name, range(300)) for name in ("200", "404", "500")))
        expect(options).to_have_text(["200", "404", "500"], timeout=30_000)  # still open
        options.last.click()
        page.keyboard.press("Escape")
        page.locator("#window label").nth(1).click()
        expect(page.locator("#window .selected")).to_have_text("1 hour")
        wait_until(lambda: address(page).endswith("?series=500&window=1h"))
        page.reload()
        expect(page.locator(".card-label")).to_have_text(["500"], timeout=30_000)
        expect(page.locator("#window .selected")).to_have_text("1 hour")
        rows("\n".join(every_minute(name, range(40)) for name in ("200", "500")))
        expect(page.locator("#window .selected")).to_have_text("All", timeout=30_000)


def test_of_400_series_the_page_shows_the_most_important(
    csv: Project, rows: Callable[[str], None], page: Page
) -> None:
    names = [f"s{it:03}" for it in range(400)]
    rows("\n".join(f"{it},{name},{5 + it}" for it in range(10) for name in names))
    page.set_viewport_size({"width": 1440, "height": 900})
    with csv.serving(**FOREVER) as server:
        page.goto(server.url)
        assert shown(page) == 30
        expect(page.locator("#more")).to_contain_text("30 of 400 series")
        expect(page.locator("#distribution-graph path.box")).to_have_count(30)
        chart = page.locator("#trend-graph").bounding_box()
        assert chart and chart["y"] < 900
        page.locator("#series").click()
        page.locator(".dash-dropdown-search").fill("s399")
        option = page.locator(".dash-dropdown-option")
        expect(option).to_have_count(1)
        option.click()
        page.keyboard.press("Escape")
        expect(page.locator(".card-label")).to_have_text(["s399"])
        expect(page.locator("#more")).to_be_empty()


def test_whiskers_are_labeled_as_percentiles(csv: Project, page: Page) -> None:
    with csv.serving(**FOREVER) as server:
        page.goto(server.url)
        shown(page)
        expect(page.locator("#distribution-graph .annotation-text").last).to_have_text(
            re.compile(r"^whiskers: 5 to 95 %( · |$)")
        )
        said = " ".join(hovered(page, "distribution-graph", 0.5))
        assert "5 %:" in said and "95 %:" in said
        assert not any(it in said for it in ("min", "max", "fence"))


GEOMETRY = """() => {
    const box = (it) => it.getBoundingClientRect(), graph = document.querySelector("#trend-graph");
    const all = (what) => [...graph.querySelectorAll(what)].map(box);
    return {
        legend: box(graph.querySelector(".legend .bg")).bottom, panels: all(".nsewdrag"),
        entries: all(".legendtoggle"), scrolls: box(graph.querySelector(".scrollbar")).height,
        ends: [...graph.querySelectorAll(".ends span")].map((it) => [it.textContent, box(it)]),
        graph: box(graph),
    };
}"""


def test_panels_share_a_hover_label_and_lines_end_with_their_values(
    csv: Project, rows: Callable[[str], None], page: Page
) -> None:
    series = csv.path / csv.slug / "assets" / "static_data" / "series.csv"
    before, names = series.read_text("utf-8"), [f"s{it:02}" for it in range(12)]
    units = "".join(f"{name},Pump {name},{'°C' if name < 's09' else 'bar'},26,\n" for name in names)
    series.write_text(before.splitlines()[0] + f"\n{units}", "utf-8")
    rows("\n".join(every_minute(name, range(60)) for name in names))
    page.set_viewport_size({"width": 1440, "height": 900})
    try:
        with csv.serving(**FOREVER) as server:
            page.goto(server.url)
            assert shown(page) == 12
            said = hovered(page, "trend-graph", 0.5)
            assert all(any(name in it for it in said) for name in names), said
            marks = page.locator("#trend-graph .shape-label text")
            expect(marks).to_have_text(["warn 26 °C", "warn 26 bar"])
            ends = page.locator("#trend-graph .ends span")
            expect(ends).to_have_text(["23.5"] * 12)
            drawn = page.evaluate(GEOMETRY)
            tops = sorted(it["top"] for _, it in drawn["ends"])
            assert all(after - one >= 10 for one, after in pairwise(tops)), "none over another"
            assert all(it["right"] <= drawn["graph"]["right"] + 1 for _, it in drawn["ends"])
            assert not drawn["scrolls"], "the legend shows all names"
            assert 0 < drawn["panels"][0]["top"] - drawn["legend"] < 30, "it is near its chart"
            page.locator("#trend-graph .legendtoggle").nth(11).dblclick()
            expect(ends).to_have_count(1)
            page.set_viewport_size({"width": 390, "height": 844})
            expect(ends).to_have_count(0)
            page.reload()
            assert shown(page) == 12
            wait_until(lambda: not page.evaluate(GEOMETRY)["scrolls"])
            drawn = page.evaluate(GEOMETRY)
            for it in drawn["entries"]:
                assert it["right"] <= 390 and it["bottom"] <= drawn["panels"][0]["top"]
    finally:
        series.write_text(before, "utf-8")


def test_large_numbers_of_bytes_use_the_prefix_giga(
    csv: Project, rows: Callable[[str], None], page: Page
) -> None:
    series = csv.path / csv.slug / "assets" / "static_data" / "series.csv"
    before = series.read_text("utf-8")
    series.write_text(before + "disk,Disk,B,,\n", "utf-8")
    rows("0,disk,2800000000 1,disk,2900000000 2,disk,3100000000")
    try:
        with csv.serving(**FOREVER) as server:
            page.goto(server.url)
            ticks = page.locator("#trend-graph .ytick text")
            expect(ticks.first).to_be_attached(timeout=30_000)
            texts = ticks.all_text_contents()
            assert any(it.endswith("G") for it in texts)
            assert not any(it.endswith("B") for it in texts)
            expect(page.locator(".card-value")).to_have_text("3,100,000,000B")
            card = page.locator(".card")
            assert card.evaluate("it => it.scrollWidth <= it.clientWidth")
    finally:
        series.write_text(before, "utf-8")


@pytest.fixture
def limits(csv: Project) -> Iterator[None]:
    """Limits for the states of a pump."""
    series = csv.path / csv.slug / "assets" / "static_data" / "series.csv"
    before = series.read_text("utf-8")
    series.write_text(before + "pump,Pump,,idle,fault|alarm\n", "utf-8")
    yield
    series.write_text(before, "utf-8")


def test_states_are_bands_with_a_card_and_a_table(
    csv: Project, rows: Callable[[str], None], limits: None, page: Page
) -> None:
    states = {0: "on", 20: "fault", 40: "on", 50: "idle"}
    lines = [
        f"{it},pump,{states[max(start for start in states if start <= it)]}" for it in range(60)
    ]
    rows("\n".join([every_minute("heat", range(60)), *lines]))
    with csv.serving(**FOREVER) as server:
        page.goto(server.url)
        card = page.locator(".card", has_text="Pump")
        expect(card.locator(".card-value")).to_have_text("idle")
        expect(card.locator(".card-range")).to_contain_text("since 2026-01-05")
        expect(card.locator(".card-state")).to_have_text("Warning")
        bands = page.locator("#states-graph .point path")
        expect(bands).to_have_count(4)
        expect(page.locator("#states-graph .bartext-inside")).to_have_count(4)
        said = " ".join(hovered(page, "states-graph", 0.5))
        assert "fault (critical)" in said and "20 min" in said
        page.locator("section:has(#states-graph) summary").click()
        expect(page.locator("#states-table tbody tr")).to_have_count(4)
        expect(page.locator("#states-table tbody tr").first).to_contain_text("Warning")
        expect(page.locator("section:has(#ranking-graph)")).to_be_hidden()
        expect(page.locator("#distribution-graph path.box")).to_have_count(1)
        assert not inaccessible(page)


def test_a_table_without_a_time_is_bars_and_rows(csv: Project, source: Path, page: Page) -> None:
    lines = [f"country {it},{it * 100},{80 - it / 10}" for it in range(187)]
    source.write_text("country,income,health\n" + "\n".join(lines) + "\n", "utf-8")
    shape = {"TIME": "", "SERIES": "country", "VALUE": '["income", "health"]'}
    settings = {f"SOURCE__{name}": value for name, value in shape.items()}
    with csv.serving(**FOREVER, **settings) as server:
        page.goto(server.url)
        state(page, "live")
        bars = page.locator("#ranking-graph .point path")
        expect(bars).to_have_count(60)
        titles = page.locator("#ranking-graph .annotation-text").all_text_contents()
        assert titles == ["income · 30 of 187 shown", "health · 30 of 187 shown"]
        for graph in ("trend", "distribution", "states"):
            expect(page.locator(f"section:has(#{graph}-graph)")).to_be_hidden()
        expect(page.locator("fieldset")).to_be_hidden()
        expect(page.locator("#status-age")).not_to_contain_text("newest")
        page.locator("section:has(#ranking-graph) summary").click()
        expect(page.locator("#ranking-table tbody tr")).to_have_count(100)
        expect(page.locator("#ranking-table tbody tr").first).to_contain_text("18,600")
        expect(page.locator("#ranking-table .left-out")).to_contain_text("100 of 187 rows")
        assert not inaccessible(page)


def chart_text(page: Page, graph: str) -> str:
    """Return the text of an empty chart, in the drawing or over it."""
    over = page.locator(f".graph:has(#{graph})").evaluate(
        "it => { const s = getComputedStyle(it, '::after');"
        " return s.visibility === 'visible' ? s.content : ''; }"
    )
    drawn = page.locator(f"#{graph} .annotation-text").all_text_contents()
    return over.strip('"') if over not in ("", "none", "normal") else " ".join(drawn)


def wait_for_chart_text(page: Page, graph: str, words: str) -> None:
    """Wait until an empty chart shows a text, which it does after a pause."""
    wait_until(lambda: chart_text(page, graph) == words, lambda: chart_text(page, graph))


@pytest.mark.stops_the_server
def test_an_empty_chart_shows_why(
    csv: Project, slow_source: Path, source: Path, page: Page
) -> None:
    content = source.read_bytes()
    with csv.serving(**{**FOREVER, "REFRESH__EVERY": "1s"}) as server:
        page.goto(server.url)
        state(page, "loading")
        for graph in ("trend-graph", "distribution-graph"):
            wait_for_chart_text(page, graph, "Waiting for the first data")
        source.unlink()
        slow_source.touch()
        state(page, "error")
        wait_for_chart_text(page, "trend-graph", "No data yet")
        source.write_bytes(content)
        assert shown(page) == 4


@pytest.mark.stops_the_server
def test_a_failing_chart_does_not_wait_for_data(csv: Project, page: Page) -> None:
    module = csv.path / csv.slug / "engineering.py"
    before = module.read_text("utf-8")
    line = "    boxes = []\n"
    module.write_text(before.replace(line, f"{line}    raise ValueError\n"), "utf-8")
    try:
        with csv.serving(**FOREVER) as server:
            page.goto(server.url)
            expect(page.locator("#alert")).to_contain_text(
                "Distribution could not be updated", timeout=30_000
            )
            expect(page.locator("#trend-graph .trace").first).to_be_attached(timeout=30_000)
            state(page, "live")
            wait_for_chart_text(page, "distribution-graph", "Nothing to show")
    finally:
        module.write_text(before, "utf-8")


def test_the_notice_of_stale_data_has_the_color_of_the_state(
    csv: Project, source: Path, page: Page
) -> None:
    with csv.serving(REFRESH__EVERY="1s", APP__STALE_AFTER="2s") as server:
        page.goto(server.url)
        expect(page.locator(".card").first).to_be_visible(timeout=30_000)
        source.unlink()
        state(page, "stale")
        expect(page.locator("#alert")).not_to_be_empty(timeout=30_000)
        word = page.locator("#status-state").evaluate("it => getComputedStyle(it).color")
        expect(page.locator("#alert")).to_have_css("border-left-color", word)


def test_cards_fit_within_the_page(csv: Project, source: Path, page: Page) -> None:
    values = ["1e200", "5e-7", "123456789012.25", "-0.0"]
    days = ("2026-01-05", "2026-01-06")
    lines = [f"{day}T00:00:00Z,s{it},{value}" for day in days for it, value in enumerate(values)]
    source.write_text("time,series,value\n" + "\n".join(lines) + "\n", "utf-8")
    page.set_viewport_size({"width": 390, "height": 844})
    with csv.serving(**FOREVER) as server:
        page.goto(server.url)
        cards = page.locator(".card-value")
        expect(cards).to_have_text(["1e+200", "5e-7", "123,456,789,012.25", "0"], timeout=30_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
