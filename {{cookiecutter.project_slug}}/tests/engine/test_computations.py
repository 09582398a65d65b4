import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import cycle
from types import ModuleType
from typing import Any

import pytest
import toy
from dash import Dash, Input, Output
from helpers import changed, showing, wait_until

from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.page import Data, Tables, view
from {{cookiecutter.project_slug}}.engine.serve import waitress_server
from {{cookiecutter.project_slug}}.engine.web import computations
from {{cookiecutter.project_slug}}.engine.web.computations import (
    Computations,
    NotReady,
)
from {{cookiecutter.project_slug}}.engine.web.shared_views import WAITS_FOR

QUICK = ("/healthz", "/_live", "/", "/_dash-layout", "/_dash-dependencies")
JSON = {"Content-Type": "application/json"}
LIMIT = 60  # seconds until a test gives up


class Slow:
    """A function that blocks until `go_on` is set, and counts its calls."""

    def __init__(self) -> None:
        self.answer: Callable[[], Any] = lambda: "answer"
        self.running, self.max_running, self.count = 0, 0, 0
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> Any:
        with self._lock:
            self.count += 1
            self.running += 1
            self.max_running = max(self.max_running, self.running)
        try:
            assert self.go_on.wait(LIMIT)
            return self.answer()
        finally:
            with self._lock:
                self.running -= 1


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.go_on.set()


@contextmanager
def served(slow: Slow, settings: toy.Settings, threads: int, store: MemoryStore) -> Iterator[int]:
    """Serve a page whose cards are slow, and yield the port."""

    @view(Output("cards", "children"), toy.CHOICES)
    def cards(_tables: Tables, _names: list[str], _window: str) -> Any:
        return slow()

    @view(Output("trend-graph", "figure"), toy.CHOICES)
    def trend(_tables: Tables, _names: list[str], _window: str) -> dict[str, Any]:
        return {}

    with serving(showing(cards, trend), settings, threads, store) as port:
        yield port


@contextmanager
def serving(
    create_app: Callable[[Any, Data], Dash],
    settings: toy.Settings,
    threads: int,
    store: MemoryStore,
) -> Iterator[int]:
    """Serve an app with waitress, and yield the port."""
    chosen = changed(settings, "server", port=0, threads=threads)
    app, _ = toy.DASHBOARD.build(chosen, create_app, store)
    server, stopped = waitress_server.listen(app.server, chosen.server), threading.Event()
    thread = threading.Thread(target=waitress_server.run, args=(server, stopped.is_set, 5))
    thread.start()
    try:
        yield waitress_server.port(server)
    finally:
        stopped.set()
        thread.join()


def body(output: str, choice: int, version: int | None = None) -> str:
    """Return a page's request body for a view, with a given choice."""
    name, _, property_ = output.partition(".")
    values = {"snapshot-version": version, "series": [f"{choice}"], "window": "All"}
    inputs = [
        {"id": id_, "property": "data" if id_ == "snapshot-version" else "value", "value": value}
        for id_, value in values.items()
    ]
    outputs = {"id": name, "property": property_}
    request = {"output": output, "outputs": outputs, "inputs": inputs}
    return json.dumps({**request, "changedPropIds": ["snapshot-version.data"]})


def get(port: int, path: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)) as client:
        client.request("GET", path)
        answer = client.getresponse()
        answer.read()
        return answer.status


