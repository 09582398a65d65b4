"""Each source, read as its user would: from a real database, a misbehaving web, files."""

import re
from collections.abc import Callable
from functools import cache
from itertools import product

import pytest
from conftest import Project, install, wait_until
from databases import execute, postgresql
from playwright.sync_api import Page, expect
from sites import Answer, serving
from weather import weather

pytestmark = pytest.mark.slow
SOURCES = ["machine", "csv", "sql", "http", "parquet"]
IN_TEST_RENDERED = {("machine", "no"), ("csv", "no"), ("csv", "yes")}
# The tests of what differs; those of the engine, which is the same, are left to test_rendered.py.
OWN = ("-k", "reading or app or engineering or pages or preprocess or pipeline or web")


@pytest.fixture(scope="session")
def sources(bake: Callable[..., Project]) -> Callable[..., Project]:
    """Return a function that gives an installed project of a source, with one page or more."""

    @cache
    def of(source: str, pages: str = "no") -> Project:
        return install(bake(source=source, pages=pages))

    return of


@pytest.mark.parametrize(
    ("source", "pages"), sorted({*product(SOURCES, ["no", "yes"])} - IN_TEST_RENDERED)
)
def test_it_passes_its_own_checks(source: str, pages: str, sources: Callable[..., Project]) -> None:
    sources(source, pages).check(*OWN)


@pytest.mark.parametrize("pages", ["no", "yes"])
@pytest.mark.parametrize("source", SOURCES)
def test_it_is_shown(source: str, pages: str, sources: Callable[..., Project], page: Page) -> None:
    project = sources(source, pages)
    with serving() as site:
        site.answers["/"] = Answer(weather())
        settings = {"SOURCE__URL": site.url} if source == "http" else {}
        with project.serving(**settings) as server:
            page.goto(server.url)
            expect(page.locator("#status")).to_have_attribute("data-state", "live", timeout=30_000)
            expect(page.locator(".card").first).to_be_visible()
            expect(page.locator("#notice")).to_be_empty()


@pytest.mark.parametrize("source", [it for it in SOURCES if it != "http"])
def test_the_reading_can_be_tried(source: str, sources: Callable[..., Project]) -> None:
    project = sources(source)
    said = project.run("python", "-m", f"{project.slug}.reading").stdout
    assert re.search(r"readings: [\d,]+ rows, with time \(", said)
    assert "That fits preprocess.py" in said


QUERY = "SELECT taken_at AS time, machine AS series, temperature AS value FROM measured"


@pytest.mark.parametrize(
    ("kind", "now"), [("timestamptz", "now()"), ("timestamp", "now() AT TIME ZONE 'UTC'")]
)
def test_postgresql_is_read_from_where_the_last_refresh_ended(
    kind: str, now: str, sources: Callable[..., Project], page: Page
) -> None:
    project = sources("sql")
    with postgresql() as url:
        execute(
            url,
            f"CREATE TABLE measured (taken_at {kind}, machine text, temperature numeric)",
            f"INSERT INTO measured SELECT {now} - n * interval '1 minute', "
            "'press', n FROM generate_series(1, 60) AS n",
            f"INSERT INTO measured VALUES ({now} - interval '1 year', 'old', 1)",
        )
        settings = {
            "SOURCE__URL": url,
            "SOURCE__QUERY": f"{QUERY} WHERE taken_at > :since",
            "REFRESH__EVERY": "1s",
        }
        with project.serving(**settings) as server:
            page.goto(server.url)
            expect(page.locator(".card-label")).to_have_text(["press"], timeout=30_000)
            wait_until(lambda: "rows=0" in server.output(), server.output)
            execute(url, f"INSERT INTO measured VALUES ({now}, 'lathe', 7)")
            expect(page.locator(".card-label")).to_have_text(["lathe", "press"], timeout=30_000)
            assert "rows=60 " in server.output()
            assert "rows=1 " in server.output()
            assert "hush" not in server.output()
