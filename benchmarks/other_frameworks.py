"""Measures the same page in frameworks that a user could choose instead."""

import os
import subprocess
from pathlib import Path

from measures import Row, first_load
from playwright.sync_api import Browser, Page
from servers import HERE, Server, free_port, running, wait_for
from work import EVERY

PEERS = HERE / "peers"
PACKAGES = "nicegui streamlit panel plotly pandas tsdownsample"
STREAMLIT = "--server.headless=true --server.address=127.0.0.1 --browser.gatherUsageStats=false"
FRAMEWORKS = {
    "NiceGUI": ("on_nicegui.py {port}", ""),
    "Streamlit": ("-m streamlit run on_streamlit.py --server.port={port}", STREAMLIT),
    "Panel": ("on_panel.py {port}", ""),
}


def measure(browser: Browser, folder: Path, seconds: int) -> list[Row]:
    """Measure each in its own environment: the server's CPU for four tabs, and the first load."""
    subprocess.run(["uv", "venv", "--quiet", folder], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = ["uv", "pip", "install", "--quiet", "--python", python, *PACKAGES.split()]
    subprocess.run(install, check=True)
    return [framework(browser, python, name, seconds) for name in FRAMEWORKS]


def framework(browser: Browser, python: Path, name: str, seconds: int) -> Row:
    """Measure one."""
    port = free_port()
    command, flags = FRAMEWORKS[name]
    arguments = f"{command} {flags}".format(port=port).split()
    with running([python, *arguments], PEERS) as process:
        server = Server(f"http://127.0.0.1:{port}", "interval", (process,))
        server.pin()
        wait_for(server)
        loaded = first_load(browser, server, 1)
        pages = [browser.new_page(viewport={"width": 1000, "height": 600}) for _ in range(4)]
        for page in pages:
            page.goto(server.url, wait_until="commit")
            page.locator(".js-plotly-plot .trace").first.wait_for(timeout=120_000)
        pages[0].wait_for_timeout(1000 * EVERY)
        cpu, before = server.cpu(), [version(page) for page in pages]
        pages[0].wait_for_timeout(1000 * seconds)
        cpu = server.cpu() - cpu
        updated = sum(version(page) > it for page, it in zip(pages, before, strict=True))
        for page in pages:
            page.close()
    updates = len(pages) * seconds / EVERY
    row = {"app": name, "CPU ms/update": 1000 * cpu / updates, "tabs updated": f"{updated} of 4"}
    return {**row, **loaded}


def version(page: Page) -> int:
    """Return the version that a tab shows."""
    return int(page.locator(".js-plotly-plot").first.evaluate("it => it.layout.meta"))
