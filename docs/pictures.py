"""Make the README's pictures: a rendered dashboard in Chromium, wide and narrow, light and dark."""

import tempfile
from pathlib import Path

from conftest import (  # of tests/, which nox puts on the path
    FLAGS,
    Project,
    install,
    render,
    system_chromium,
)
from playwright.sync_api import Page, expect, sync_playwright

DOCS = Path(__file__).parent
ANSWERS = {
    "project_name": "Plant 7",
    "description": "Line temperatures, pressure and output.",
    "source": "csv",
}
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}


def main() -> None:
    """Render, serve, and save docs/<size>-<theme>.png."""
    with tempfile.TemporaryDirectory() as folder:
        render(Path(folder), **ANSWERS)
        project = install(Project(next(Path(folder).iterdir())))
        with project.serving() as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=system_chromium(), args=FLAGS.split()
            )
            for size, (width, height) in SIZES.items():
                for theme in ("light", "dark"):
                    page = browser.new_page(
                        viewport={"width": width, "height": height}, color_scheme=theme
                    )
                    page.goto(server.url)
                    settle(page)
                    page.screenshot(path=DOCS / f"{size}-{theme}.png")
                    page.close()
            browser.close()


def settle(page: Page) -> None:
    """Wait until the data are shown and the page has been live for an update."""
    expect(page.locator("#status")).to_have_attribute("data-state", "live", timeout=30_000)
    expect(page.locator(".card")).to_have_count(4, timeout=30_000)
    version = page.locator("#status").get_attribute("data-version") or ""
    expect(page.locator("#status")).not_to_have_attribute("data-version", version, timeout=30_000)


if __name__ == "__main__":
    main()
