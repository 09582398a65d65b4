"""What goes wrong, one by one, in a server that runs while a browser watches its page."""

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
    """Something that goes wrong, and what is to be seen of it."""

    group: str  # of those that one server meets in turn
    name: str
    inject: Callable[["Dashboard"], AbstractContextManager[object]]
    state: str = "error"  # of the page meanwhile
    said: str = ""  # on the page, if it is an error, and in the log
    news: bool = True  # whether there are new data all the same, if it is live


@dataclass
class Dashboard:
    """A server, what it depends on, and a browser that watches its page."""

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
        """When the source was read last without an error."""
        return str(health(self.server)["refreshed"])

    def ready(self) -> str:
        """Return the code and the status of /readyz."""
        status, said = ready(self.server, seconds=3)
        return f"{status} {json.loads(said)['status']}" if status else "no answer"

    def rows(self) -> set[str]:
        """Return all rows that a viewer can download."""
        asked = json.loads(body("download.data"))
        asked["state"] = asked["inputs"][1:]
        asked["inputs"] = [{"id": "download-button", "property": "n_clicks", "value": 1}]
        host, kind = self.server.url.removeprefix("http://"), {"Content-Type": "application/json"}
        # A busy machine may take minutes for a million rows; that they come is what counts.
        with closing(http.client.HTTPConnection(host, timeout=600)) as client:
            answer, said = fetch(client, CALLBACK, json.dumps(asked).encode(), kind)
        assert answer.status == 200
        content = json.loads(said)["response"]["download"]["data"]["content"]
        return set(re.sub(r"\.0+(?=\+)", "", content).splitlines())


@contextmanager
def told(dashboard: Dashboard, what: str) -> Iterator[None]:
    """Tell the source what to do, and wait until it has done it."""
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
    return lambda dashboard: told(dashboard, what)


@contextmanager
def file(dashboard: Dashboard, change: Callable[[Path], object]) -> Iterator[None]:
    """Change the CSV file, and put it back, with some new rows."""
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
    """Give a view a bug: it misses a file."""
    whole = dashboard.project.path / "whole"
    whole.unlink()
    try:
        yield
    finally:
        whole.touch()


@contextmanager
def crowd(dashboard: Dashboard) -> Iterator[None]:
    """Open more connections than the server takes."""
    host, _, port = dashboard.server.url.removeprefix("http://").partition(":")
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
        wait_until(lambda: "connection limit" in dashboard.server.output())
        yield


