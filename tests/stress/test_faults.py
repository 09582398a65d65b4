"""Injects faults into a running server, one by one, while a browser watches its page."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Page

from helpers.databases import redis_server
from helpers.processes import free_port, running, wait_until
from helpers.projects import Project
from helpers.readings import fresh
from helpers.rendering import INJECTED
from helpers.servers import Server, health, ready
from helpers.viewers import CALLBACK, body, fetch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.skipif(os.name == "nt", reason="redis-server and signals are not for Windows"),
]

FAULTY = INJECTED / "faulty.py"


@dataclass(frozen=True)
class Fault:
    """A fault, and what it must show."""

    group: str  # one server gets all faults of a group in turn
    name: str
    inject: Callable[["Dashboard"], AbstractContextManager[object]]
    state: str = "error"  # of the page during the fault
    logged: str = ""  # a text in the log
    news: bool = True  # in state live: whether new data arrive during the fault


@dataclass
class Dashboard:
    """A server, its dependencies, and a browser that watches its page."""

    project: Project
    server: Server
    page: Page
    parts: dict[str, Any]

    @property
    def state(self) -> str:
        return self.page.locator("#status").get_attribute("data-state") or ""

    @property
    def version(self) -> str:
        return self.page.locator("#status").get_attribute("data-version") or ""

    @property
    def notice(self) -> str:
        return self.page.locator("#alert").inner_text()

    @property
    def refreshed(self) -> str:
        """When the source was last read without an error."""
        return str(health(self.server)["refreshed"])

    def ready(self) -> str:
        """Return the status code and the state of /readyz."""
        status, content = ready(self.server, seconds=3)
        return f"{status} {json.loads(content)['status']}" if status else "no answer"

    def rows(self) -> set[str]:
        """Return all rows that a viewer can download."""
        request = json.loads(body("download.data"))
        request["state"] = request["inputs"][1:]
        request["inputs"] = [{"id": "download-button", "property": "n_clicks", "value": 1}]
        host, kind = self.server.url.removeprefix("http://"), {"Content-Type": "application/json"}
        # A busy machine may take minutes for a million rows; only their arrival counts.
        with closing(http.client.HTTPConnection(host, timeout=600)) as client:
            response, received = fetch(client, CALLBACK, json.dumps(request).encode(), kind)
        assert response.status == 200
        content = json.loads(received)["response"]["download"]["data"]["content"]
        return set(re.sub(r"\.0+(?=\+)", "", content).splitlines())


@contextmanager
def causing(dashboard: Dashboard, what: str) -> Iterator[None]:
    """Tell the source which fault to cause, and wait until it has."""
    fault, took = dashboard.project.path / "fault", dashboard.project.path / "took"
    took.write_text("", "utf-8")
    fault.write_text(what, "utf-8")
    try:
        wait_until(
            lambda: took.read_text("utf-8") == what or dashboard.state != "live",
            dashboard.server.output,
        )
        yield
    finally:
        fault.unlink()


def source(what: str) -> Callable[[Dashboard], AbstractContextManager[None]]:
    return lambda dashboard: causing(dashboard, what)


@contextmanager
def file(dashboard: Dashboard, change: Callable[[Path], object]) -> Iterator[None]:
    """Change the CSV file; afterwards, restore it with some new rows."""
    path = dashboard.project.path / "data" / "readings.csv"
    content = path.read_bytes()
    change(path)
    try:
        yield
    finally:
        if path.is_dir():
            path.rmdir()
        path.write_bytes(fresh(content))


def csv_is(change: Callable[[Path], object]) -> Callable[[Dashboard], AbstractContextManager[None]]:
    return lambda dashboard: file(dashboard, change)


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@contextmanager
def without_file(dashboard: Dashboard) -> Iterator[None]:
    """Make a view fail, because a file is missing."""
    whole = dashboard.project.path / "whole"
    whole.unlink()
    try:
        yield
    finally:
        whole.touch()


@contextmanager
def crowd(dashboard: Dashboard) -> Iterator[None]:
    """Open more connections than the server accepts."""
    host, _, port = dashboard.server.url.removeprefix("http://").partition(":")
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
        wait_until(lambda: "connection limit" in dashboard.server.output())
        yield


@contextmanager
def kill_worker(dashboard: Dashboard) -> Iterator[None]:
    """Kill the worker process during a refresh."""
    with causing(dashboard, "hang"):
        for child in psutil.Process(dashboard.server.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(child.cmdline()):
                    child.kill()
        yield


@contextmanager
def no_redis(dashboard: Dashboard) -> Iterator[None]:
    """Stop Redis; afterwards, start an empty one."""
    dashboard.parts["redis"].close()
    yield
    dashboard.parts["redis"].enter_context(redis_server(dashboard.parts["port"]))


@contextmanager
def redis_commands(dashboard: Dashboard, before: str, after: str) -> Iterator[None]:
    """Send Redis a command; afterwards, send another."""
    client = ["redis-cli", "-p", str(dashboard.parts["port"])]
    subprocess.run([*client, *before.split()], check=True, capture_output=True)
    yield
    subprocess.run([*client, *after.split()], check=True, capture_output=True)


@contextmanager
def frozen_redis(dashboard: Dashboard) -> Iterator[None]:
    """Suspend Redis, which keeps its connections open."""
    process = dashboard.parts["process"]()
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def cut_redis(dashboard: Dashboard) -> Iterator[None]:
    """Cut all of Redis's replies in half."""
    dashboard.parts["proxy"].cuts.set()
    try:
        yield
    finally:
        dashboard.parts["proxy"].cuts.clear()


