"""A server in its own process."""

import http.client
import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from helpers.processes import end, wait_until


@dataclass(frozen=True)
class Server:
    """A server process and its log file."""

    log: Path
    process: "subprocess.Popen[bytes]"

    def output(self) -> str:
        return self.log.read_text("utf-8")

    @property
    def url(self) -> str:
        found = re.search(
            r"(?:serving at|is running on|Listening at:) (http://[^/\s]+)", self.output()
        )
        return found[1] if found else ""

    def wait_until_it_listens(self) -> None:
        """Wait until the server accepts a connection; fail if it exits first."""

        def listens() -> bool:
            at = urlsplit(self.url)
            with suppress(OSError):
                socket.create_connection((at.hostname, at.port or 0), timeout=10).close()
                return True
            return False

        wait_until(lambda: self.process.poll() is not None or listens(), self.output)
        assert self.process.poll() is None, self.output()


@contextmanager
def started(
    command: list[str], folder: Path, log: Path, environment: dict[str, str]
) -> Iterator[Server]:
    """Start a server in a folder, wait until it listens, and stop it after the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,  # a test may press Ctrl-C in it
        )
    server = Server(log, process)
    try:
        server.wait_until_it_listens()
        yield server
    finally:
        end(process)


def ready(server: Server, seconds: float = 10) -> tuple[int, str]:
    """Return the status and content of /readyz; the status is 0 if there is no response."""
    try:
        with urllib.request.urlopen(f"{server.url}/readyz", timeout=seconds) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:  # for example, while the data are stale
        return error.code, error.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)


def memory(server: Server) -> int:
    """Return the least memory in bytes that a server uses in two seconds: a refresh needs more."""
    used, sizes = psutil.Process(server.process.pid).memory_info, []
    for _ in range(20):
        sizes.append(used().rss)
        time.sleep(0.1)
    return int(min(sizes))


def health(server: Server) -> dict[str, Any]:
    """Wait for a response of /readyz, and return its JSON."""
    return dict(json.loads(wait_until(lambda: (it := ready(server))[0] and it[1], server.output)))


def reachable(url: str) -> bool:
    """Return whether a URL can be loaded."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return bool(response.status == 200)
    except OSError:
        return False
