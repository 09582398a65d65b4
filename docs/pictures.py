"""Takes the README's screenshots of rendered dashboards, in light and dark."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from helpers.browser import launch_arguments  # in tests/, which nox adds to the path
from helpers.processes import wait_until
from helpers.projects import Project, install
from helpers.rendering import render
from helpers.servers import Server
from helpers.sites import Answer, serving
from helpers.weather import weather

DOCS = Path(__file__).parent
SIZE = {"width": 1440, "height": 900}
GALLERY = {
    "machine": {"project_name": "This computer", "description": "What it is busy with."},
    "http": {"project_name": "Weather", "description": "Berlin, the last seven days."},
    "sql": {"project_name": "Sales", "description": "What three shops sell in an hour."},
}
MOMENTS = 40  # readings per series in the screenshot of the computer


def main() -> None:
    """Render each dashboard, serve it, and save docs/<source>-<theme>.png."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_arguments())
        for source, answers in GALLERY.items():
            with shown(source, **answers) as server:
                picture(browser, server, source)
        browser.close()


@contextmanager
def shown(source: str, **answers: str) -> Iterator[Server]:
    """Serve a dashboard with data; the weather comes from a local server."""
    with tempfile.TemporaryDirectory() as folder, serving() as site:
        render(Path(folder), source=source, **answers)
        project = install(Project(next(Path(folder).iterdir())))
        site.answers["/"] = Answer(weather())
        settings = {"SOURCE__URL": site.url} if source == "http" else {"REFRESH__EVERY": "1s"}
        with project.serving(**settings) as server:
            yield server


def picture(browser: Browser, server: Server, name: str) -> None:
    """Save a screenshot of a page in both themes, once it shows its data."""
    for theme in ("light", "dark"):
        page = browser.new_page(viewport=SIZE, color_scheme=theme)
        page.goto(server.url)
        expect(page.locator("#status")).to_have_attribute("data-state", "live", timeout=30_000)
        expect(page.locator(".card").nth(2)).to_be_visible(timeout=30_000)
        if name == "machine":
            wait_until(lambda: server.output().count("published") >= MOMENTS)
            before = page.locator("#status").get_attribute("data-version") or ""
            expect(page.locator("#status")).not_to_have_attribute("data-version", before)
        for graph in ("trend", "distribution"):
            expect(page.locator(f"#{graph}-graph .trace").nth(2)).to_be_visible(timeout=30_000)
        page.screenshot(path=DOCS / f"{name}-{theme}.png")
        page.close()


if __name__ == "__main__":
    main()
