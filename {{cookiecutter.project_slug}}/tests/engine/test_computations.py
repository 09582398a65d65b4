import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest
import toy
from conftest import wait_until
from flask import session

from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.settings import Settings
from {{cookiecutter.project_slug}}.engine.web import health
from {{cookiecutter.project_slug}}.engine.web.computations import (
    Computations,
    NotReady,
)
from {{cookiecutter.project_slug}}.engine.web.shared_views import WAITS_FOR

QUICK = ("/healthz", "/_live", "/", "/_dash-layout", "/_dash-dependencies")
JSON = {"Content-Type": "application/json"}
LIMIT = 60  # seconds until a test gives up


class Slow:
    """Views that take until they are let go."""

    def __init__(self, view: Callable[..., Any]) -> None:
        self.view = view
        self.running, self.most, self.count = 0, 0, 0
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        with self._lock:
            self.count += 1
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            assert self.go_on.wait(LIMIT)
            return self.view(*arguments)
        finally:
            with self._lock:
                self.running -= 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow(toy.cards)
    monkeypatch.setattr(toy, "cards", slow)
    yield slow
    slow.go_on.set()


@contextmanager
def served(settings: Settings, threads: int, store: MemoryStore) -> Iterator[int]:
    """Serve by waitress, and give the port."""
    chosen = settings.server.model_copy(update={"port": 0, "threads": threads})
    app = toy.create_app(settings.model_copy(update={"server": chosen}), store)
    app.server.secret_key = "secret"
    app.server.register_blueprint(health.blueprint(settings, store))
    app.server.test_client().get("/")
    server, stopped = listen.listen(app.server, chosen), threading.Event()
    thread = threading.Thread(target=listen.run, args=(server, stopped.is_set, 5))
    thread.start()
    try:
        yield listen.port(server)
    finally:
        stopped.set()
        thread.join()


def body(output: str, choice: int, version: int | None = None) -> str:
    """Return what a page asks with a choice of its own."""
    name, _, property_ = output.partition(".")
    values = {"snapshot-version": version, "series": [f"{choice}"], "window": "All"}
    inputs = [
        {"id": id_, "property": "data" if id_ == "snapshot-version" else "value", "value": value}
        for id_, value in values.items()
    ]
    outputs = {"id": name, "property": property_}
    asked = {"output": output, "outputs": outputs, "inputs": inputs}
    return json.dumps({**asked, "changedPropIds": ["snapshot-version.data"]})


def get(port: int, path: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)) as client:
        client.request("GET", path)
        answer = client.getresponse()
        answer.read()
        return answer.status


