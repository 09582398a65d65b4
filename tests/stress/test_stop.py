"""Stopping a server under load."""

import http.client
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import psutil
import pytest

from helpers.processes import wait_until
from helpers.projects import Project
from helpers.servers import Server, ready
from helpers.viewers import body

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send"),
]

# How often to stop each server under load; more takes minutes.
STOPS = int(os.environ.get("STOPS", "3"))
JSON = {"Content-Type": "application/json"}
BUNDLE = "/_dash-component-suites/plotly/package_data/plotly.min.js"  # several megabytes


def request_until_it_stops(server: Server, slowly: bool, statuses: list[int]) -> str:
    """Send requests until the server stops, record complete responses, return any error."""
    host = server.url.removeprefix("http://")
    while True:
        with closing(http.client.HTTPConnection(host, timeout=30)) as client:
            try:
                while True:
                    if slowly:
                        client.request("GET", BUNDLE, headers={"Accept-Encoding": "identity"})
                    else:
                        client.request("POST", "/_dash-update-component", BODY, JSON)
                    answer = client.getresponse()
                    try:
                        while slowly and answer.read(200_000):
                            time.sleep(0.005)  # so that the server has to buffer most of it
                        answer.read()
                    except (http.client.IncompleteRead, OSError) as error:
                        return repr(error)
                    if answer.status != 202:  # a view that is being computed: pages ask again
                        statuses.append(answer.status)
            except (http.client.HTTPException, OSError):  # refused before any byte of a response
                if server.process.poll() is not None:
                    return ""


BODY = body("trend-graph.figure")


def has_worker(server: Server) -> bool:
    children = psutil.Process(server.process.pid).children()
    return any("spawn_main" in str(it.cmdline()) for it in children)


def test_ctrl_c_while_a_worker_starts_prints_no_traceback(csv: Project) -> None:
    for number in range(STOPS):
        with csv.serving(REFRESH__WORKER="process") as server:
            wait_until(partial(has_worker, server))
            time.sleep(0.2 * number)  # at a different moment each time
            os.killpg(server.process.pid, signal.SIGINT)  # as a terminal does
            assert server.process.wait(60) == 0, server.output()
            assert "Traceback" not in server.output()


def test_a_signal_that_is_sent_repeatedly_stops_the_server_once(csv: Project) -> None:
    """A supervisor may signal the group of processes, and `uv run` then passes it on."""
    for _ in range(STOPS):
        with csv.serving() as server:
            while server.process.poll() is None and ": stopped" not in server.output():
                server.process.send_signal(signal.SIGTERM)
                time.sleep(0.001)
            assert server.process.wait(60) == 0, server.output()
            assert server.output().splitlines()[-1].endswith(": stopped")


@pytest.mark.parametrize("name", ["waitress", "gunicorn"])
def test_no_response_is_cut_short_by_a_stop(name: str, csv: Project) -> None:
    for number in range(STOPS):
        settings = {"server": name, "REFRESH__EVERY": "1s"}
        with csv.serving(news=True, **settings) as server, ThreadPoolExecutor(6) as pool:
            wait_until(lambda: ready(server)[0] == 200)
            received: list[list[int]] = [[] for _ in range(6)]
            clients = [
                pool.submit(request_until_it_stops, server, it < 3, statuses)
                for it, statuses in enumerate(received)
            ]
            wait_until(lambda: all(received))  # noqa: B023
            time.sleep(0.01 * number)  # at a different moment each time
            server.process.send_signal(signal.SIGTERM)
            assert [it.result() for it in clients] == [""] * 6, "nothing was cut"
            assert {status for statuses in received for status in statuses} == {200}
            assert server.process.wait() == 0, server.output()
            assert "stopped before" not in server.output()
