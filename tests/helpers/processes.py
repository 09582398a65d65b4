"""Starts and stops programs, and waits for conditions."""

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
    """Wait until the condition is true and return its value; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain\n{explain()}"
        time.sleep(0.05)
    return found


def output(*command: str | Path, **options: Any) -> str:
    """Run a command and return its output; fail with its output if it fails."""
    result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and all its children."""
    running = process.poll() is None
    children = psutil.Process(process.pid).children(recursive=True) if running else []
    for member in (process, *children):  # in this order: nginx would replace a worker
        with suppress(psutil.NoSuchProcess):  # it ended together with another one
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
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    """Return whether something listens on a local port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
