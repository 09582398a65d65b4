"""A server that is stopped or started again while it is being asked."""

import http.client
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from helpers.processes import wait_until
from helpers.projects import Project
from helpers.servers import Server, ready
from helpers.viewers import body

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send"),
]

# How often each server is stopped under load; more take minutes.
STOPS = int(os.environ.get("STOPS", "3"))
JSON = {"Content-Type": "application/json"}
BUNDLE = "/_dash-component-suites/plotly/package_data/plotly.min.js"  # of megabytes


def ask_until_it_ends(server: Server, slowly: bool, whole: list[int]) -> str:
    """Ask for something again and again, note what came whole, and tell of what was cut."""
    host = server.url.removeprefix("http://")
    while True:
        with closing(http.client.HTTPConnection(host, timeout=30)) as client:
            try:
                while True:
                    if slowly:
                        client.request("GET", BUNDLE, headers={"Accept-Encoding": "identity"})
                    else:
                        client.request("POST", "/_dash-update-component", ASKED, JSON)
                    answer = client.getresponse()
                    try:
                        while slowly and answer.read(200_000):
                            time.sleep(0.005)  # so that much of it waits in the server
                        answer.read()
                    except (http.client.IncompleteRead, OSError) as error:
                        return repr(error)
                    whole.append(answer.status)
            except (http.client.HTTPException, OSError):  # before a byte of an answer: refused
                if server.process.poll() is not None:
                    return ""


ASKED = body("trend-graph.figure")


@pytest.mark.parametrize("name", ["waitress", "gunicorn"])
def test_no_answer_is_cut_short_by_a_stop(name: str, csv: Project) -> None:
    for number in range(STOPS):
        settings = {"server": name, "REFRESH__EVERY": "1s"}
        with csv.serving(news=True, **settings) as server, ThreadPoolExecutor(6) as pool:
            wait_until(lambda: ready(server)[0] == 200)
            answers: list[list[int]] = [[] for _ in range(6)]
            asking = [
                pool.submit(ask_until_it_ends, server, it < 3, whole)
                for it, whole in enumerate(answers)
            ]
            wait_until(lambda: all(answers))  # noqa: B023
            time.sleep(0.01 * number)  # another moment each time
            server.process.send_signal(signal.SIGTERM)
            assert [it.result() for it in asking] == [""] * 6, "nothing was cut"
            assert {status for whole in answers for status in whole} == {200}
            assert server.process.wait() == 0, server.output()
            assert "stopped before" not in server.output()