def ask(port: int, content: str, waits: list[str] | None = None, *others: int) -> int:
    """Request a view as a page does: repeat until it is ready, with the ports in turn."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", it, timeout=LIMIT)))
            for it in (port, *others)
        ]
        headers, pause = dict(JSON), 0.1
        for client in cycle(clients):
            client.request("POST", "/_dash-update-component", content, headers)
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


def assert_quick(port: int) -> None:
    """Assert that quick requests are answered while slow views run."""
    with ThreadPoolExecutor(len(QUICK)) as pool:
        answers = [pool.submit(get, port, path) for path in QUICK]
        assert [it.result(LIMIT / 2) for it in answers] == [200] * len(QUICK)


@pytest.mark.parametrize(("threads", "same"), [(4, True), (4, False), (2, False)])
def test_slow_views_leave_threads_for_quick_requests(
    threads: int, same: bool, slow: Slow, settings: toy.Settings, store: MemoryStore
) -> None:
    with served(slow, settings, threads, store) as port, ThreadPoolExecutor(6) as pool:
        waits: list[str] = []
        choices = [0] * 6 if same else range(6)
        viewers = [pool.submit(ask, port, body("cards.children", it), waits) for it in choices]
        wait_until(lambda: slow.running == (1 if same else max(1, threads - 2)))
        assert_quick(port)
        wait_until(lambda: len(waits) > 12)
        assert_quick(port)
        assert slow.running, "the views still run"
        slow.go_on.set()
        assert [it.result() for it in viewers] == [200] * 6
        assert slow.count == (1 if same else 6)
        assert slow.max_running <= max(1, threads - 2)


def test_a_quick_view_does_not_wait_for_a_slow_one(
    slow: Slow, settings: toy.Settings, store: MemoryStore
) -> None:
    with served(slow, settings, 4, store) as port, ThreadPoolExecutor(1) as pool:
        viewer = pool.submit(ask, port, body("cards.children", 0))
        wait_until(lambda: slow.running)
        assert ask(port, body("trend-graph.figure", 0)) == 200
        assert slow.running
        slow.go_on.set()
        assert viewer.result() == 200


def test_slow_callbacks_leave_threads_too(
    slow: Slow, settings: toy.Settings, store: MemoryStore
) -> None:
    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = toy.app_of(ModuleType("empty"), settings, data)

        @app.callback(
            Output("cards", "children"), [Input("snapshot-version", "data"), *toy.CHOICES]
        )
        def cards(_version: int | None, _names: list[str], _window: str) -> Any:
            return slow()

        return app

    with serving(create_app, settings, 4, store) as port, ThreadPoolExecutor(6) as pool:
        viewers = [pool.submit(ask, port, body("cards.children", 0)) for _ in range(6)]
        wait_until(lambda: slow.running == 2)
        assert_quick(port)
        assert slow.running == 2
        slow.go_on.set()
        assert [it.result() for it in viewers] == [200] * 6
        assert (slow.count, slow.max_running) == (6, 2)


def test_a_view_slower_than_the_refresh_is_delivered(
    slow: Slow, settings: toy.Settings, store: MemoryStore
) -> None:
    snapshot = store.latest()
    assert snapshot
    with served(slow, settings, 4, store) as port, ThreadPoolExecutor(1) as pool:
        waits: list[str] = []
        viewer = pool.submit(ask, port, body("cards.children", 0), waits)
        for count in range(1, 4):
            wait_until(lambda: len(waits) >= count)  # noqa: B023
            store.publish(replace(snapshot, version=snapshot.version + count))
        wait_until(lambda: len(waits) >= 5)
        slow.go_on.set()
        assert (viewer.result(), slow.count) == (200, 1)
        assert len(set(waits)) == 1, "it waits for the same computation"
        assert ask(port, body("cards.children", 0)) == 200
        assert slow.count == 2, "the next one gets the newest data"


def test_a_slow_view_is_delivered_by_several_processes(
    slow: Slow, settings: toy.Settings, store: MemoryStore
) -> None:
    snapshot = store.latest()
    assert snapshot
    with (
        served(slow, settings, 4, store) as first,
        served(slow, settings, 4, store) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        waits: list[str] = []
        viewer = pool.submit(ask, first, body("cards.children", 0), waits, second)
        for count in range(1, 5):  # so that each request finds newer data
            wait_until(lambda: len(waits) >= count)  # noqa: B023
            store.publish(replace(snapshot, version=snapshot.version + count))
        slow.go_on.set()
        assert viewer.result() == 200
        assert slow.count == 2, "one of each"


def test_a_slow_view_that_fails_is_logged(
    slow: Slow, settings: toy.Settings, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Any:
        raise TimeoutError("the database is slow")

    slow.answer = fail
    with served(slow, settings, 4, store) as port, ThreadPoolExecutor(2) as pool:
        waits: list[str] = []
        viewers = [pool.submit(ask, port, body("cards.children", 0), waits) for _ in range(2)]
        wait_until(lambda: len(waits) > 2)
        slow.go_on.set()
        assert [it.result() for it in viewers] == [500, 500]
        assert slow.count == 1
    assert "the callback of cards.children failed" in caplog.text


@pytest.mark.usefixtures("patient")
def test_a_made_up_key_is_ignored(slow: Slow, settings: toy.Settings, store: MemoryStore) -> None:
    slow.go_on.set()
    with served(slow, settings, 4, store) as port:
        for key in ("", "unknown", "0" * 128, "x" * 1_000):
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)) as client:
                content, headers = body("cards.children", 0), {**JSON, WAITS_FOR: key}
                client.request("POST", "/_dash-update-component", content, headers)
                assert client.getresponse().status == 200
    assert slow.count == 1


def test_surplus_requests_are_rejected_early_unless_the_result_exists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy: Computations[int] = Computations(threads=3)  # one computes, and one waits
    with busy.slot(), pytest.raises(NotReady):  # once it is no longer considered quick
        wait_until(lambda: busy.raise_if_busy("key"))
    busy.raise_if_busy("key")
    go_on = threading.Event()
    with pytest.raises(NotReady):
        busy.wait_for("key", lambda: int(go_on.wait(LIMIT)))
    monkeypatch.setattr(computations, "MAX_WAIT", float(LIMIT))  # in case the machine is busy
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(busy.wait_for, "key", int)
        with pytest.raises(NotReady) as refused:
            wait_until(lambda: busy.raise_if_busy("key"))
        assert refused.value.key == "key"
        go_on.set()
        assert waiting.result().future.result() == 1
    busy.raise_if_busy("other", waited_for=["key"])


def test_surplus_requests_wait_for_quick_computations(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRACE", "MAX_WAIT"):  # in case the machine is busy
        monkeypatch.setattr(computations, name, float(LIMIT))
    busy: Computations[int] = Computations(threads=3)  # one computes, and one waits
    busy.wait_for("first", lambda: 1)  # so that computations are considered quick
    with ThreadPoolExecutor(50) as pool:
        futures = [pool.submit(busy.wait_for, f"{it % 5}", lambda: 1) for it in range(50)]
        assert [it.result().future.result() for it in futures] == [1] * 50