class Proxy:
    """Forwards data between Redis and its clients; can cut the replies."""

    def __init__(self, target: int) -> None:
        self.cuts = threading.Event()
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listening.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            for one, other, reply in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass, args=(one, other, reply), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, reply: bool) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                cut = reply and self.cuts.is_set()
                other.sendall(data[: len(data) // 2] if cut else data)
                if cut:
                    break
        for it in (one, other):
            with suppress(OSError):
                it.shutdown(socket.SHUT_RDWR)
            it.close()


@contextmanager
def full(dashboard: Dashboard) -> Iterator[None]:
    """Fill the disk."""
    filler = dashboard.parts["disk"] / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 512):
            pass
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def no_scheduler(dashboard: Dashboard) -> Iterator[None]:
    """Stop Dask's scheduler and worker; afterwards, start new ones."""
    dashboard.parts["cluster"].close()
    yield
    dashboard.parts["start"]()


@contextmanager
def no_dask_worker(dashboard: Dashboard) -> Iterator[None]:
    """Kill only Dask's worker; afterwards, start a new one."""
    dashboard.parts["worker"]().kill()
    yield
    dashboard.parts["start_worker"]()


FAULTS = [
    Fault("source", "The source raises", source("raise"), logged="is out of reach"),
    Fault("source", "The source calls sys.exit", source("sys.exit"), logged="SystemExit"),
    Fault("source", "The source is interrupted", source("interrupt"), logged="KeyboardInterrupt"),
    Fault("source", "The source needs too much memory", source("memory"), logged="MemoryError"),
    Fault("source", "The source calls itself too often", source("recursion"), logged="too deep"),
    Fault("source", "The source hangs", source("hang"), logged="refresh.timeout"),
    Fault("source", "The source returns nothing at all", source("none"), logged="a NoneType"),
    Fault("source", "The source returns a list", source("list"), logged="returned a list"),
    Fault("source", "The source returns no table", source("nothing"), "live", news=False),
    Fault("source", "The source returns no rows", source("empty"), "live", news=False),
    Fault("source", "A table that is not declared", source("table"), logged="surplus"),
    Fault(
        "source", "Text in place of a table", source("text for a frame"), logged="returned a str"
    ),
    Fault("source", "A column is missing", source("column"), logged="value"),
    Fault("source", "A column has another name", source("renamed"), logged="value"),
    Fault("source", "Text in place of numbers", source("text"), logged="value"),
    Fault("source", "Numbers that are none (NaN)", source("nan"), logged="value"),
    Fault("source", "Infinite numbers", source("infinite"), logged="value"),
    Fault("source", "Times without their zone", source("naive"), "live"),
    Fault("source", "Times that are none (NaT)", source("no time"), logged="time"),
    Fault("source", "Times in the future", source("future"), logged="time in the future"),
    Fault("source", "Times of long ago", source("old"), "live"),
    Fault("source", "Each row twice", source("twice"), "live"),
    Fault("source", "Rows in the wrong order", source("unsorted"), "live"),
    Fault("source", "A view has a bug", without_file, "live", "distribution-graph.figure"),
    Fault("source", "The schedule's thread is killed", source("schedule"), "live", "continues"),
    Fault("source", "More connections than allowed", crowd, "live", "connection limit"),
    Fault("source", "The clock is set back", source("clock"), "live", news=False),
    Fault("source", "A million rows at once", source("million"), "live"),
    Fault("file", "The file is gone", csv_is(Path.unlink), logged="readings.csv"),
    Fault("file", "The file is empty", csv_is(lambda it: it.write_bytes(b"")), logged="is empty"),
    Fault("file", "The file is a folder", csv_is(to_folder), logged="readings.csv"),
    Fault(
        "file",
        "Half a file",
        csv_is(lambda it: it.write_bytes(it.read_bytes()[:-9])),
        "live",
        "1 row set aside",
        news=False,
    ),
    Fault(
        "file",
        "A file that is not UTF-8",
        csv_is(lambda it: it.write_bytes(it.read_bytes() + b"2026-11-24T00:05:00Z,\xff,1\n")),
        logged="utf-8",
    ),
    Fault(
        "file",
        "A file with other columns",
        csv_is(lambda it: it.write_bytes(it.read_bytes().replace(b"value", b"reading", 1))),
        logged="value",
    ),
    Fault("process", "The refresh hangs in its process", source("hang"), logged="refresh.timeout"),
    Fault("process", "The process ends itself", source("exit"), logged="Expired"),
    Fault("process", "The process aborts", source("abort"), logged="Expired"),
    Fault("process", "The process is killed", kill_worker, logged="Expired"),
    Fault("redis", "Redis is stopped, and comes back empty", no_redis, logged="cannot be reached"),
    Fault(
        "redis",
        "Redis is flushed",
        lambda it: redis_commands(it, "FLUSHALL", "PING"),
        "live",
        "has been restored",
    ),
    Fault(
        "redis",
        "Redis has no memory left",
        lambda it: redis_commands(it, "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        logged="cannot be reached",
    ),
    Fault("redis", "Redis does not answer", frozen_redis, logged="cannot be reached"),
    Fault("redis", "Redis's replies are cut", cut_redis, logged="cannot be reached"),
    Fault("disk", "The disk is full, of data and log", full, logged="No space left"),
    Fault("dask", "Dask's scheduler is lost", no_scheduler, logged="OSError"),
    Fault("dask", "Dask's worker is lost", no_dask_worker, logged="refresh.timeout"),
]


@pytest.fixture(scope="module")
def faulty(bake_and_install: Callable[..., Project]) -> Project:
    """A project whose source can cause faults, and one of whose views needs a file."""
    project = bake_and_install()  # its table has the mode "append"
    package = project.path / project.slug
    (package / "reading.py").write_text(FAULTY.read_text("utf-8"), "utf-8")
    engineering = package / "engineering.py"
    code = engineering.read_text("utf-8")
    line = "    boxes = []\n"
    assert line in code
    engineering.write_text(code.replace(line, f'{line}    open("whole").close()\n'), "utf-8")
    (project.path / "whole").touch()
    (project.path / "took").touch()
    return project


@contextmanager
def dependencies(
    group: str, project: Project, folder: Path
) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Start the dependencies of a group's server; yield its settings and objects for faults."""
    settings: dict[str, str] = {"REFRESH__TIMEOUT": "5s"}
    parts: dict[str, Any] = {}
    with ExitStack() as stack:
        if group == "source":
            settings["SERVER__CONNECTION_LIMIT"] = "50"
        if group == "process":
            settings |= {"REFRESH__WORKER": "process", "REFRESH__TIMEOUT": "20s"}
        if group == "redis":
            port, redis = free_port(), stack.enter_context(ExitStack())
            redis.enter_context(redis_server(port))
            proxy = Proxy(port)
            settings["STORE__URL"] = f"redis://127.0.0.1:{proxy.port}/0"
            parts |= {"port": port, "redis": redis, "proxy": proxy}
            parts["process"] = lambda: next(
                it
                for it in psutil.Process().children()
                if it.name().startswith("redis") and str(port) in " ".join(it.cmdline())
            )
        if group == "disk":
            disk = folder / "disk"
            disk.mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
            if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
                pytest.skip("a small disk can be mounted by root alone")
            stack.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=False)
            settings |= {"STORE__URL": (disk / "store").as_uri(), "LOG__FILE": str(disk / "log")}
            parts["disk"] = disk
        if group == "dask":
            port = free_port()
            address = f"tcp://127.0.0.1:{port}"
            settings |= {"REFRESH__WORKER": "dask", "REFRESH__SCHEDULER": address}
            cluster = stack.enter_context(ExitStack())
            dask = project.tool("dask")
            current: list[subprocess.Popen[bytes]] = []

            def start_worker() -> None:
                command = [dask, "worker", address, "--no-dashboard", "--no-nanny"]
                current[:] = [cluster.enter_context(running(*command, cwd=project.path))]

            def start() -> None:
                listen = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
                cluster.enter_context(running(dask, "scheduler", *listen))
                start_worker()

            start()
            parts |= {"cluster": cluster, "start": start, "start_worker": start_worker}
            parts["worker"] = lambda: current[0]
        yield settings, parts


@pytest.fixture(scope="module")
def dashboards(
    faulty: Project,
    csv: Project,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Dashboard]]:
    """Return a function that starts a group's dashboard and stops that of the last group."""
    with ExitStack() as stack:
        running_: dict[str, Dashboard] = {}

        def dashboard(group: str) -> Dashboard:
            if group not in running_:
                stack.pop_all().close()
                running_.clear()
                project = csv if group == "file" else faulty
                if group == "file":  # restore the file for other tests
                    read = project.path / "data" / "readings.csv"
                    stack.callback(read.write_bytes, read.read_bytes())
                folder = tmp_path_factory.mktemp(group)
                settings, parts = stack.enter_context(dependencies(group, project, folder))
                common = {"REFRESH__EVERY": "1s", "REFRESH__RETRY_AT_MOST": "1s"}
                common["APP__STALE_AFTER"] = "3650d" if group == "file" else "1m"
                server = stack.enter_context(project.serving(**common, **settings))
                page = browser.new_page()
                stack.callback(page.close)
                page.goto(server.url)
                running_[group] = Dashboard(project, server, page, parts)
                wait_until(lambda: running_[group].state == "live", server.output)
            return running_[group]

        yield dashboard


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[list[list[str]]]:
    """Collect the results, and write them to the file of --faults-table."""
    rows: list[list[str]] = []
    yield rows
    path = request.config.getoption("--faults-table")
    if path and len(rows) == len(FAULTS):  # only after a complete run
        head = ["fault", "the page shows", "/readyz", "the log says", "recovered after"]
        lines = [head, ["---"] * 4 + ["--:"], *rows]
        text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
        Path(path).write_text(f"{HEAD}\n{text}", "utf-8")