def view(port: int, asked: str, waits: list[str] | None = None, *others: int) -> int:
    """Ask for a view as a page does: again while it is not there yet, of each port in turn."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", it, timeout=LIMIT)))
            for it in (port, *others)
        ]
        headers, pause = dict(JSON), 0.1
        for client in cycle(clients):
            client.request("POST", "/_dash-update-component", asked, headers)
            answer = client.getresponse()
            answer.read()
            if answer.status != 202:
                return answer.status
            if waits is not None:
                waits.append(answer.headers[WAITS_FOR])
            assert answer.headers["Retry-After"] == "1"
            headers[WAITS_FOR] = answer.headers[WAITS_FOR]
            time.sleep(pause)
            pause = min(2 * pause, 1.5)
        raise AssertionError


def asked_in_time(port: int) -> None:
    """See that all that is quick is answered, though slow views go on and on."""
    with ThreadPoolExecutor(len(QUICK)) as pool:
        answers = [pool.submit(get, port, path) for path in QUICK]
        assert [it.result(LIMIT / 2) for it in answers] == [200] * len(QUICK)


@pytest.mark.parametrize(("threads", "same"), [(4, True), (4, False), (2, False)])
def test_slow_views_leave_threads_for_what_is_quick(
    threads: int, same: bool, slow: Slow, settings: Settings, store: MemoryStore
) -> None:
    with served(settings, threads, store) as port, ThreadPoolExecutor(6) as pool:
        waits: list[str] = []
        choices = [0] * 6 if same else range(6)
        viewers = [pool.submit(view, port, body("cards.children", it), waits) for it in choices]
        wait_until(lambda: slow.running == (1 if same else max(1, threads - 2)))
        asked_in_time(port)
        wait_until(lambda: len(waits) > 12)
        asked_in_time(port)
        assert slow.running, "as slow as that they are"
        slow.go_on.set()
        assert [it.result() for it in viewers] == [200] * 6
        assert slow.count == (1 if same else 6)
        assert slow.most <= max(1, threads - 2)


def test_a_view_that_is_not_slow_comes_beside_a_slow_one(
    slow: Slow, settings: Settings, store: MemoryStore
) -> None:
    with served(settings, 4, store) as port, ThreadPoolExecutor(1) as pool:
        viewer = pool.submit(view, port, body("cards.children", 0))
        wait_until(lambda: slow.running)
        assert view(port, body("trend-graph.figure", 0)) == 200
        assert slow.running
        slow.go_on.set()
        assert viewer.result() == 200


def test_callbacks_of_one_viewer_leave_threads_too(
    slow: Slow, settings: Settings, store: MemoryStore
) -> None:
    right = slow.view
    slow.view = lambda *it: session.get("who") or right(*it)
    with served(settings, 4, store) as port, ThreadPoolExecutor(6) as pool:
        slow.go_on.set()
        assert view(port, body("cards.children", 0)) == 200
        assert slow.count == 2, "for nobody, and for the viewer: from now on for each viewer"
        slow.go_on.clear()
        viewers = [pool.submit(view, port, body("cards.children", 0)) for _ in range(6)]
        wait_until(lambda: slow.running == 2)
        asked_in_time(port)
        assert slow.running == 2
        slow.go_on.set()
        assert [it.result() for it in viewers] == [200] * 6
        assert (slow.count, slow.most) == (8, 2)


def test_a_view_slower_than_the_refresh_is_delivered(
    slow: Slow, settings: Settings, store: MemoryStore
) -> None:
    snapshot = store.latest()
    assert snapshot
    with served(settings, 4, store) as port, ThreadPoolExecutor(1) as pool:
        waits: list[str] = []
        viewer = pool.submit(view, port, body("cards.children", 0), waits)
        for count in range(1, 4):
            wait_until(lambda: len(waits) >= count)  # noqa: B023
            store.publish(replace(snapshot, version=snapshot.version + count))
        wait_until(lambda: len(waits) >= 5)
        slow.go_on.set()
        assert (viewer.result(), slow.count) == (200, 1)
        assert len(set(waits)) == 1, "it waits for the same computation"
        assert view(port, body("cards.children", 0)) == 200
        assert slow.count == 2, "the next one gets the newest data"


def test_a_slow_view_of_several_processes_is_delivered(
    slow: Slow, settings: Settings, store: MemoryStore
) -> None:
    snapshot = store.latest()
    assert snapshot
    with (
        served(settings, 4, store) as first,
        served(settings, 4, store) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        waits: list[str] = []
        viewer = pool.submit(view, first, body("cards.children", 0), waits, second)
        for count in range(1, 5):  # each request finds newer data
            wait_until(lambda: len(waits) >= count)  # noqa: B023
            store.publish(replace(snapshot, version=snapshot.version + count))
        slow.go_on.set()
        assert viewer.result() == 200
        assert slow.count == 2, "one of each"


def test_a_slow_view_that_fails_says_so(
    slow: Slow, settings: Settings, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise TimeoutError("the database is slow")

    slow.view = fail
    with served(settings, 4, store) as port, ThreadPoolExecutor(2) as pool:
        waits: list[str] = []
        viewers = [pool.submit(view, port, body("cards.children", 0), waits) for _ in range(2)]
        wait_until(lambda: len(waits) > 2)
        slow.go_on.set()
        assert [it.result() for it in viewers] == [500, 500]
        assert slow.count == 1
    assert "the callback of cards.children failed" in caplog.text


def test_nobody_waits_for_another_ones_key(
    slow: Slow, settings: Settings, store: MemoryStore
) -> None:
    slow.go_on.set()
    with served(settings, 4, store) as port:
        for key in ("", "unknown", "0" * 128, "x" * 1_000):
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)) as client:
                asked, headers = body("cards.children", 0), {**JSON, WAITS_FOR: key}
                client.request("POST", "/_dash-update-component", asked, headers)
                assert client.getresponse().status == 200
    assert slow.count == 1


def test_a_crowd_is_refused_early_but_for_what_is_there() -> None:
    computations: Computations[int] = Computations(threads=3)  # one computes, and one waits
    with computations.slot(), pytest.raises(NotReady):  # once it is known not to be quick
        wait_until(lambda: computations.refuse_in_a_crowd("key"))
    computations.refuse_in_a_crowd("key")
    go_on = threading.Event()
    with pytest.raises(NotReady):
        computations.ended("key", lambda: int(go_on.wait(LIMIT)))
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(computations.ended, "key", int)
        with pytest.raises(NotReady) as refused:
            wait_until(lambda: computations.refuse_in_a_crowd("key"))
        assert refused.value.key == "key"
        go_on.set()
        assert waiting.result().future.result() == 1
    computations.refuse_in_a_crowd("other", waited_for=["key"])


def test_a_crowd_waits_for_what_is_quick() -> None:
    computations: Computations[int] = Computations(threads=3)  # one computes, and one waits
    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(computations.ended, f"{it % 5}", lambda: 1) for it in range(50)]
        assert [it.result().future.result() for it in asked] == [1] * 50
