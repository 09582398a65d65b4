"""Simulates viewers, each with its own connection, and prints what they saw as JSON.

Run as: python viewers.py URL live|before|interval COUNT SECONDS [COOKIE]. Viewers poll like real
pages: `live` like polling.js, `before` too, but with POST for views, `interval` once a second.
"""

import asyncio
import gzip
import json
import random
import re
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp

HEADERS = {"Accept-Encoding": "gzip, deflate", "Content-Type": "application/json"}
# Seconds, as in polling.js.
SOON, LATE, RARELY, SLACK, CACHED = 0.25, 2, 60, 0.1, 3
SECONDS_TO_START = 5


class Response(NamedTuple):
    """A response; its content may be compressed."""

    status: int
    headers: Any
    content: bytes


@dataclass
class Viewer:
    """A viewer, and the versions that it saw."""

    polls: int = 0
    errors: int = 0
    mixed: int = 0  # views that are not what the viewer asked for
    seen: dict[int, float] = field(default_factory=dict)  # version: when it arrived

    async def fetch(
        self, session: Any, method: str, url: str, body: str | None, headers: dict[str, str]
    ) -> Response:
        """Send a request."""
        async with session.request(method, url, data=body, headers=headers) as response:
            return Response(response.status, response.headers, await response.read())

    async def ask(self, session: Any, url: str, body: str | None) -> Response | None:
        """Send a request, repeat it while the result is not ready, and count failures."""
        pause, headers = 0.1, {}
        try:
            while True:
                method = "POST" if body else "GET"
                response = await self.fetch(session, method, url, body, headers)
                if response.status in (200, 204):
                    return response
                if response.status != 202:
                    break
                headers = {"X-Computation": response.headers["X-Computation"]}
                await asyncio.sleep(pause)
                pause = min(2 * pause, 3)
        except (aiohttp.ClientError, OSError):
            pass
        self.errors += 1
        return None

    def check(self, response: Response, body: dict, wanted: int) -> None:
        """Check some views: checking each would cost more than serving it."""
        if random.random() < 0.05:
            assert int(version(gzip.decompress(response.content))) >= wanted


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


def view_url(body: dict, poll: dict) -> str:
    """Return the URL of a view for the version and release of a poll, as view_urls.js does."""
    _, *choices = [*body["inputs"], *body["state"]]
    values = json.dumps([it["value"] for it in choices], separators=(",", ":"))
    return _url(poll["code"], poll["version"], body["output"], values)


@lru_cache
def _url(code: str, version: int, output: str, values: str) -> str:
    given = {"code": code, "version": version, "output": output, "values": values}
    return f"/_view?{urlencode(given)}"


async def live(viewer: Viewer, session: Any, url: str, body: dict, *, posts: bool = False) -> None:
    """Poll when the next data are expected, and fetch the view when they arrive."""
    pause, shown, ages = SOON, None, deque([0.0], 20)  # no cache answers a page's first poll
    while True:
        viewer.polls += 1
        query = f"?version={shown}" if shown else ""
        found = await viewer.ask(session, f"{url}/_live{query}", None)
        poll = json.loads(found.content) if found else {}
        ages.append(time.time() - poll.get("at", time.time()))
        answered = time.monotonic() - min(ages[-1] - min(ages), CACHED)
        if poll and poll["version"] != shown:
            shown, pause = poll["version"], SOON
            body["inputs"][0]["value"] = shown
            path, content = view_url(body, poll), None
            if posts:
                path, content = "/_dash-update-component", json.dumps(body)
            if arrived := await viewer.ask(session, url + path, content):
                viewer.seen.setdefault(shown, time.time())
                viewer.check(arrived, body, shown)
        due = poll.get("next", 0) - (time.monotonic() - answered)
        if due > 0:
            pause, wait = SOON, due + SLACK + random.random() * min(poll["next"] / 10, 1)
        else:
            wait, pause = pause * (0.75 + random.random() / 2), min(2 * pause, LATE)
        await asyncio.sleep(min(wait, RARELY))


async def interval(viewer: Viewer, session: Any, url: str, body: dict) -> None:
    """Poll every second."""
    while True:
        started = time.monotonic()
        viewer.polls += 1
        response = await viewer.ask(session, f"{url}/_dash-update-component", json.dumps(body))
        if found := version(response.content if response else b""):
            viewer.seen.setdefault(int(found), time.time())
            for state in body["state"]:
                state["value"] = int(found)
        await asyncio.sleep(max(0, 1 - (time.monotonic() - started)))


def version(content: bytes) -> str:
    """Return the version in a view's response."""
    found = re.search(rb'"meta":\s*(\d+)', content)
    return found[1].decode() if found else ""


async def dependencies(url: str) -> list[dict]:
    """Return the page's callbacks."""
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.get(f"{url}/_dash-dependencies") as it,
    ):
        return await it.json()


async def visit(url: str, kind: str, count: int, seconds: float) -> list[Viewer]:
    """Start viewers over five seconds, and let them watch for some seconds more."""
    known = await dependencies(url)
    watch = {"live": live, "before": partial(live, posts=True), "interval": interval}[kind]

    async def start_viewer(viewer: Viewer) -> None:
        connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=600)
        timeout = aiohttp.ClientTimeout(60)
        async with aiohttp.ClientSession(
            connector=connector, headers=HEADERS, timeout=timeout, auto_decompress=False
        ) as own:
            await asyncio.sleep(SECONDS_TO_START * random.random())
            await watch(viewer, own, url, view(known))

    viewers = [Viewer() for _ in range(count)]
    tasks = [asyncio.create_task(start_viewer(viewer)) for viewer in viewers]
    await asyncio.wait(
        tasks, timeout=SECONDS_TO_START + seconds, return_when=asyncio.FIRST_EXCEPTION
    )
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return viewers


def as_json(viewers: list[Viewer]) -> str:
    """Return what viewers saw."""
    return json.dumps([asdict(it) for it in viewers])


if __name__ == "__main__":
    url, kind, count, seconds, *cookie = sys.argv[1:]
    HEADERS.update(zip(["Cookie"], cookie, strict=False))
    viewers = asyncio.run(visit(url, kind, int(count), float(seconds)))
    print(as_json(viewers))
