"""Make the README's pictures: the dashboards that the template renders, in light and dark."""

import json
import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from conftest import (  # of tests/, which nox puts on the path
    FLAGS,
    TEMPLATE,
    Project,
    Server,
    install,
    render,
    system_chromium,
    wait_until,
)
from playwright.sync_api import Browser, expect, sync_playwright

sys.path.append(str(TEMPLATE / "{{cookiecutter.project_slug}}/choices/web/yes/tests"))
from sites import Answer, serving

DOCS = Path(__file__).parent
SIZE = {"width": 1440, "height": 900}
GALLERY = {
    "machine": {"project_name": "This computer", "description": "What it is busy with."},
    "http": {"project_name": "Weather", "description": "Berlin, the last seven days."},
    "sql": {"project_name": "Sales", "description": "What three shops sell in an hour."},
}
MOMENTS = 40  # that a picture of the computer shows


def main() -> None:
    """Render each dashboard, serve it, and save docs/<source>-<theme>.png."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=FLAGS.split())
        for source, answers in GALLERY.items():
            with shown(source, **answers) as server:
                picture(browser, server, source)
        browser.close()


@contextmanager
def shown(source: str, **answers: str) -> Iterator[Server]:
    """Serve a dashboard that has something to show; the internet is not asked for weather."""
    with tempfile.TemporaryDirectory() as folder, serving() as site:
        render(Path(folder), source=source, **answers)
        project = install(Project(next(Path(folder).iterdir())))
        site.answers["/"] = Answer(json.dumps({"hourly": weather()}))
        settings = {"SOURCE__URL": site.url} if source == "http" else {"REFRESH__EVERY": "1s"}
        with project.serving(**settings) as server:
            yield server


def picture(browser: Browser, server: Server, name: str) -> None:
    """Save a page in both themes, once it shows its data."""
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


def weather() -> dict[str, list[float] | list[str]]:
    """Return the hours of a made-up week, as Open-Meteo would."""
    now = datetime.now(UTC)
    times = [now - timedelta(hours=back) for back in reversed(range(168))]
    sun = [math.sin((time.hour - 9) / 12 * math.pi) for time in times]
    drift = [math.sin(number / 31) for number in range(len(times))]
    gusts = [math.sin(number * 1.7) + math.sin(number * 2.3) for number in range(len(times))]
    rain = [max(0.0, 3 * math.sin(number / 17) + gust - 2) for number, gust in enumerate(gusts)]
    waves = list(zip(sun, drift, gusts, strict=True))
    return {
        "time": [f"{time:%Y-%m-%dT%H:00}" for time in times],
        "temperature_2m": [round(14 + 5 * s + 3 * d + g / 3, 1) for s, d, g in waves],
        "relative_humidity_2m": [round(68 - 14 * s - 6 * d + g) for s, d, g in waves],
        "wind_speed_10m": [round(14 + 4 * s - 6 * d + 2 * g, 1) for s, d, g in waves],
        "precipitation": [round(it, 1) for it in rain],
    }


if __name__ == "__main__":
    main()
