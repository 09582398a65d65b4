"""Serves the apps that are compared, each in its own process on its own core."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import psutil
from viewers import view, view_url

HERE = Path(__file__).parent
CORES = list(range(psutil.cpu_count() or 1))
SLUG = "my_dashboard"
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_rlimit_nofile 10000;
events {{ worker_connections 5000; }}
http {{
    access_log off;
    keepalive_requests 100000;
    upstream replicas {{ {upstream} keepalive 1000; }}
    server {{
        listen 127.0.0.1:{port} backlog=5000;
        location / {{
            proxy_pass http://replicas;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    kind: str  # of its viewers, as in viewers.py
    processes: tuple[psutil.Process, ...]

    def cpu(self) -> float:
        """Return the CPU seconds that all its processes have used."""
        times = [
            process.cpu_times()
            for parent in self.processes
            for process in (parent, *parent.children(recursive=True))
        ]
        return float(sum(it.user + it.system for it in times))

    def pin(self) -> None:
        """Restrict all its processes to the first core."""
        for parent in self.processes:
            for process in (parent, *parent.children(recursive=True)):
                pin(CORES[:1], process)

    def free_workers(self) -> None:
        """Allow its refresh workers to use any core."""
        for parent in self.processes:
            for process in parent.children(recursive=True):
                pin(CORES, process)

    def get(self, path: str) -> bytes:
        """Return the content of a path."""
        with urllib.request.urlopen(self.url + path, timeout=60) as response:
            return bytes(response.read())

    def login(self, name: str, password: str) -> str:
        """Log in with a password and return the cookie."""
        given = base64.b64encode(f"{name}:{password}".encode()).decode()
        request = urllib.request.Request(self.url, headers={"Authorization": f"Basic {given}"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return str(response.headers["Set-Cookie"]).partition(";")[0]

    def view(self) -> bytes:
        """Return the request body for the view."""
        return json.dumps(view(json.loads(self.get("/_dash-dependencies")))).encode()

    def view_url(self, body: bytes) -> str:
        """Return the URL of the view, or "" if it has none."""
        return (
            view_url(json.loads(body), json.loads(self.get("/_live")))
            if self.kind == "live"
            else ""
        )

    def ask(self, body: bytes) -> tuple[Message, bytes]:
        """Return the view's headers and content, compressed if the server compresses it."""
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        url = self.view_url(body)
        data, path = (None, url) if url else (body, "/_dash-update-component")
        request = urllib.request.Request(self.url + path, data, headers)
        while True:
            with urllib.request.urlopen(request, timeout=60) as response:
                if response.status != 202:  # not still being computed
                    return response.headers, bytes(response.read())
            time.sleep(0.1)


def users(home: Path, name: str, password: str) -> str:
    """Return the value of `auth.users` for one user, as JSON."""
    command = [python(home), "-m", f"{SLUG}.server", "--hash-password", name]
    output = subprocess.run(
        command, cwd=home, input=password, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return json.dumps({name: output.split('"')[-2]})


def pin(cores: list[int], process: psutil.Process | None = None) -> None:
    """Restrict a process to some cores, where the system supports it (Linux, Windows)."""
    if len(CORES) > 1 and hasattr(psutil.Process, "cpu_affinity"):
        (process or psutil.Process()).cpu_affinity(cores)


def python(project: Path) -> Path:
    """Return the Python of a rendered project's environment."""
    return project / ".venv" / ("Scripts/python" if os.name == "nt" else "bin/python")


def render(folder: Path, template: Path = HERE.parent, **answers: str) -> Path:
    """Render a project."""
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input"]
    named = [f"{name}={value}" for name, value in answers.items()]
    subprocess.run([*command, "-o", str(folder), *named], check=True, stdout=subprocess.DEVNULL)
    return folder / SLUG


def render_live(folder: Path, template: Path = HERE.parent) -> Path:
    """Render a project and replace its user's modules, so that it does the same work."""
    project = render(folder, template)
    for file in (HERE / "work.py", *(HERE / "live").glob("*.py")):
        shutil.copy(file, project / SLUG)
    config = project / "config.toml"
    text = config.read_text("utf-8").partition("[source]")[0]
    text = text.replace('every = "2s"', 'every = "5s"').replace('"24h"', '"25000s"', 1)
    config.write_text(text, "utf-8")
    return project


@contextmanager
def serving(
    name: str, home: Path, live: Path, *flags: str, kind: str = "", **settings: object
) -> Iterator[Server]:
    """Serve an app on the first core; `home` has the environment, `live` the template's app."""
    port = free_port()
    command, folder = [python(home), str(HERE / f"{name}.py"), str(port), *flags], HERE
    if name == "live":
        command, folder = [python(home), "-m", f"{SLUG}.server", "--port", str(port)], live
    with running(command, folder, **settings) as process:
        kind = kind or ("live" if name == "live" else "interval")
        prefix = str(settings.get("server__url_prefix", "")).rstrip("/")
        server = Server(f"http://127.0.0.1:{port}{prefix}", kind, (process,))
        server.pin()
        wait_for(server)
        yield server


@contextmanager
def replicas(home: Path, live: Path, *commands: list[str], **settings: object) -> Iterator[Server]:
    """Run several servers of the template's app on one Redis, behind nginx."""
    ports = [free_port() for _ in commands]
    redis, front = free_port(), free_port()
    upstream = " ".join(f"server 127.0.0.1:{port};" for port in ports)
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=front, upstream=upstream))
        redis_command = ["redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", ""]
        stack.enter_context(running(redis_command, Path(folder)))
        settings["store__url"] = f"redis://127.0.0.1:{redis}/0"
        processes = [
            stack.enter_context(running(command, live, server__port=port, **settings))
            for command, port in zip(commands, ports, strict=True)
        ]
        for port in ports:
            wait_for(Server(f"http://127.0.0.1:{port}", "live", ()))
        stack.enter_context(running(["nginx", "-c", str(config)], Path(folder)))
        server = Server(f"http://127.0.0.1:{front}", "live", tuple(processes))
        wait_for(server)
        server.pin()
        yield server


@contextmanager
def running(command: list[object], folder: Path, **settings: object) -> Iterator[psutil.Process]:
    """Run a program, with settings such as refresh__every as environment variables."""
    named = {f"{SLUG}__{key}".upper(): str(value) for key, value in settings.items()}
    quiet = subprocess.DEVNULL
    process = psutil.Popen(
        command, cwd=folder, env={**os.environ, **named}, stdout=quiet, stderr=quiet
    )
    try:
        yield process
    finally:
        for member in (*process.children(recursive=True), process):
            member.kill()
        process.wait()


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def wait_for(server: Server, path: str = "") -> None:
    """Wait until a server has something to show, at a path of its own if given."""
    path = path or ("/" if server.kind == "interval" else "/_live")
    deadline = time.monotonic() + 60
    while not answers(server, path):
        if time.monotonic() > deadline or not all(it.is_running() for it in server.processes):
            raise RuntimeError(f"{server.url} does not answer")
        time.sleep(0.1)


def answers(server: Server, path: str) -> bool:
    """Return whether a server has something to show."""
    try:
        content = server.get(path)
    except (urllib.error.URLError, OSError):
        return False
    return path != "/_live" or json.loads(content)["version"] is not None
