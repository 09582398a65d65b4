"""Simulates viewers, who poll a server and fetch views while a test does something else to it."""

import copy
import http.client
import json
import math
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

from helpers.processes import wait_until

CALLBACK = "/_dash-update-component"
SOON, LATE, RARELY = 0.25, 2, 60  # seconds between polls of a page, as in polling.js


class Viewer(threading.Thread):
    """A normal viewer: polls like polling.js, and fetches the views of each new version."""

    def __init__(
        self,
        url: str,
        views: list[dict[str, Any]],
        speedup: float = 1,
        hang_up_rate: float = 0,
        **headers: str,
    ) -> None:
        super().__init__(daemon=True)
        self.seen: dict[int, float] = {}  # when all views of a version had arrived
        self.took: list[float] = []  # the seconds of each request
        self.failed: list[str] = []
        self._views = copy.deepcopy(views)
        self._speedup = speedup  # how many times faster the server's clock runs
        self._hang_up_rate = hang_up_rate  # the share of polls before which it hangs up
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip", **headers}
        self._ended = threading.Event()
        self._client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

    def run(self) -> None:
        shown, pause, late = None, SOON * random.random(), SOON
        while not self._ended.wait(pause):
            if random.random() < self._hang_up_rate:
                self._client.close()
            content = self._ask(f"/_live?version={shown}" if shown else "/_live")
            response = json.loads(content or "null")
            if response and response["version"] not in (None, shown):
                shown, late = response["version"], SOON
                if all([self._show(view, shown, response["code"]) for view in self._views]):
                    self.seen.setdefault(shown, time.time())
            due = response["next"] / self._speedup if response else 0
            if due > 0:
                pause, late = max(due + random.random() * min(due / 10, 1), SOON), SOON
            else:
                pause, late = late * (0.75 + random.random() / 2), min(2 * late, LATE)
            pause = min(pause, RARELY)

    def stop(self) -> None:
        self._ended.set()
        self.join()
        self._client.close()

    def fresh(self) -> list[float]:
        """Return the delay of each version's views; the first was published before it came."""
        return [seen - version / 1000 for version, seen in [*self.seen.items()][1:]]

    def after(self, version: int) -> float:
        """Return when it had the views of a version or a newer one."""
        return min((seen for it, seen in self.seen.items() if it >= version), default=math.inf)

    def _show(self, view: dict[str, Any], version: int, code: str) -> bytes:
        return self._ask(view_url(view, version, code))

    def _ask(self, path: str, content: bytes | None = None) -> bytes:
        started = time.monotonic()
        try:
            response, received = fetch(self._client, path, content, self._headers)
            self.took.append(time.monotonic() - started)
            if response.status == 200:
                return received
            self.failed.append(f"{path}: {response.status} {received[:200]!r}")
        except (OSError, http.client.HTTPException) as error:
            self._client.close()
            self.failed.append(f"{path}: {error!r}")
        return b""


def view_url(view: dict[str, Any], version: int, code: str) -> str:
    """Return the URL of a view, given the body of a request for it, as view_urls.js does."""
    _, *choices = [*view["inputs"], *view.get("state", [])]
    values = json.dumps([it.get("value") for it in choices])
    given = {"code": code, "version": version, "output": view["output"], "values": values}
    return f"/_view?{urlencode(given)}"


def body(output: str, version: Any = 0, names: tuple[str, ...] = ()) -> bytes:
    """Return the request body for a view, as a browser sends it."""
    id_, _, property_ = output.partition(".")
    inputs = [
        {"id": "snapshot-version", "property": "data", "value": version},
        {"id": "series", "property": "value", "value": names},
        {"id": "window", "property": "value", "value": "all"},
    ]
    request = {"output": output, "outputs": {"id": id_, "property": property_}, "inputs": inputs}
    return json.dumps({**request, "changedPropIds": ["snapshot-version.data"]}).encode()


def fetch(
    client: http.client.HTTPConnection, path: str, content: bytes | None, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    """Return a response and its content; like a page, repeat the request until it is ready."""
    pause, waits_for = 0.1, {}
    while True:
        client.request("POST" if content else "GET", path, content, {**headers, **waits_for})
        response = client.getresponse()
        received = response.read()
        if response.status != 202:
            return response, received
        waits_for = {"X-Computation": response.headers["X-Computation"]}
        time.sleep(pause)
        pause = min(2 * pause, 3)


def views(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the request bodies of the views that pages fetch for each version."""
    found = [
        it for it in bodies if re.match("(cards|trend-graph|distribution-graph)[.]", it["output"])
    ]
    assert len(found) == 3
    return found


def p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]  # never more than the largest


@contextmanager
def unaffected_viewer(
    url: str, quiet_url: str, bodies: list[dict[str, Any]], **headers: str
) -> Iterator[Viewer]:
    """Run a viewer during the block, and check that it is served well.

    For comparison, another one watches a quiet server: on a busy machine, both wait longer.
    """
    viewer, other = Viewer(url, views(bodies), **headers), Viewer(quiet_url, views(bodies))
    both = viewer, other

    def failed() -> str:
        return f"{viewer.failed} {other.failed}"

    for it in both:
        it.start()
    try:
        wait_until(lambda: all(it.seen for it in both), failed)
        yield viewer
        wait_until(lambda: all(len(it.fresh()) >= 3 for it in both), failed)
    finally:
        for it in both:
            it.stop()
    fresh, took = viewer.fresh(), viewer.took
    print(
        f"p95 of {len(fresh)} updates {p95(fresh):.3f} s, of {len(took)} answers {p95(took):.3f} s"
    )
    assert not viewer.failed
    assert p95(fresh) <= max(2, 2 * p95(other.fresh()))
    assert p95(took) <= max(1, 2 * p95(other.took))
