"""What a page asks of a server, and viewers who ask it while whatever else is done to that."""

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

from helpers.processes import wait_until

CALLBACK = "/_dash-update-component"
SOON, LATE, RARELY = 0.25, 2, 60  # seconds between two questions of a page, as in live.js


class Viewer(threading.Thread):
    """One who minds his own business: asks as live.js does, and fetches views of what is new."""

    def __init__(
        self,
        url: str,
        views: list[dict[str, Any]],
        hurry: float = 1,
        restless: float = 0,
        **headers: str,
    ) -> None:
        super().__init__(daemon=True)
        self.seen: dict[int, float] = {}  # when all views of a version were there
        self.took: list[float] = []  # seconds, each request
        self.failed: list[str] = []
        self._views = copy.deepcopy(views)
        self._hurry = hurry  # how much faster the server's clock is
        self._restless = restless  # how often, of its questions, it hangs up first
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip", **headers}
        self._ended = threading.Event()
        self._client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

    def run(self) -> None:
        shown, pause, late = None, SOON * random.random(), SOON
        while not self._ended.wait(pause):
            if random.random() < self._restless:
                self._client.close()
            said = self._ask(f"/_live?version={shown}" if shown else "/_live")
            answer = json.loads(said or "null")
            if answer and answer["version"] not in (None, shown):
                shown, late = answer["version"], SOON
                if all([self._show(view, shown) for view in self._views]):
                    self.seen.setdefault(shown, time.time())
            due = answer["next"] / self._hurry if answer else 0
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
        """Return how long after each publish its views were there; it came later than the first."""
        return [seen - version / 1000 for version, seen in [*self.seen.items()][1:]]

    def after(self, version: int) -> float:
        """Return when it had the views of a version, or of a newer one."""
        return min((seen for it, seen in self.seen.items() if it >= version), default=math.inf)

    def _show(self, view: dict[str, Any], version: int) -> bytes:
        for it in view["inputs"]:
            if it["id"] == "snapshot-version":
                it["value"] = version
        return self._ask(CALLBACK, json.dumps(view).encode())

    def _ask(self, path: str, content: bytes | None = None) -> bytes:
        started = time.monotonic()
        try:
            answer, said = fetch(self._client, path, content, self._headers)
            self.took.append(time.monotonic() - started)
            if answer.status == 200:
                return said
            self.failed.append(f"{path}: {answer.status} {said[:200]!r}")
        except (OSError, http.client.HTTPException) as error:
            self._client.close()
            self.failed.append(f"{path}: {error!r}")
        return b""


def body(output: str, version: Any = 0, names: tuple[str, ...] = ()) -> bytes:
    """Return the request of a view, as a browser sends it."""
    id_, _, property_ = output.partition(".")
    inputs = [
        {"id": "snapshot-version", "property": "data", "value": version},
        {"id": "series", "property": "value", "value": names},
        {"id": "window", "property": "value", "value": "all"},
    ]
    asked = {"output": output, "outputs": {"id": id_, "property": property_}, "inputs": inputs}
    return json.dumps({**asked, "changedPropIds": ["snapshot-version.data"]}).encode()


def fetch(
    client: http.client.HTTPConnection, path: str, content: bytes | None, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    """Return an answer and what it holds; as a page does, ask again while it is not there yet."""
    pause, waits_for = 0.1, {}
    while True:
        client.request("POST" if content else "GET", path, content, {**headers, **waits_for})
        answer = client.getresponse()
        said = answer.read()
        if answer.status != 202:
            return answer, said
        waits_for = {"X-Computation": answer.headers["X-Computation"]}
        time.sleep(pause)
        pause = min(2 * pause, 3)


def views(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests of the views that are fetched anew for each version."""
    found = [
        it for it in bodies if re.match("(cards|trend-graph|distribution-graph)[.]", it["output"])
    ]
    assert len(found) == 3
    return found


def p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


@contextmanager
def unharmed(url: str, bodies: list[dict[str, Any]], **headers: str) -> Iterator[Viewer]:
    """Let a viewer watch, and see that it fared well."""
    viewer = Viewer(url, views(bodies), **headers)
    viewer.start()
    try:
        wait_until(lambda: viewer.seen, lambda: str(viewer.failed))
        yield viewer
        wait_until(lambda: len(viewer.fresh()) >= 3, lambda: str(viewer.failed))
    finally:
        viewer.stop()
    fresh, took = viewer.fresh(), viewer.took
    print(
        f"p95 of {len(fresh)} updates {p95(fresh):.3f} s, of {len(took)} answers {p95(took):.3f} s"
    )
    assert not viewer.failed
    assert p95(fresh) <= 2
    assert p95(took) <= 1
