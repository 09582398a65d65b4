"""Renders the template by named combinations of answers, installs it and starts it."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Page
from repository import commit, run

TEMPLATE = Path(__file__).parents[1]
collect_ignore = ["modules"]  # which are run within a rendered project, by test_sources.py
# The web server that a project's own tests have.
sys.path.append(str(TEMPLATE / "{{cookiecutter.project_slug}}/choices/web/yes/tests"))
FLAGS = """
    --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync
"""
# What Chromium logs of a request to a server that has ended or is ending.
SERVER_GONE = re.compile(r"net::ERR_(CONNECTION_|EMPTY_|INCOMPLETE_|CONTENT_LENGTH_)")
COMBINATIONS: dict[str, dict[str, str]] = {
    "default": {},
    "csv": {
        "source": "csv",
        "theme": "dark",
        "pages": "yes",
        "license": "Apache-2.0",
        "docker": "yes",
        "github_actions": "no",
    },
    "awkward": {
        "project_name": 'Søren\'s "Plant" 7 \\ 😀',
        "project_slug": "a_slug_that_is_as_long_as_one_can_get_40",
        "description": 'C:\\new\\table "quoted" {{ "{% raw %}" }} it\'s <b>100 %</b>',
        "author_name": 'Zoë "Z" O\'Neil',
        "source": "csv",
        "theme": "light",
        "license": "proprietary",
    },
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults-table", help="write what test_faults.py has seen to this file")


@dataclass(frozen=True)
class Project:
    """A rendered project."""

    path: Path

    @property
    def slug(self) -> str:
        return self.path.name

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the project's environment; its output is shown if it fails."""
        result = subprocess.run(
            ["uv", "run", *command], cwd=self.path, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def check(self, *tests: str) -> None:
        """Run its own linter, type checker and some of its tests."""
        self.run("ruff", "check")
        self.run("ruff", "format", "--check")
        self.run("mypy")
        self.run("pytest", "-q", *tests)

    def tool(self, name: str) -> str:
        """Return the path of a program in the project's environment."""
        return str(self.path / ".venv" / ("Scripts" if os.name == "nt" else "bin") / name)

    @contextmanager
    def serving(
        self, *flags: str, server: str = "waitress", news: bool = False, **settings: str
    ) -> Iterator["Server"]:
        """Serve on a free port; settings such as REFRESH__EVERY="1s" go by the environment.

        With `news`, the file that it reads is changed all the while.
        """
        log = self.path / f"server-{time.monotonic_ns()}.txt"
        settings = {"SERVER__PORT": "0", **settings}
        settings = {f"{self.slug.upper()}__{name}": value for name, value in settings.items()}
        command = [self.tool("python"), "-m", f"{self.slug}.server", *flags]
        if server == "gunicorn":
            command = [self.tool("gunicorn"), "-c", "gunicorn.conf.py", *flags]
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                command, cwd=self.path, stdout=output, stderr=output, env={**os.environ, **settings}
            )
        started = Server(log, process)
        try:
            started.wait_until_it_listens()
            with corrected(self) if news else nullcontext():
                yield started
        finally:
            end(process)


@dataclass(frozen=True)
class Server:
    """A server that runs in a process of its own."""

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
        """Wait for the first connection; fail if the server ends before."""

        def listens() -> bool:
            at = urlsplit(self.url)
            with suppress(OSError):
                socket.create_connection((at.hostname, at.port or 0), timeout=10).close()
                return True
            return False

        wait_until(lambda: self.process.poll() is not None or listens(), self.output)
        assert self.process.poll() is None, self.output()