@contextmanager
def kill_worker(dashboard: Dashboard) -> Iterator[None]:
    """Kill the process that refreshes, while it is at it."""
    with told(dashboard, "hang"):
        for child in psutil.Process(dashboard.server.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(child.cmdline()):
                    child.kill()
        yield


@contextmanager
def no_redis(dashboard: Dashboard) -> Iterator[None]:
    """Stop Redis, and start another that knows nothing."""
    dashboard.parts["redis"].close()
    yield
    dashboard.parts["redis"].enter_context(redis_server(dashboard.parts["port"]))


@contextmanager
def redis_told(dashboard: Dashboard, before: str, after: str) -> Iterator[None]:
    """Send Redis a command, and another afterwards."""
    client = ["redis-cli", "-p", str(dashboard.parts["port"])]
    subprocess.run([*client, *before.split()], check=True, capture_output=True)
    yield
    subprocess.run([*client, *after.split()], check=True, capture_output=True)


@contextmanager
def frozen_redis(dashboard: Dashboard) -> Iterator[None]:
    """Stop Redis from answering, while its connections stay open."""
    process = dashboard.parts["process"]()
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def cut_redis(dashboard: Dashboard) -> Iterator[None]:
    """Cut each of Redis's replies in its middle."""
    dashboard.parts["proxy"].cuts.set()
    try:
        yield
    finally:
        dashboard.parts["proxy"].cuts.clear()


class Proxy:
    """Passes on what a Redis and its clients say; told to, it cuts the replies short."""

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
    """End Dask's scheduler and its worker, and start others."""
    dashboard.parts["cluster"].close()
    yield
    dashboard.parts["start"]()


@contextmanager
def no_dask_worker(dashboard: Dashboard) -> Iterator[None]:
    """End Dask's worker alone, and start another."""
    dashboard.parts["worker"]().kill()
    yield
    dashboard.parts["start_worker"]()


FAULTS = [
    Fault("source", "The source raises", source("raise"), said="is out of reach"),
    Fault("source", "The source calls sys.exit", source("sys.exit"), said="SystemExit"),
    Fault("source", "The source is interrupted", source("interrupt"), said="KeyboardInterrupt"),
    Fault("source", "The source needs too much memory", source("memory"), said="MemoryError"),
    Fault("source", "The source calls itself too often", source("recursion"), said="too deep"),
    Fault("source", "The source hangs", source("hang"), said="refresh.timeout"),
    Fault("source", "The source returns nothing at all", source("none"), said="a NoneType"),
    Fault("source", "The source returns a list", source("list"), said="returned a list"),
    Fault("source", "The source returns no table", source("nothing"), "live", news=False),
    Fault("source", "The source returns no rows", source("empty"), "live", news=False),
    Fault("source", "A table that is not declared", source("table"), said="surplus"),
    Fault("source", "Text in place of a table", source("text for a frame"), said="returned a str"),
    Fault("source", "A column is missing", source("column"), said="value"),
    Fault("source", "A column has another name", source("renamed"), said="value"),
    Fault("source", "Text in place of numbers", source("text"), said="value"),
    Fault("source", "Numbers that are none (NaN)", source("nan"), said="value"),
    Fault("source", "Infinite numbers", source("infinite"), said="value"),
    Fault("source", "Times without their zone", source("naive"), "live"),
    Fault("source", "Times that are none (NaT)", source("no time"), said="time"),
    Fault("source", "Times in the future", source("future"), said="time in the future"),
    Fault("source", "Times of long ago", source("old"), "live"),
    Fault("source", "Each row twice", source("twice"), "live"),
    Fault("source", "Rows in the wrong order", source("unsorted"), "live"),
    Fault("source", "A view has a bug", without_file, "live", "distribution-graph.figure"),
    Fault("source", "The schedule's thread is killed", source("schedule"), "live", "continues"),
    Fault("source", "More connections than allowed", crowd, "live", "connection limit"),
    Fault("source", "The clock is set back", source("clock"), "live", news=False),
    Fault("source", "A million rows at once", source("million"), "live"),
    Fault("file", "The file is gone", csv_is(Path.unlink), said="readings.csv"),
    Fault("file", "The file is empty", csv_is(lambda it: it.write_bytes(b"")), said="Empty"),
    Fault("file", "The file is a folder", csv_is(to_folder), said="readings.csv"),
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
        said="utf-8",
    ),
    Fault(
        "file",
        "A file with other columns",
        csv_is(lambda it: it.write_bytes(it.read_bytes().replace(b"value", b"reading", 1))),
        said="value",
    ),
    Fault("process", "The refresh hangs in its process", source("hang"), said="refresh.timeout"),
    Fault("process", "The process ends itself", source("exit"), said="Expired"),
    Fault("process", "The process aborts", source("abort"), said="Expired"),
    Fault("process", "The process is killed", kill_worker, said="Expired"),
    Fault("redis", "Redis is stopped, and comes back empty", no_redis, said="cannot be reached"),
    Fault(
        "redis",
        "Redis is flushed",
        lambda it: redis_told(it, "FLUSHALL", "PING"),
        "live",
        "has been restored",
    ),
    Fault(
        "redis",
        "Redis has no memory left",
        lambda it: redis_told(it, "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        said="cannot be reached",
    ),
    Fault("redis", "Redis does not answer", frozen_redis, said="cannot be reached"),
    Fault("redis", "Redis's replies are cut", cut_redis, said="cannot be reached"),
    Fault("disk", "The disk is full, of data and log", full, said="No space left"),
    Fault("dask", "Dask's scheduler is lost", no_scheduler, said="OSError"),
    Fault("dask", "Dask's worker is lost", no_dask_worker, said="refresh.timeout"),
]


@pytest.fixture(scope="module")
def faulty(bake_and_install: Callable[..., Project]) -> Project:
    """A project whose source does what it is told, and one of whose views needs a file."""
    project = bake_and_install()  # one that adds rows to those it has
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
def surroundings(
    group: str, project: Project, folder: Path
) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Start what a group's server depends on; give its settings, and what faults need."""
    settings: dict[str, str] = {"REFRESH__TIMEOUT": "5s"}
    parts: dict[str, Any] = {}
    with ExitStack() as stack:
        if group == "source":
            settings["SERVER__CONNECTION_LIMIT"] = "50"
        if group == "process":
            settings |= {"REFRESH__WORKER": "process", "REFRESH__TIMEOUT": "3s"}
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
    """Return a function that gives a group's dashboard, and ends that of the last group."""
    with ExitStack() as stack:
        running_: dict[str, Dashboard] = {}

        def dashboard(group: str) -> Dashboard:
            if group not in running_:
                stack.pop_all().close()
                running_.clear()
                project = csv if group == "file" else faulty
                if group == "file":  # which other tests read too
                    read = project.path / "data" / "readings.csv"
                    stack.callback(read.write_bytes, read.read_bytes())
                folder = tmp_path_factory.mktemp(group)
                settings, parts = stack.enter_context(surroundings(group, project, folder))
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
    """Collect what was seen, and write it where --faults-table says."""
    rows: list[list[str]] = []
    yield rows
    path = request.config.getoption("--faults-table")
    if path and len(rows) == len(FAULTS):  # of a whole run alone
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
def test_it_is_seen_and_gets_well_by_itself(
    fault: Fault,
    dashboards: Callable[[str], Dashboard],
    table: list[list[str]],
) -> None:
    it = dashboards(fault.group)
    rows, logged = it.rows(), len(it.server.output())

    def log() -> str:
        return it.server.output()[logged:]

    with fault.inject(it):
        wait_until(lambda: it.state == fault.state, lambda: f"{it.state} {it.notice} {log()}")
        wait_until(lambda: fault.said in log(), log)
        if fault.state == "error":
            wait_until(lambda: re.match(SINCE, it.notice), lambda: f"{it.notice} {log()}")
            incident = re.findall(r"look for (\w+) in the server's log", it.notice)[0]
            assert f"[{incident}]" in log()
        elif fault.inject is not crowd:
            before = it.version if fault.news else it.refreshed
            wait_until(lambda: (it.version if fault.news else it.refreshed) != before, log)
            assert it.state == "live"
        said = re.sub(SINCE, "", it.notice).strip()
        seen = it.state + (f": {said}" if said else "")
        assert fault.state == "live" or re.match(SINCE, it.notice), "since when"
        assert it.page.locator(".card").count() >= 2, "the last good data"
        ready = "no answer" if fault.inject is crowd else f"200 {fault.state}"
        wait_until(lambda: it.ready() == ready, lambda: f"{it.ready()} {log()}")
    over, before = time.monotonic(), it.version

    def is_well() -> bool:
        quiet = it.state == "live" and not it.notice and it.ready() == "200 live"
        return quiet and it.version != before

    wait_until(is_well, lambda: f"{it.state} {it.notice} {it.ready()} {log()}")
    took = time.monotonic() - over
    assert rows <= it.rows(), "nothing is lost"
    assert "hush" not in log() + seen, "nor are secrets told"
    line = next((line for line in log().splitlines() if fault.said and fault.said in line), "")
    cells = (fault.name, in_short(seen), ready, in_short(line), f"{took:.1f} s")
    table.append(list(cells))


SINCE = (
    r"Showing the data of \S+ \S+\. Refreshes have failed since \S+ \S+: "
    r"look for \w+ in the server's log\."
)


def in_short(text: str) -> str:
    """Return the text in a table's cell, without what each has."""
    text = re.sub(r"^[-0-9]{10} [:,0-9]{12} ", "", " ".join(text.split()))
    text = text.replace("|", "\\|")
    return f"{text[:100]} …" if len(text) > 100 else text
