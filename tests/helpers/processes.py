"""Programs that a test starts and ends, and waiting for what they do."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil


def wait_until(
    condition: Callable[[], Any], explain: Callable[[], str] = str, seconds: float = 60
) -> Any:
    """Return what the condition gives once it is true; fail after a minute."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain\n{explain()}"
        time.sleep(0.05)
    return found


def output(*command: str | Path, **options: Any) -> str:
    """Return what a command prints; if it fails, fail with all that it said."""
    result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and all that it has started."""
    running = process.poll() is None
    children = psutil.Process(process.pid).children(recursive=True) if running else []
    for member in (*children, process):
        with suppress(psutil.NoSuchProcess):  # it ends with what was killed before
            member.kill()
    process.wait()


@contextmanager
def running(*command: str | Path, **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program in the background."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, **options)
    try:
        yield process
    finally:
        end(process)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    """Say whether something listens at a port of this machine."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
