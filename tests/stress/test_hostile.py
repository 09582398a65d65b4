"""Requests that no browser would send, while a normal viewer watches."""

import base64
import http.client
import os
import random
import re
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import psutil
import pytest

from helpers.hostile import CLOSE, FUZZ_SEED, SILENCE, Answer, Request, corpus, known, latin, nth
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.servers import Server, memory, ready
from helpers.viewers import unaffected_viewer

pytestmark = pytest.mark.slow
# The number of requests; FUZZ=100000 takes some minutes. A failure names its request; to repeat it,
# give its seed and number: FUZZ_SEED=1 FUZZ_FROM=4711 FUZZ=1.
FUZZ = int(os.environ.get("FUZZ", "4000"))
FUZZ_FROM = int(os.environ.get("FUZZ_FROM", "0"))
WARM_UP = FUZZ // 2  # requests before memory growth is measured, because they fill caches
CLIENTS = 4  # that send at the same time


class Client(threading.local):
    """Sends requests over one connection per thread, and reconnects when it is closed."""

    def __init__(self, server: Server) -> None:
        host, _, port = server.url.removeprefix("http://").partition(":")
        self._address, self._socket = (host, int(port)), None

    def send(self, request: Request) -> list[Answer]:
        """Send a request and return the responses; only a complete one is sure to get one."""
        if request.is_whole:
            return [self._send_whole(request)]
        return self._send_raw(request.encoded(CLOSE))

    def _send_whole(self, request: Request) -> Answer:
        while True:
            used, self._socket = self._socket, None
            opened = used or socket.create_connection(self._address, timeout=30)
            response = http.client.HTTPResponse(opened, method=request.method.decode())
            try:
                with suppress(ConnectionError):  # the server may reject it before all is sent
                    opened.sendall(request.encoded())
                response.begin()
                content = response.read()
            except (ConnectionError, http.client.RemoteDisconnected, http.client.BadStatusLine):
                opened.close()
                if used:  # it was closed meanwhile
                    continue
                raise
            if response.will_close:
                opened.close()
            else:
                self._socket = opened
            lines = [latin(f"{name}: {value}") for name, value in response.getheaders()]
            return Answer(response.status, b"\r\n".join(lines), content)

    def _send_raw(self, content: bytes) -> list[Answer]:
        heard = b""
        with socket.create_connection(self._address, timeout=SILENCE) as opened, suppress(OSError):
            opened.sendall(content)
            while part := opened.recv(1_000_000):
                heard += part
        answers = re.split(rb"(?=^HTTP/1\.[01] \d{3} )", heard, flags=re.M)[1:]
        parted = [it.partition(b"\r\n\r\n") for it in answers]
        return [Answer(int(head[9:12]), head, content) for head, _, content in parted]


class Check:
    """Returns what is wrong with a response, as seen by a stranger."""

    def __init__(self, project: Project) -> None:
        package = project.path / project.slug
        files = [project.path / "config.toml", package / "server.py"]
        self._private = [it.read_bytes()[:60] for it in files]
        self._private += [b"Traceback", b'File "', str(project.path).encode(), b"site-packages"]

    def __call__(self, answer: Answer) -> str:
        if answer.status >= 500 and answer.status != 501:  # for an unknown transfer coding
            return "a failure of the server"
        if b"X-Injected" in answer.head:
            return "a header that the client made up"
        if found := [it for it in self._private if it in answer.content]:
            return f"what is nobody's business: {found}"
        if answer.status >= 400 and len(answer.content) >= 500:
            return "a long body of an error"
        return ""


LINE = re.compile(r"[-0-9]{10} [:,0-9]{12} ([A-Z]+) [\w.]+(?: \[(\w+)\])?: ")


def lines_by_request(log: str) -> Counter[str]:
    """Count the log lines of each request; fail on anything that is not a log line."""
    counted: Counter[str] = Counter()
    for line in log.splitlines():
        found = LINE.match(line)
        assert found, f"not one line: {line[:500]}"
        counted[found[2] or f"{found[1]} of no request"] += 1
    return counted


