"""Runs Redis and PostgreSQL servers for a test."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from helpers.processes import free_port, listens, running, wait_until


@contextmanager
def redis_server(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run Redis, or the Valkey that REDIS_SERVER names, without storing anything on disk."""
    name = os.environ.get("REDIS_SERVER", "redis-server")
    with running(name, "--port", str(port), "--bind", "127.0.0.1", "--save", "") as process:
        wait_until(lambda: listens(port))
        yield process


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if os.name != "nt" else []
    if not found:
        pytest.skip("Debian's postgresql is not installed")
    return found[-1]


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server, and yield the URL of its database."""
    programs = _programs()
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        data, port = Path(name) / "data", free_port()
        if user:
            subprocess.run(["chown", user, name], check=True)
        subprocess.run(
            [programs / "initdb", "--auth=trust", "--username=me", "-D", data],
            user=user,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        command = [programs / "postgres", "-D", data, "-p", port, "-h", "127.0.0.1", "-k", name]
        command += ["-c", "timezone=Asia/Tokyo"]
        stack.enter_context(running(*map(str, command), user=user))
        url = f"postgresql://me:hush@127.0.0.1:{port}/postgres"
        ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        wait_until(lambda: subprocess.run(ready).returncode == 0)
        yield url


def execute(url: str, *statements: str) -> None:
    """Run statements in a database."""
    options = [part for statement in statements for part in ("-c", statement)]
    subprocess.run([_programs() / "psql", "-q", "-v", "ON_ERROR_STOP=1", url, *options], check=True)
