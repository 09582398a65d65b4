"""Takes the README's screenshots of rendered dashboards on several screens, in light and dark."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright

from helpers.browser import launch_arguments  # in tests/, which nox adds to the path
from helpers.processes import wait_until
from helpers.projects import Project, install
from helpers.rendering import render
from helpers.servers import Server
from helpers.sites import Answer, serving
from helpers.weather import weather

DOCS = Path(__file__).parent
DESKTOP: Any = {"viewport": {"width": 1440, "height": 900}}
# By the name of the picture: what is shown, the query of its address, and the screen. The office
# screen's picture has half of its pixels.
SCREENS: dict[str, tuple[str, str, Any]] = {
    "machine": ("machine", "", DESKTOP),
    "http": ("http", "", DESKTOP),
    "sql": ("sql", "", DESKTOP),
    "office": (
        "http",
        "?kiosk",
        {"viewport": {"width": 3840, "height": 2160}, "device_scale_factor": 0.5},
    ),
    "phone": (
        "http",
        "",
        {
            "viewport": {"width": 390, "height": 844},
            "device_scale_factor": 2,
            "has_touch": True,
            "is_mobile": True,
        },
    ),
}
GALLERY = {
    "machine": {"project_name": "This computer", "description": "What it is busy with."},
    "http": {"project_name": "Weather", "description": "Berlin, the last seven days."},
    "sql": {"project_name": "Sales", "description": "What three shops sell in an hour."},
}
MOMENTS = 40  # readings per series in the screenshot of the computer


def main() -> None:
    """Render each dashboard, serve it, and save docs/<picture>-<theme>.png."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_arguments())
        for source, answers in GALLERY.items():
            with shown(source, **answers) as server:
                for name, (shows, query, screen) in SCREENS.items():
                    if shows == source:
                        picture(browser, server, name, query, screen)
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


def picture(browser: Browser, server: Server, name: str, query: str, screen: Any) -> None:
    """Save a screenshot of a page in both themes, once it shows its data."""
    for theme in ("light", "dark"):
        page = browser.new_page(**screen, color_scheme=theme)
        page.goto(f"{server.url}/{query}")
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