HEAD = f"""# Faults, and what users see

Each of these {len(FAULTS)} faults was injected into a running server while a browser watched its
page. The cards and graphs kept the last good data, none of which was lost, and the server recovered
without help when the fault was over. Made by `nox -s faults`, with a refresh every second.
"""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: f"{it.group}: {it.name}")
def test_each_fault_is_visible_and_recovers_by_itself(
    fault: Fault,
    dashboards: Callable[[str], Dashboard],
    table: list[list[str]],
) -> None:
    it = dashboards(fault.group)
    rows, start = it.rows(), len(it.server.output())

    def log() -> str:
        return it.server.output()[start:]

    with fault.inject(it):
        wait_until(lambda: it.state == fault.state, lambda: f"{it.state} {it.notice} {log()}")
        wait_until(lambda: fault.logged in log(), log)
        if fault.state == "error":
            wait_until(lambda: re.match(SINCE, it.notice), lambda: f"{it.notice} {log()}")
            incident = re.findall(r"look for (\w+) in the server's log", it.notice)[0]
            assert f"[{incident}]" in log()
        elif fault.inject is not crowd:
            before = it.version if fault.news else it.refreshed
            wait_until(lambda: (it.version if fault.news else it.refreshed) != before, log)
            wait_until(lambda: it.state == "live", log)
        notice = re.sub(SINCE, "", it.notice).strip()
        seen = it.state + (f": {notice}" if notice else "")
        assert fault.state == "live" or re.match(SINCE, it.notice), "since when"
        assert it.page.locator(".card").count() >= 2, "the last good data"
        ready = "no answer" if fault.inject is crowd else f"200 {fault.state}"
        wait_until(lambda: it.ready() == ready, lambda: f"{it.ready()} {log()}")
        last = it.version
    # A restored file brings only one new version, which the page may show already.
    over, before = time.monotonic(), last if fault.group == "file" else it.version

    def is_well() -> bool:
        quiet = it.state == "live" and not it.notice and it.ready() == "200 live"
        return quiet and it.version != before

    wait_until(is_well, lambda: f"{it.state} {it.notice} {it.ready()} {log()}")
    took = time.monotonic() - over
    assert rows <= it.rows(), "nothing is lost"
    assert "hush" not in log() + seen, "nor are secrets told"
    lines = [line for line in log().splitlines() if fault.logged and fault.logged in line]
    line = lines[-1].replace(f"{it.project.path}/", "") if lines else ""  # the end of a traceback
    cells = (fault.name, shortened(seen), ready, shortened(line), f"{took:.1f} s")
    table.append(list(cells))


SINCE = (
    r"Showing the data of \S+ \S+\. Refreshes have failed since \S+ \S+: "
    r"look for \w+ in the server's log\."
)


def shortened(text: str) -> str:
    """Return a text for a table cell, shortened and without the time."""
    text = re.sub(r"^[-0-9]{10} [:,0-9]{12} ", "", " ".join(text.split()))
    text = text.replace("|", "\\|")
    return f"{text[:100]} …" if len(text) > 100 else text