def send(numbers: range, requests: list[Request], client: Client, check: Check) -> None:
    """Send part of the sequence of requests with several clients at once."""
    wrong: list[str] = []

    def send_some(mine: range) -> None:
        for number in mine:
            if wrong:
                return
            request = nth(requests, number)
            try:
                results = [(check(it), it) for it in client.send(request)]
            except (OSError, http.client.HTTPException) as error:
                results = [(f"no answer: {error!r}", None)]
            wrong.extend(
                f"FUZZ_SEED={FUZZ_SEED} FUZZ_FROM={number}: {why}\n{request!r:.3000}\n{it!r:.1000}"
                for why, it in results
                if why
            )

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(send_some, [numbers[it::CLIENTS] for it in range(CLIENTS)]))
    if wrong:
        pytest.fail(wrong[0])


def fill(files: list[str], client: Client, key: list[bytes]) -> None:
    """Fill the server's caches, so that they do not count as memory growth later."""
    for encoding in (b"br", b"gzip", b"identity", b"zstd"):
        for file in files:
            for folder in ("_dash-component-suites", "assets"):
                headers_ = (b"Accept-Encoding: %b" % encoding, *key)
                client.send(Request(target=f"/{folder}/{file}".encode(), headers=headers_))


def log_in(client: Client) -> dict[str, str]:
    """Log in, and return the session's header."""
    given = base64.b64encode(b"ann:right")
    (answer,) = client.send(Request(headers=(b"Authorization: Basic %b" % given,)))
    found = re.search(rb"(?m)^Set-Cookie: ([^;]+)", answer.head)
    assert found, answer
    return {"Cookie": found[1].decode()}


@pytest.mark.parametrize("access", ["open", "locked"])
def test_hostile_requests_do_no_harm(
    access: str, csv: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")  # as in deploy/dashboard.service
    shown, check = known(csv), Check(csv)
    settings = {} if access == "open" else {"AUTH__USERS": csv.users()}
    settings |= {"REFRESH__EVERY": "1s", "SERVER__METRICS": "true"}
    settings |= {"SERVER__CACHE_BYTES": "1000000"}  # so that what is cached does not count
    with (
        csv.serving(news=True, **settings) as server,
        csv.serving(REFRESH__EVERY="1s") as quiet,
    ):
        wait_until(lambda: ready(server)[0] == ready(quiet)[0] == 200)
        client = Client(server)
        session = {} if access == "open" else log_in(client)
        key = [latin(f"{name}: {it}") for name, it in session.items()]
        requests = corpus(shown, key)
        fill(shown.files, client, key)
        with unaffected_viewer(server.url, quiet.url, shown.bodies, **session):
            numbers = range(FUZZ_FROM, FUZZ_FROM + FUZZ)
            send(numbers[:WARM_UP], requests, client, check)
            before = memory(server)
            send(numbers[WARM_UP:], requests, client, check)
            grown = (memory(server) - before) / 1e6
        print(f"{FUZZ} requests, memory has grown by {grown:.1f} MB from {before / 1e6:.0f} MB")
        lines = lines_by_request(server.output())
        assert not {it: count for it, count in lines.items() if count > 1 and "of no" not in it}
        assert lines["ERROR of no request"] == 0
        assert grown <= 10


@pytest.mark.usefixtures("many_files")
def test_five_hundred_slow_clients_delay_nobody(csv: Project) -> None:
    starts = [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        b"POST /_live HTTP/1.1\r\nContent-Length: 999\r\n\r\n",
    ]
    bodies = known(csv).bodies
    with (
        csv.serving(news=True, REFRESH__EVERY="1s") as server,
        csv.serving(REFRESH__EVERY="1s") as quiet,
        ExitStack() as stack,
    ):
        wait_until(lambda: ready(server)[0] == ready(quiet)[0] == 200)
        host, _, port = server.url.removeprefix("http://").partition(":")
        with unaffected_viewer(server.url, quiet.url, bodies) as viewer:
            slow = [
                stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
                for _ in range(500)
            ]
            for number, it in enumerate(slow):
                it.sendall(starts[number % 2])
            before = len(viewer.fresh())
            while len(viewer.fresh()) < before + 5:
                for it in random.sample(slow, 20):
                    it.sendall(b"x")
                time.sleep(0.05)  # slowly
        connections = psutil.Process(server.process.pid).net_connections()
        assert sum(it.status == "ESTABLISHED" for it in connections) >= 500, "all were there"
