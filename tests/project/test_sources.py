"""Projects with each source: a real database, a web server, files, this machine."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from helpers.browser import next_version
from helpers.databases import execute, postgresql
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.rendering import INJECTED
from helpers.sites import Answer, serving
from helpers.weather import weather

pytestmark = pytest.mark.slow
WRITERS = INJECTED / "writers.py"
MODULES = INJECTED / "modules"
SOURCES = ["machine", "csv", "sql", "http", "parquet"]
CHECKED = ["sql", "http", "parquet"]  # test_rendered.py checks the others


@pytest.fixture(scope="session")
def sources(bake_and_install: Callable[..., Project]) -> Callable[..., Project]:
    """Return a function that installs a project with a source.

    Neither the source nor the pages change the other's files, so each source is tested with one
    page or several.
    """

    @cache
    def of(source: str) -> Project:
        return bake_and_install(source=source, pages="no" if source == "machine" else "yes")

    return of


@pytest.mark.parametrize("source", CHECKED)
def test_each_source_passes_its_own_checks(source: str, sources: Callable[..., Project]) -> None:
    project = sources(source)
    project.check(*project.differing_tests())


@pytest.mark.parametrize("source", SOURCES)
def test_the_initial_modules_pass_the_full_tests(
    source: str, sources: Callable[..., Project]
) -> None:
    """A project contains only a few tests of its user's modules; these are the full set."""
    project = sources(source)
    names = ["app", "engineering", *(["pages"] if source != "machine" else [])]
    files = [MODULES / f"test_{name}.py" for name in names] + [*MODULES.glob(f"*_{source}.py")]
    folder = project.path / "tests" / "modules"
    folder.mkdir()
    try:
        for file in files:
            shutil.copy(file, folder)
        project.run("pytest", "-q", str(folder))
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_is_shown(source: str, sources: Callable[..., Project], page: Page) -> None:
    project = sources(source)
    with serving() as site:
        site.answers["/"] = Answer(weather())
        settings = {"SOURCE__URL": site.url} if source == "http" else {}
        settings["APP__STALE_AFTER"] = "36500d"  # the Parquet sample is old
        with project.serving(**settings) as server:
            page.goto(server.url)
            expect(page.locator("#status")).to_have_attribute("data-state", "live", timeout=30_000)
            expect(page.locator(".card").first).to_be_visible()
            expect(page.locator("#alert")).to_be_empty()


@pytest.mark.parametrize("source", [it for it in SOURCES if it != "http"])
def test_the_preview_accepts_each_source(source: str, sources: Callable[..., Project]) -> None:
    project = sources(source)
    said = project.run("python", "-m", f"{project.slug}.reading").stdout
    assert re.search(r"readings: [\d,]+ rows, with time \(", said)
    assert "This matches preprocess.py" in said


@pytest.mark.parametrize(
    ("first", "second", "zone", "shown_in"),
    [
        ("2026-01-30", "2026-01-31", "UTC", "America/Los_Angeles"),
        ("2026-01-30", "2026-01-31", "Europe/Oslo", "America/Los_Angeles"),
        ("2026-07-30T12:00", "2026-07-30T13:00", "Europe/Oslo", "Europe/Oslo"),
    ],
)
def test_dates_and_local_times_are_shown_unchanged(
    first: str, second: str, zone: str, shown_in: str, sources: Callable[..., Project], page: Page
) -> None:
    project = sources("csv")
    file = project.path / "data" / "local.csv"
    file.write_text(f"time,series,value\n{first},a,1\n{second},a,2\n", "utf-8")
    settings = {"SOURCE__PATH": "data/local.csv", "SOURCE__TIMEZONE": zone}
    with project.serving(APP__TIMEZONE=shown_in, **settings) as server:
        page.goto(server.url)
        expect(page.locator(".card-label")).to_have_text("a", timeout=30_000)
        graph = "document.querySelector('#trend-graph .js-plotly-plot')"
        wait_until(lambda: page.evaluate(f"{graph}?.calcdata?.[0]?.length") == 2)
        drawn = page.evaluate(f"{graph}.calcdata[0].map(it => new Date(it.x).toISOString())")
    for at, written in zip(drawn, (first, second), strict=True):
        assert at.startswith(written if "T" in written else f"{written}T00:00")


QUERY = "SELECT taken_at AS time, machine AS series, temperature AS value FROM measured"


