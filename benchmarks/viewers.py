"""Simulates viewers, each with its own connection, and prints what they saw as JSON.

Run as: python viewers.py URL live|interval COUNT SECONDS [COOKIE]. Viewers poll like real pages:
`live` like live.js, `interval` once a second.
"""

import asyncio
import gzip
import json
import random
import re
import sys
import time
from dataclasses import dataclass, field

import aiohttp

HEADERS = {"Accept-Encoding": "gzip, deflate", "Content-Type": "application/json"}
SOON, LATE, RARELY = 0.25, 2, 60  # seconds, as in live.js


@dataclass
class Viewer:
    """A viewer, and the versions that it saw."""

    polls: int = 0
    errors: int = 0
    seen: dict[int, float] = field(default_factory=dict)  # version: when it arrived

    async def ask(self, session: aiohttp.ClientSession, url: str, body: str | None) -> bytes:
        """Send a request, repeat it while the result is not ready, and count failures."""
        pause, headers = 0.1, {}
        try:
            while True:
                method = "POST" if body else "GET"
                async with session.request(method, url, data=body, headers=headers) as response:
                    content = await response.read()
                if response.status in (200, 204):
                    return content
                if response.status != 202:
                    break
                headers = {"X-Computation": response.headers["X-Computation"]}
                await asyncio.sleep(pause)
                pause = min(2 * pause, 3)
        except (aiohttp.ClientError, OSError):
            pass
        self.errors += 1
        return b""


def view(dependencies: list[dict]) -> dict:
    """Return the request body for the view with the charts, as a browser sends it."""
    callback = next(it for it in dependencies if "figure" in it["output"])
    ids = [it.split(".") for it in callback["output"].strip(".").split("...")]
    return {
        "output": callback["output"],
        "outputs": [{"id": id_, "property": name} for id_, name in ids],
        "inputs": [{**it, "value": None} for it in callback["inputs"]],
        "changedPropIds": [f"{it['id']}.{it['property']}" for it in callback["inputs"]],
        "state": [{**it, "value": None} for it in callback["state"]],
    }


async def live(viewer: Viewer, session: aiohttp.ClientSession, url: str, body: dict) -> None:
    """Poll when the next data are expected, and fetch the view when they arrive."""
    pause, shown = SOON, None
    while True:
        viewer.polls += 1
        query = f"?version={shown}" if shown else ""
        response = json.loads(await viewer.ask(session, f"{url}/_live{query}", None) or "{}")
        if response and response["version"] != shown:
            shown, pause = response["version"], SOON
            body["inputs"][0]["value"] = shown
            content = await viewer.ask(session, f"{url}/_dash-update-component", json.dumps(body))
            if content:
                viewer.seen.setdefault(shown, time.time())
            if random.random() < 0.05:  # checking each would cost more than serving it
                assert int(version(gzip.decompress(content))) >= shown
        if response.get("next", 0) > 0:
            pause, wait = SOON, response["next"] + random.random() * min(response["next"] / 10, 1)
        else:
            wait, pause = pause * (0.75 + random.random() / 2), min(2 * pause, LATE)
        await asyncio.sleep(min(wait, RARELY))


async def interval(viewer: Viewer, session: aiohttp.ClientSession, url: str, body: dict) -> None:
    """Poll every second."""
    while True:
        started = time.monotonic()
        viewer.polls += 1
        content = await viewer.ask(session, f"{url}/_dash-update-component", json.dumps(body))
        if found := version(content):
            viewer.seen.setdefault(int(found), time.time())
            for state in body["state"]:
                state["value"] = int(found)
        await asyncio.sleep(max(0, 1 - (time.monotonic() - started)))


def version(content: bytes) -> str:
    """Return the version in a view's response."""
    found = re.search(rb'"meta":\s*(\d+)', content)
    return found[1].decode() if found else ""


async def visit(url: str, kind: str, count: int, seconds: float) -> list[Viewer]:
    """Start viewers over five seconds, and let them watch for some seconds more."""
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.get(f"{url}/_dash-dependencies") as it,
    ):
        dependencies = await it.json()

    async def start_viewer(viewer: Viewer) -> None:
        connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=600)
        timeout = aiohttp.ClientTimeout(60)
        async with aiohttp.ClientSession(
            connector=connector, headers=HEADERS, timeout=timeout, auto_decompress=False
        ) as own:
            await asyncio.sleep(5 * random.random())
            await {"live": live, "interval": interval}[kind](viewer, own, url, view(dependencies))

    viewers = [Viewer() for _ in range(count)]
    tasks = [asyncio.create_task(start_viewer(viewer)) for viewer in viewers]
    await asyncio.wait(tasks, timeout=5 + seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return viewers


if __name__ == "__main__":
    url, kind, count, seconds, *cookie = sys.argv[1:]
    HEADERS.update(zip(["Cookie"], cookie, strict=False))
    viewers = asyncio.run(visit(url, kind, int(count), float(seconds)))
    print(json.dumps([{"polls": it.polls, "errors": it.errors, "seen": it.seen} for it in viewers]))
