"""The apps that are compared, each served by a process of its own on a core of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from viewers import view

HERE = Path(__file__).parent
CORES = list(range(psutil.cpu_count() or 1))
SLUG = "my_dashboard"


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    url: str
    kind: str  # of its viewers
    process: psutil.Process

    def cpu(self) -> float:
        """Return how many seconds of a core it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def get(self, path: str) -> bytes:
        """Return what a path gives."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return bytes(answer.read())

    def view(self) -> bytes:
        """Return the request for the view."""
        return json.dumps(view(json.loads(self.get("/_dash-dependencies")))).encode()

    def ask(self, body: bytes) -> bytes:
        """Return the view, compressed if the server does."""
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        request = urllib.request.Request(f"{self.url}/_dash-update-component", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())


def pin(cores: list[int], process: psutil.Process | None = None) -> None:
    """Keep a process to some cores, where the system can (Linux, Windows)."""
    if len(CORES) > 1 and hasattr(psutil.Process, "cpu_affinity"):
        (process or psutil.Process()).cpu_affinity(cores)


def python(project: Path) -> Path:
    """Return the Python of a rendered project's environment."""
    return project / ".venv" / ("Scripts/python" if os.name == "nt" else "bin/python")


def render(folder: Path, **answers: str) -> Path:
    """Render a project."""
    command = [sys.executable, "-m", "cookiecutter", str(HERE.parent), "--no-input"]
    named = [f"{name}={value}" for name, value in answers.items()]
    subprocess.run([*command, "-o", str(folder), *named], check=True, stdout=subprocess.DEVNULL)
    return folder / SLUG


def render_live(folder: Path) -> Path:
    """Render a project and change what its user changes, so that it does the same work."""
    project = render(folder, source="csv")
    for file in (HERE / "work.py", *(HERE / "live").glob("*.py")):
        shutil.copy(file, project / SLUG)
    config = project / "config.toml"
    text = config.read_text("utf-8").partition("[source]")[0]
    text = text.replace('every = "2s"', 'every = "5s"').replace('"30d"', '"25000s"', 1)
    config.write_text(text, "utf-8")
    return project


@contextmanager
def serving(name: str, home: Path, live: Path, *flags: str, **source: float) -> Iterator[Server]:
    """Serve an app on the first core; `home` has the environment, `live` this project's app."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command, folder = [python(home), str(HERE / f"{name}.py"), port, *flags], HERE
    if name == "live":
        command, folder = [python(home), "-m", f"{SLUG}.server", "--port", port], live
    env = {f"{SLUG.upper()}__SOURCE__{key.upper()}": str(value) for key, value in source.items()}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Server(
        f"http://127.0.0.1:{port}",
        "live" if name == "live" else "interval",
        psutil.Process(process.pid),
    )
    try:
        pin(CORES[:1], server.process)
        deadline = time.monotonic() + 60
        while not answers(server):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not answer")
            time.sleep(0.1)
        yield server
    finally:
        process.kill()
        process.wait()


def answers(server: Server) -> bool:
    """Whether a server has something to show."""
    try:
        server.get("/readyz" if server.kind == "live" else "/")
    except (urllib.error.URLError, OSError):
        return False
    return True