@pytest.mark.parametrize(
    ("kind", "now", "zone"),
    [
        ("timestamptz", "now()", "UTC"),
        ("timestamptz", "now()", "Europe/Oslo"),
        ("timestamp", "now() AT TIME ZONE 'UTC'", "UTC"),
        ("timestamp", "now() AT TIME ZONE 'Europe/Oslo'", "Europe/Oslo"),
        ("timestamp", "now() AT TIME ZONE 'Pacific/Auckland'", "Pacific/Auckland"),
    ],
)
def test_postgresql_is_read_from_where_the_last_refresh_ended(
    kind: str, now: str, zone: str, sources: Callable[..., Project], page: Page
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
            "SOURCE__TIMEZONE": zone,
            "REFRESH__EVERY": "1s",
        }
        with project.serving(**settings) as server:
            page.goto(server.url)
            expect(page.locator(".card-label")).to_have_text(["press"], timeout=30_000)
            execute(url, f"INSERT INTO measured VALUES ({now}, 'lathe', 7)")
            expect(page.locator(".card-label")).to_have_text(["lathe", "press"], timeout=30_000)
            expect(page.locator("#status")).to_have_attribute("data-state", "live")
            assert "rows=60 " in server.output()
            assert "rows=1 " in server.output()
            assert "hush" not in server.output()


OSLO = """
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo
from {slug} import reading
from {slug}.engine.data.times import to_utc
from {slug}.setting import Settings

zone = ZoneInfo("Europe/Oslo")
source = Settings.load().source
for minutes in map(int, sys.argv[1:]):
    since = datetime(2026, 10, 25, tzinfo=UTC) + timedelta(minutes=minutes)
    rows = reading.read(source, since)["readings"]
    times, reasons = to_utc(rows["time"], zone, zone, rows[["series"]])
    assert reasons.empty, reasons
    found = dict(zip(rows["value"], times, strict=True))
    print(*(f"{{float(value):.0f}}={{at:%H:%M}}" for value, at in found.items()))
"""


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
def test_postgresqls_repeated_hour_is_read_in_full(
    kind: str, sources: Callable[..., Project]
) -> None:
    """The server is in Tokyo; it has a row every half hour, numbered by its value."""
    project = sources("sql")
    times = [f"{hour:02}:{minute:02}" for hour in (0, 1, 2) for minute in (0, 30)]
    at = "timestamptz '2026-10-25 00:00+00' + n * interval '30 minutes'"
    with postgresql() as url, pytest.MonkeyPatch.context() as patch:
        execute(
            url,
            f"CREATE TABLE measured (taken_at {kind}, machine text, temperature numeric)",
            "SET TIME ZONE 'Europe/Oslo'",
            f"INSERT INTO measured SELECT {at}, 'press', n FROM generate_series(-4, 5) AS n",
        )
        for name, value in {
            "URL": url,
            "QUERY": f"{QUERY} WHERE taken_at > :since",
            "TIMEZONE": "Europe/Oslo",
        }.items():
            patch.setenv(f"{project.slug.upper()}__SOURCE__{name}", value)
        minutes = (-60, 10, 50, 70, 119)  # after midnight UTC; 0 to 120 is the repeated hour
        code = OSLO.format(slug=project.slug)
        said = project.run("python", "-c", code, *map(str, minutes)).stdout.splitlines()
    for since, line in zip(minutes, said, strict=True):
        found = dict(row.split("=") for row in line.split())
        newer = [number for number in range(6) if 30 * number > since]
        assert {str(number) for number in newer} <= found.keys()
        assert all(found.get(str(it), times[it]) == times[it] for it in range(6)), line
        assert "-4" not in found, "no more than the hour is read again"


@contextmanager
def written_to(kind: str, project: Project) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place that the writers write to, and the settings to read it."""
    query = "SELECT time, series, value FROM written WHERE time > :since"
    if kind == "parquet":
        path = str(project.path / "written")
        yield path, {"SOURCE__PATH": path}
    elif kind == "sqlite":
        url = f"sqlite:///{project.path / 'written.db'}"
        yield url, {"SOURCE__URL": url, "SOURCE__QUERY": query}
    else:
        with postgresql() as url:
            yield url, {"SOURCE__URL": url, "SOURCE__QUERY": query}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "parquet"])
def test_a_late_series_and_a_fast_clock_lose_no_rows(
    kind: str, sources: Callable[..., Project], page: Page
) -> None:
    """One series arrives 1.5 seconds late, one 30, and one has a clock two minutes fast."""
    project = sources("parquet" if kind == "parquet" else "sql")
    with written_to(kind, project) as (place, settings):
        command, pipe = [project.tool("python"), str(WRITERS), place], subprocess.PIPE
        with (
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as writing,
            project.serving(REFRESH__EVERY="1s", **settings) as server,
        ):
            assert writing.stdin
            assert writing.stdout
            assert writing.stdout.readline() == "ready\n"
            page.goto(server.url)
            expect(page.locator(".card")).to_have_count(4, timeout=60_000)
            for _ in range(8):
                next_version(page)
            writing.stdin.close()
            count = int(writing.stdout.readline())
            expected = {float(number) for number in range(count)}
            wait_until(
                lambda: downloaded(page) == expected,
                lambda: f"{len(downloaded(page))} of {count} rows",
                seconds=20,
            )


def downloaded(page: Page) -> set[float]:
    """Download the rows from the page, and return their values."""
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download CSV").click()
    lines = Path(downloading.value.path()).read_text("utf-8").splitlines()[1:]
    return {float(line.rsplit(",", 1)[1]) for line in lines}
