"""Simulates many viewers with a choice each, checks all their views, and prints what they saw.

Run as: python crowd.py URL COUNT SECONDS. They poll like polling.js. If there are more than 200,
several share a connection, and none waits for another's response before it sends a request.
"""

import asyncio
import contextlib
import gc
import gzip
import json
import random
import re
import sys
from collections import deque
from typing import Any
from urllib.parse import urlsplit

from viewers import HEADERS, SECONDS_TO_START, Response, Viewer, as_json, dependencies, live, view
from work import SERIES

CONNECTIONS = 200
CHOICES = [None, *SERIES]


class Head(str):
    """The status line and headers of a response; only few are ever looked at."""

    def __getitem__(self, name: Any) -> str:
        """Return a header."""
        found = re.search(rf"\r\n{name}: ([^\r]*)", self, re.IGNORECASE)
        return found[1] if found else ""


class Connection(asyncio.Protocol):
    """A connection over which requests are sent before earlier ones are answered."""

    def __init__(self, host: str) -> None:
        """Prepare the headers of all requests."""
        lines = [f"{name}: {value}" for name, value in (HEADERS | {"Host": host}).items()]
        self.headers = "\r\n".join(lines)
        self.waiting: deque[asyncio.Future[Response]] = deque()
        self.requests: list[str] = []
        self.buffer, self.head, self.length = bytearray(), Head(), 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport: asyncio.WriteTransport = transport

    async def get(self, path: str, headers: dict[str, str]) -> Response:
        """Send a request and return its response."""
        if self.transport.is_closing():
            raise ConnectionError
        loop = asyncio.get_running_loop()
        if not self.requests:
            loop.call_soon(self._send)
        own = "".join(f"\r\n{name}: {value}" for name, value in headers.items())
        self.requests.append(f"GET {path} HTTP/1.1\r\n{self.headers}{own}\r\n\r\n")
        self.waiting.append(future := loop.create_future())
        return await future

    def _send(self) -> None:
        self.transport.write("".join(self.requests).encode())
        self.requests = []

    def data_received(self, data: bytes) -> None:
        """Pass on the responses that are complete."""
        self.buffer += data
        while self._has_response():
            content = bytes(self.buffer[: self.length])
            del self.buffer[: self.length]
            response = Response(int(self.head.split(" ", 2)[1]), self.head, content)
            self.head, future = Head(), self.waiting.popleft()
            if not future.done():
                future.set_result(response)

    def _has_response(self) -> bool:
        if not self.head and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            self.head = Head(self.buffer[:end].decode("latin-1"))
            self.length = int(self.head["Content-Length"] or 0)
            del self.buffer[: end + 4]
        return bool(self.head) and len(self.buffer) >= self.length

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what is not answered."""
        for future in self.waiting:
            if not future.done():
                future.set_exception(ConnectionError())


class Member(Viewer):
    """A viewer of a crowd."""

    right: dict[tuple[int, str | None], bytes] = {}  # noqa: RUF012 (of all viewers)

    async def fetch(
        self, session: Connection, method: str, url: str, body: None, headers: dict[str, str]
    ) -> Response:
        """Send a request."""
        return await session.get("/" + url.split("/", 3)[3], headers)

    def check(self, response: Response, body: dict, wanted: int) -> None:
        """Count a response whose data or choice is not what the viewer asked for."""
        choice = body["inputs"][1]["value"]
        if self.right.get((wanted, choice)) == response.content:
            return
        content = json.loads(gzip.decompress(response.content))["response"]
        line, bar = (content[f"{it}-graph"]["figure"] for it in ("line", "bar"))
        names = [it["name"] for it in line["data"]]
        is_fresh = line["layout"]["meta"] == bar["layout"]["meta"] == wanted
        if "public" not in response.headers["Cache-Control"]:  # then it may be newer
            is_fresh = line["layout"]["meta"] == bar["layout"]["meta"] >= wanted
        if is_fresh and names == ([choice] if choice else SERIES):
            if len(self.right) > 100:
                self.right.clear()
            self.right[wanted, choice] = response.content
        else:
            self.mixed += 1


async def visit(url: str, count: int, seconds: float) -> list[Member]:
    """Start viewers over five seconds, and let them watch for some seconds more."""
    known, host, loop = await dependencies(url), urlsplit(url).netloc, asyncio.get_running_loop()
    address, port = host.split(":")
    connections = []
    for _ in range(min(count, CONNECTIONS)):
        _, own = await loop.create_connection(lambda: Connection(host), address, int(port))
        connections.append(own)

    async def start_viewer(number: int, viewer: Member) -> None:
        body = view(known)
        body["inputs"][1]["value"] = CHOICES[number % len(CHOICES)]
        await asyncio.sleep(SECONDS_TO_START * random.random())
        await live(viewer, connections[number % len(connections)], url, body)

    viewers = [Member() for _ in range(count)]
    tasks = [asyncio.create_task(start_viewer(*it)) for it in enumerate(viewers)]
    gc.freeze()
    done, _ = await asyncio.wait(
        tasks, timeout=SECONDS_TO_START + seconds, return_when=asyncio.FIRST_EXCEPTION
    )
    for task in done:
        task.result()
    return viewers


if __name__ == "__main__":
    with contextlib.suppress(ImportError):  # on Windows
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    url, count, seconds = sys.argv[1:]
    print(as_json(asyncio.run(visit(url, int(count), float(seconds)))))
