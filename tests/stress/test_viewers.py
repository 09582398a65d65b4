"""A thousand viewers, and an attacker."""

import http.client
import os
import statistics
import time
import urllib.error
import urllib.request
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest
from playwright.sync_api import Page

from helpers.browser import next_version, shown, state, version
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.servers import Server, memory, ready
from helpers.viewers import body

pytestmark = pytest.mark.slow

# The number of distinct bodies to send; FLOOD=100000 takes some minutes.
FLOOD = int(os.environ.get("FLOOD", "5000"))


def post(server: Server, content: bytes) -> int:
    """Return the status of the response; while it is being computed, ask again as pages do."""
    while (status := post_once(server, content)) == 202:
        time.sleep(0.1)
    return status


def post_once(server: Server, content: bytes) -> int:
    request = urllib.request.Request(
        f"{server.url}/_dash-update-component", content, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


def test_a_thousand_viewers_stay_connected(csv: Project, many_files: None) -> None:
    with csv.serving(REFRESH__EVERY="1h") as server, ExitStack() as stack:
        wait_until(lambda: ready(server)[0] == 200)
        host = server.url.removeprefix("http://")
        assert post(server, body("cards.children")) == 200  # from now on, it is cached
        viewers = [http.client.HTTPConnection(host, timeout=60) for _ in range(1_000)]
        headers, sockets = {"Content-Type": "application/json"}, []
        for _ in range(2):
            for viewer in viewers:
                stack.callback(viewer.close)
                viewer.request("POST", "/_dash-update-component", body("cards.children"), headers)
                answer = viewer.getresponse()
                assert (answer.status, b"Line 1" in answer.read()) == (200, True)
            sockets.append([viewer.sock for viewer in viewers])
        assert sockets[0] == sockets[1], "no connection was closed"
        assert None not in sockets[0]


def test_clients_without_a_cookie_do_not_slow_down_a_viewer(csv: Project) -> None:
    """Without cached credentials, a poll would take thousands of times longer."""
    password = {"Authorization": f"Basic {b64encode(b'ann:right').decode()}"}
    with csv.serving(REFRESH__EVERY="1h", AUTH__USERS=csv.users()) as server, ExitStack() as stack:

        def poll(headers: dict[str, str], viewer: http.client.HTTPConnection) -> float:
            began = time.perf_counter()
            viewer.request("GET", "/_live", headers=headers)
            answer = viewer.getresponse()
            answer.read()
            assert answer.status == 200
            return time.perf_counter() - began

        def connect() -> http.client.HTTPConnection:
            viewer = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
            stack.callback(viewer.close)
            return viewer

        viewer = connect()
        viewer.request("GET", "/", headers=password)
        answer = viewer.getresponse()
        answer.read()
        cookie = {"Cookie": (answer.getheader("Set-Cookie") or "").partition(";")[0]}
        stopped, quiet = Event(), Event()
        answers, idle, beside = list[float](), list[float](), list[float]()

        def client(number: int) -> None:
            """Poll once a second, at different moments, except while it is quiet."""
            mine = connect()
            stopped.wait(number / 50)
            while not stopped.wait(1):
                if not quiet.is_set():
                    answers.append(poll(password, mine))

        with ThreadPoolExecutor(50) as pool:
            clients = [pool.submit(client, number) for number in range(50)]
            try:
                # In turn, because other programs slow down both.
                while len(answers) < 200 and not any(it.done() for it in clients):
                    for times, change in ((idle, quiet.set), (beside, quiet.clear)):
                        change()
                        until = time.monotonic() + 0.7
                        while time.monotonic() < until:
                            times.append(poll(cookie, viewer))
            finally:
                stopped.set()
            assert [it.result() for it in clients] == [None] * 50
        ratio = statistics.median(beside) / statistics.median(idle)
        print(f"a poll beside {len(answers)} answers to others takes {ratio:.2f} x idle")
        assert ratio <= 2


def test_a_poisoned_request_changes_nobodys_page(
    csv: Project, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")  # as in deploy/dashboard.service
    settings = {"REFRESH__EVERY": "5s", "SERVER__CACHE_BYTES": "1000000"}
    with csv.serving(news=True, **settings) as server:
        page.goto(server.url)
        state(page, "live")
        assert shown(page) == 4
        for poison in (0, 1, 2**60, -1, None, "x", [1], {"a": 1}):
            assert post(server, body("trend-graph.figure", poison)) == 200
        assert post(server, body("nobody.children")) >= 400
        before, after = memory(server), version(page)
        with ThreadPoolExecutor(2) as pool:
            flood = (body("cards.children", 0, (f"nobody {number}",)) for number in range(FLOOD))
            assert set(pool.map(lambda it: post(server, it), flood)) == {200}
        assert memory(server) < before + 20_000_000
        assert version(page) != after, "the page has gone on meanwhile"
        next_version(page)
        assert shown(page) == 4
