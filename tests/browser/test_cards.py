"""What a viewer reads on the cards."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from helpers.browser import inaccessible
from helpers.projects import Project

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_console_errors")]
START = datetime(2026, 1, 5, tzinfo=UTC)
SERIES = """series,label,unit,warn,critical,format,color
disk,Disk,B,,,bytes,
wait,Queue,s,,,duration,
cash,Cash,,,,money:EUR,#c0197f
share,Share,,,,percent,
pump,Pump,°C,70,80,,
fan,Fan,°C,70,80,,
motor,Motor,°C,70,80,,
"""
# In each series: the first and the last of 61 readings, a minute apart.
ENDS = {
    "disk": (1.2e9, 1.4e9),
    "wait": (8_100, 7_500),
    "cash": (1_200, 1_234.5),
    "share": (0.4, 0.42),
    "pump": (60, 85),
    "fan": (60, 75),
    "motor": (60, 60),
    **{f"other {it}": (5, 5) for it in range(3)},
}


def lines() -> str:
    """Return the rows of all series; the motor stops halfway."""
    rows = [
        f"{START + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ},{name},"
        f"{first + (last - first) * minute / 60:.4f}"
        for minute in range(61)
        for name, (first, last) in ENDS.items()
        if name != "motor" or minute <= 30
    ]
    return "time,series,value\n" + "\n".join(rows) + "\n"


def test_cards_show_what_matters_at_a_glance(csv: Project, source: Path, page: Page) -> None:
    series = csv.path / csv.slug / "assets" / "static_data" / "series.csv"
    before = series.read_text("utf-8")
    source.write_text(lines(), "utf-8")
    series.write_text(SERIES, "utf-8")
    try:
        with csv.serving(
            REFRESH__EVERY="1h", APP__STALE_AFTER="3650d", APP__TIMEZONE="UTC"
        ) as server:
            page.emulate_media(forced_colors="active")
            page.goto(server.url)
            labels = page.locator(".card-label")
            expect(labels).to_have_count(len(ENDS), timeout=30_000)
            assert labels.all_inner_texts()[:4] == ["Pump", "Fan", "Disk", "Queue"], "worst first"

            def card(name: str) -> str:
                return " ".join(page.locator(".card", has_text=name).inner_text().split())

            assert re.fullmatch(
                r"Pump (. )?Critical 85.00 °C \+25.00 in 1 h 60.00 to 85.00", card("Pump")
            )
            assert re.match(r"Fan (. )?Warning", card("Fan")), "in words, too"
            assert card("Disk") == "Disk 1.4 GB +200 MB in 1 h 1.2 GB to 1.4 GB"
            assert card("Queue") == "Queue 2 h 5 min \u221210 min in 1 h 2 h 5 min to 2 h 15 min"
            assert card("Cash").startswith("Cash 1,234.50 € +34.50 in 1 h")
            assert card("Share").startswith("Share 42")
            assert card("Motor") == (
                "Motor 60 °C ±0 in 30 min 60 to 60 last reading 2026-01-05 00:30"
            ), "nothing is said about what is OK"
            # The line of the motor ends halfway; every line is visible with the system's colors.
            line = page.locator(".card", has_text="Motor").locator(".card-line")
            assert "m 0 10 1 0-1 0" in (line.get_attribute("style") or "")
            assert line.evaluate("it => it.getBoundingClientRect().height") > 10
            expect(line).to_have_attribute("aria-hidden", "true")
            drawn = line.evaluate("it => getComputedStyle(it).backgroundColor")
            assert drawn == page.locator("body").evaluate("it => getComputedStyle(it).color")
            assert not inaccessible(page)
    finally:
        series.write_text(before, "utf-8")