def wait_until(
    condition: Callable[[], Any], explain: Callable[[], str] = str, seconds: float = 60
) -> Any:
    """Return what the condition gives once it is true; fail after a minute."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain\n{explain()}"
        time.sleep(0.05)
    return found


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and all that it has started."""
    running = process.poll() is None
    children = psutil.Process(process.pid).children(recursive=True) if running else []
    for member in (*children, process):
        with suppress(psutil.NoSuchProcess):  # it ends with what was killed before
            member.kill()
    process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def running(*command: str | Path, **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program in the background."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, **options)
    try:
        yield process
    finally:
        end(process)


@contextmanager
def redis_server(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a Redis, or the Valkey that REDIS_SERVER names, that keeps nothing on the disk."""
    name = os.environ.get("REDIS_SERVER", "redis-server")
    with running(name, "--port", str(port), "--bind", "127.0.0.1", "--save", "") as process:
        wait_until(lambda: listens(port))
        yield process


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def render(folder: Path, **answers: str) -> "subprocess.CompletedProcess[str]":
    """Run cookiecutter as a user does who answers beforehand."""
    given = (f"{name}={value}" for name, value in answers.items())
    return cookiecutter("--no-input", "-o", str(folder), *given)


def cookiecutter(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(TEMPLATE), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


@pytest.fixture(scope="session")
def bake(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """Return a function that renders a project with some answers."""

    def bake(**answers: str) -> Project:
        folder = tmp_path_factory.mktemp("rendered")
        result = render(folder, **answers)
        assert result.returncode == 0, result.stderr
        return Project(next(folder.iterdir()))

    return bake


@pytest.fixture(scope="session", params=COMBINATIONS)
def combination(request: pytest.FixtureRequest) -> str:
    """Go through the named combinations."""
    return str(request.param)


@pytest.fixture(scope="session")
def baked(combination: str, bake: Callable[..., Project]) -> Project:
    """Return a project rendered by each combination of answers."""
    return bake(**COMBINATIONS[combination])


@pytest.fixture(scope="session")
def installed(baked: Project) -> Project:
    """Return each project, installed into a fresh environment as its user would."""
    return install(baked)


def install(project: Project) -> Project:
    assert shutil.which("uv"), "run the tests by nox, which brings uv"
    subprocess.run(
        ["uv", "sync", "--quiet", "--python", sys.executable],
        cwd=project.path,
        check=True,
    )
    return project


@pytest.fixture(scope="session")
def machine(bake: Callable[..., Project]) -> Project:
    """An installed project of the default answers."""
    return install(bake())


@pytest.fixture(scope="session")
def csv(bake: Callable[..., Project]) -> Project:
    """An installed project that reads a file."""
    return patient(install(bake(source="csv", project_name='Søren\'s "Plant" 7')))


@pytest.fixture(scope="session")
def pages(bake: Callable[..., Project]) -> Project:
    """An installed project of several pages, which reads a file."""
    return patient(install(bake(source="csv", pages="yes", project_slug="several")))


def patient(project: Project) -> Project:
    """Set that its file, which is as old as the tests run, is not stale."""
    config = project.path / "config.toml"
    text = config.read_text("utf-8")
    assert 'stale_after = "0s"' in text
    config.write_text(text.replace('stale_after = "0s"', 'stale_after = "3650d"'), "utf-8")
    return project


def correct(project: Project) -> None:
    """Correct the last reading of the file that a project reads, as another program would."""
    file = project.path / "data" / "readings.csv"
    before, _, value = file.read_text("utf-8").rstrip().rpartition(",")
    aside = file.with_suffix(".tmp")
    aside.write_text(f"{before},{float(value) + 0.5}\n", "utf-8", newline="\n")
    with suppress(PermissionError):  # on Windows while it is read
        aside.replace(file)


@contextmanager
def corrected(project: Project) -> Iterator[None]:
    """Correct the last reading again and again, so that each refresh has something new."""
    file, stopped = project.path / "data" / "readings.csv", Event()
    content = file.read_bytes()

    def write() -> None:
        while not stopped.wait(0.4):
            correct(project)

    thread = Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        file.write_bytes(content)


@pytest.fixture
def restless(pages: Project) -> Iterator[Server]:
    """Serve several pages whose data change each time that one of them polls, by restless.py."""
    port, log = free_port(), pages.path / f"restless-{time.monotonic_ns()}.txt"
    script = Path(__file__).with_name("restless.py")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [pages.tool("python"), str(script), pages.slug, str(port)],
            cwd=pages.path,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": str(pages.path)},
        )
    server = Server(log, process)
    try:
        server.wait_until_it_listens()
        yield server
    finally:
        end(process)


@pytest.fixture
def source(csv: Project) -> Iterator[Path]:
    """The file that the dashboard reads; put back afterwards."""
    yield from kept_file(csv)


def kept_file(project: Project) -> Iterator[Path]:
    """Give the file that a project reads, and put it back afterwards."""
    file = project.path / "data" / "readings.csv"
    content = file.read_bytes()
    yield file
    file.write_bytes(content)


def fresh(content: bytes) -> bytes:
    """Return a file with a row of each series that has just been read."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    newest = [line.split(b",", 1)[1] for line in content.splitlines()[-4:]]
    return content + b"".join(b"%b,%b\n" % (now.encode(), line) for line in newest)


def after(file: Path, minutes: float) -> str:
    """Return the time so long after the newest row of a file."""
    newest = datetime.fromisoformat(file.read_text("utf-8").splitlines()[-1].split(",")[0])
    return f"{newest + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose newest commit is the working tree; git is set as it is on Windows."""
    if not (TEMPLATE / ".git").exists():
        pytest.skip("the template is not in a git repository here")
    config, copy = tmp_path / "gitconfig", tmp_path / "template"
    config.write_text("[user]\nname=A\nemail=a@example.com\n[core]\nautocrlf=true\n", "utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    run(tmp_path, "git", "clone", "--quiet", "--no-checkout", str(TEMPLATE), str(copy))
    commit(TEMPLATE, f"--git-dir={copy / '.git'}", "--work-tree=.")
    run(copy, "git", "reset", "--quiet", "--hard")
    return copy


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open as many files as the system allows."""
    resource = pytest.importorskip("resource", reason="Windows' select takes 512 files")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 5_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def no_console_errors(page: Page, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail if the browser complains, unless the test itself stops the server or breaks it."""
    said: list[str] = []
    page.on("console", lambda it: said.append(it.text) if it.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield
    if not request.node.get_closest_marker("stops_the_server"):
        # The server of a test ends before its page is closed, which may poll once more.
        assert not [text for text in said if not SERVER_GONE.search(text)]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the system's Chromium where there is one."""
    chosen = {"args": FLAGS.split(), "executable_path": system_chromium()}
    return {**browser_type_launch_args, **chosen}


def system_chromium() -> str | None:
    """Return the path of the system's Chromium; Playwright takes its own for None."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return next(found, None)
