"""Scaling one dashboard from one thread to many processes, by settings alone."""

import http.client
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Page, expect

from helpers.browser import next_version, shown, state, version
from helpers.databases import redis_server
from helpers.nginx import SETTINGS, behind_nginx
from helpers.processes import free_port, running, wait_until
from helpers.projects import Project
from helpers.readings import correct
from helpers.servers import Server, health, ready

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="gunicorn and redis-server are not for Windows"),
]

LEASE = 5  # seconds, as in redis_store
SERVERS = {
    "waitress": ("waitress", "1"),
    "gunicorn-1": ("gunicorn", "1"),
    "gunicorn-3": ("gunicorn", "3"),
}
EVERY = 3  # seconds: even a late refresh is published before the next is due
# How often to kill a server, and for how many due times to watch replicas; more takes minutes.
KILLS = int(os.environ.get("KILLS", "5"))
DUE = int(os.environ.get("DUE", "20"))


@contextmanager
def store_of(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a store; a Redis server runs during the block."""
    if kind == "redis":
        port = free_port()
        with redis_server(port):
            yield f"redis://127.0.0.1:{port}/0"
    else:
        yield "memory://" if kind == "memory" else (folder / "store").as_uri()


def published(server: Server) -> list[int]:
    return [int(found) for found in re.findall(r"published version=(\d+)", server.output())]


@pytest.mark.parametrize(
    ("worker", "store", "server"),
    [
        it
        for it in product(["thread", "process"], ["memory", "file", "redis"], SERVERS)
        if it[1:] != ("memory", "gunicorn-3")  # rejected, see below
    ],
)
def test_the_page_is_the_same_on_every_worker_store_and_server(
    worker: str, store: str, server: str, csv: Project, source: Path, page: Page, tmp_path: Path
) -> None:
    name, workers = SERVERS[server]
    settings = {"REFRESH__EVERY": "1s", "REFRESH__WORKER": worker, "SERVER__WORKERS": workers}
    settings["REFRESH__RETRY_AT_MOST"] = "1s"
    with (
        store_of(store, tmp_path) as url,
        csv.serving(server=name, STORE__URL=url, **settings) as served,
    ):
        page.add_init_script(
            """window.versions = []; setInterval(() => {
                const shown = document.querySelector("#status")?.dataset.version;
                if (shown && shown !== window.versions.at(-1)) window.versions.push(shown);
            }, 20);"""
        )
        wait_until(lambda: ready(served)[0] == 200, served.output, 180)  # processes start slowly
        page.goto(served.url)
        state(page, "live")
        assert shown(page) == 4
        seen = version(page)
        correct(csv)
        next_version(page, than=seen)
        page.locator("#window").get_by_text("1 hour").click()
        points = "document.querySelector('#trend-graph .js-plotly-plot').calcdata?.[0].length"
        wait_until(lambda: page.evaluate(points) == 13)
        content = source.read_bytes()
        newest = content.rstrip().rpartition(b"\n")[2].partition(b",")[0]
        source.write_bytes(content + newest + b",pressure,nonsense\n")
        expect(page.locator("#alert")).to_contain_text("1 row of readings set aside")
        assert shown(page) == 4
        source.write_bytes(content.replace(b"value", b"reading", 1))
        state(page, "error")
        wait_until(lambda: "`value` is missing" in served.output())
        assert shown(page) == 4
        source.write_bytes(content + newest + b",pressure,1234.5\n")
        card = page.locator(".card", has_text="Pressure")
        expect(card).to_contain_text("1,23", timeout=30_000)
        state(page, "live")
        seen = version(page)
        correct(csv)
        page.get_by_role("button", name="Refresh now").click()
        next_version(page, than=seen)
        versions = list(map(int, page.evaluate("window.versions")))
        assert versions == sorted(versions), "no server shows an older one than another has shown"


@pytest.mark.parametrize(
    ("server", "settings", "words"),
    [
        ("gunicorn", {"SERVER__WORKERS": "3"}, ["server.workers = 3", "memory://", "redis://"]),
        (
            "gunicorn",
            {"SERVER__WORKERS": "2", "STORE__URL": "file://store", "SERVER__SECRET_KEY": ""},
            ["SERVER__SECRET_KEY", "empty"],
        ),
        ("waitress", {"REFRESH__STANDALONE": "true"}, ["standalone", "memory://", "file://"]),
        ("waitress", {"STORE__URL": "mongodb://host"}, ["store.url", "memory://", "redis://"]),
        ("gunicorn", {"SERVER__URL_PREFIX": "dash"}, ["server.url_prefix", "'dash'", "/"]),
    ],
)
def test_unusable_settings_are_rejected_in_one_sentence(
    server: str, settings: dict[str, str], words: list[str], machine: Project
) -> None:
    with pytest.raises(AssertionError) as rejected, machine.serving(server=server, **settings):
        pass
    assert all(word in str(rejected.value) for word in words), rejected.value
    assert "Traceback" not in str(rejected.value)


def test_a_reload_does_not_apply_unusable_settings(machine: Project) -> None:
    config = machine.path / "config.toml"
    before = config.read_text("utf-8")
    with machine.serving(server="gunicorn") as server:
        wait_until(lambda: ready(server)[0] == 200)
        try:
            config.write_text(before.replace("workers = 1", "workers = 3"), "utf-8")
            first = workers_of(server)
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: not workers_of(server) & first and ready(server)[0] == 200)
            assert len(workers_of(server)) == 1
            assert "server.workers = 3 cannot use store.url" in server.output()
        finally:
            config.write_text(before, "utf-8")


def test_a_failed_reload_keeps_the_old_workers(machine: Project, tmp_path: Path) -> None:
    files = {
        "config.toml": ('every = "2 fortnights"', "refresh.every = '2 fortnights' cannot be used"),
        f"{machine.slug}/engineering.py": ("def half_a_line(", "SyntaxError"),
        "gunicorn.conf.py": ("workers = many", "name 'many' is not defined"),
    }
    settings = {"STORE__URL": (tmp_path / "store").as_uri(), "SERVER__WORKERS": "2"}
    with machine.serving(server="gunicorn", **settings, APP__STALE_AFTER="1h") as server:
        wait_until(lambda: len(ready_workers(server)) == 2 and ready(server)[0] == 200)
        first = workers_of(server)
        for refusals, (name, (wrong, why)) in enumerate(files.items(), 1):
            file = machine.path / name
            before = file.read_text("utf-8")
            text = re.sub("^every = .*", wrong, before, flags=re.M)
            file.write_text(text if text != before else f"{before}\n{wrong}\n", "utf-8")
            try:
                server.process.send_signal(signal.SIGHUP)
                wait_until(lambda it=refusals: logged(server, "Not reloaded") == it, server.output)
                assert workers_of(server) == first and ready(server)[0] == 200
                assert why in server.output()
            finally:
                file.write_text(before, "utf-8")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(ready_workers(server)) == 2 and not workers_of(server) & first)
        config = machine.path / "config.toml"
        before = config.read_text("utf-8")
        try:
            config.write_text("nonsense", "utf-8")
            psutil.Process(min(workers_of(server))).kill()  # and a new one cannot start
            wait_until(lambda: logged(server, "exited with code 1."), server.output)
            assert server.process.poll() is None and ready(server)[0] == 200
        finally:
            config.write_text(before, "utf-8")
        wait_until(lambda: len(workers_of(server)) == 2 and ready(server)[0] == 200)
        first = workers_of(server)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(workers_of(server)) == 2 and not workers_of(server) & first)
        wait_until(lambda: ready(server)[0] == 200, server.output)  # they have just started


def logged(server: Server, words: str) -> int:
    return server.output().count(words)


def test_a_schedule_can_be_standalone(machine: Project, tmp_path: Path) -> None:
    settings = {"STORE__URL": (tmp_path / "store").as_uri(), "REFRESH__STANDALONE": "true"}
    with machine.serving(**settings) as server:
        assert ready(server)[0] == 503
        named = {f"{machine.slug.upper()}__{key}": value for key, value in settings.items()}
        schedule = subprocess.Popen(
            [machine.tool("python"), "-m", f"{machine.slug}.schedule"],
            cwd=machine.path,
            env={**os.environ, **named},
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: ready(server)[0] == 200)
            assert not published(server)
            schedule.send_signal(signal.SIGTERM)
            assert schedule.wait(60) == 0
        finally:
            schedule.kill()


def test_dask_runs_refreshes_and_may_disappear(
    csv: Project, source: Path, page: Page, tmp_path: Path
) -> None:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    settings = {"REFRESH__WORKER": "dask", "REFRESH__SCHEDULER": address}

    @contextmanager
    def cluster() -> Iterator[None]:
        listen = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
        dask = csv.tool("dask")
        with (
            running(dask, "scheduler", *listen),
            running(dask, "worker", address, "--no-dashboard", cwd=csv.path),
        ):
            yield

    with csv.serving(news=True, **settings, REFRESH__RETRY_AT_MOST="2s") as server:
        page.goto(server.url)
        state(page, "error")
        expect(page.locator("#alert")).to_contain_text("Refreshes have failed since")
        assert str(port) in server.output()
        for _ in range(2):
            with cluster():
                # Dask starts slowly.
                wait_until(lambda: health(server)["status"] == "live", server.output, 180)
                state(page, "live")
                assert shown(page) == 4
                next_version(page)
            expect(page.locator("#status")).not_to_have_attribute(
                "data-state", "live", timeout=30_000
            )
            assert shown(page) == 4


def test_pages_survive_an_outage_of_redis(machine: Project, page: Page, tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as stack:
        with redis_server(port):
            url = {"STORE__URL": f"redis://127.0.0.1:{port}/0", "APP__STALE_AFTER": "1h"}
            servers = [stack.enter_context(machine.serving(**url)) for _ in range(2)]
            page.goto(servers[0].url)
            state(page, "live")
            wait_until(lambda: all(ready(server)[0] == 200 for server in servers))
        state(page, "error")
        expect(page.locator("#alert")).to_contain_text("Refreshes have failed since")
        assert shown(page) >= 2
        for server in servers:
            wait_until(lambda it=server: "reached" in ready(it)[1])
        with redis_server(port):  # empty
            state(page, "live")
            next_version(page)
            wait_until(lambda: all(health(it)["error"] == "" for it in servers))


def versions(servers: list[Server]) -> list[int]:
    return [health(server)["version"] for server in servers]


def begun(server: Server) -> list[float]:
    """Return when the refreshes began whose data a server published."""
    line = r"(?m)^(\S+ \S+) INFO \S+ published version=\d+ .*seconds=([\d.]+)"
    return [
        datetime.strptime(at, "%Y-%m-%d %H:%M:%S,%f").timestamp() - float(took)
        for at, took in re.findall(line, server.output())
    ]


def slots(servers: list[Server]) -> list[int]:
    """Return the number of the due time of each refresh: the latest before it began."""
    # The log's times are in whole milliseconds, so one may seem to begin just before it is due.
    return sorted(int(it + 0.01) // EVERY for server in servers for it in begun(server))


def test_one_of_three_replicas_refreshes_and_another_takes_over(
    machine: Project, tmp_path: Path
) -> None:
    settings = {"REFRESH__EVERY": f"{EVERY}s", "SOURCE__SAMPLE_SECONDS": "0.1"}
    settings["REFRESH__WORKER"] = "process"
    with store_of("redis", tmp_path) as url, ExitStack() as stack:
        settings["STORE__URL"] = url
        servers = [stack.enter_context(machine.serving(**settings)) for _ in range(3)]
        wait_until(lambda: all(ready(server)[0] == 200 for server in servers))
        first = slots(servers)[-1] + 1
        until = time.monotonic() + EVERY * DUE + 60
        while len(done := [it for it in slots(servers) if it >= first]) < DUE:
            assert time.monotonic() < until, done
            time.sleep(0.2)
        assert done == list(range(first, first + len(done))), "each due time once"
        newest = max(published(server)[-1] for server in servers if published(server))
        wait_until(lambda: all(version >= newest for version in versions(servers)))

        (holder,) = [it for it in servers if published(it)]
        others = [it for it in servers if it is not holder]
        workers = psutil.Process(holder.process.pid).children(recursive=True)
        assert workers
        killed = time.time()
        holder.process.kill()
        wait_until(lambda: any(map(published, others)))
        (heir,) = [it for it in others if published(it)]
        assert begun(heir)[0] - killed < LEASE + 2
        wait_until(lambda: len(published(heir)) > 10)
        after = slots(others)
        assert after == list(range(after[0], after[0] + len(after))), "none missed after that"
        wait_until(lambda: not any(worker.is_running() for worker in workers))


def test_another_replica_takes_over_a_daily_refresh(machine: Project, tmp_path: Path) -> None:
    began = time.monotonic()
    with machine.serving() as server:
        wait_until(lambda: ready(server)[0] == 200)
    start = time.monotonic() - began  # how long one takes now; two follow
    due = datetime.now(UTC) + timedelta(seconds=30 + 3 * start)
    settings = {"REFRESH__DAILY_AT": f"{due:%H:%M:%S}", "APP__TIMEZONE": "UTC"}
    with store_of("redis", tmp_path) as url, ExitStack() as stack:
        servers = [stack.enter_context(machine.serving(STORE__URL=url, **settings)) for _ in "ab"]
        wait_until(lambda: all(ready(server)[0] == 200 for server in servers))
        (holder,) = [it for it in servers if published(it)]
        (other,) = [it for it in servers if it is not holder]
        assert datetime.now(UTC) < due
        holder.process.kill()
        left = (due - datetime.now(UTC)).total_seconds()
        wait_until(lambda: published(other), other.output, left + 60)
        late = begun(other)[0] - due.timestamp()
        assert -1 < late < LEASE + 2


@pytest.mark.parametrize("kind", ["file", "redis"])
def test_a_killed_server_restarts_with_intact_data(
    kind: str, machine: Project, tmp_path: Path
) -> None:
    settings = {"REFRESH__EVERY": "1s", "SOURCE__SAMPLE_SECONDS": "0.1"}
    newest = 0
    with store_of(kind, tmp_path) as url:
        for _ in range(KILLS):
            with machine.serving(STORE__URL=url, **settings) as server:
                if newest:
                    assert health(server)["version"] >= newest
                    assert "in the store is" not in server.output()  # damaged, or set aside
                wait_until(lambda it=server: published(it))
                time.sleep(random.uniform(0, 2))  # kill it at a random moment
                server.process.kill()
                newest = published(server)[-1]


def fetch(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.status, answer.read().decode()


@pytest.mark.parametrize("preload", [[], ["--preload"]])
def test_gunicorn_reloads_without_a_failed_request(
    preload: list[str], machine: Project, tmp_path: Path
) -> None:
    url = (tmp_path / "store").as_uri()
    settings = {"STORE__URL": url, "SERVER__WORKERS": "2"}
    with (
        machine.serving(*preload, server="gunicorn", **settings) as server,
        ThreadPoolExecutor(4) as pool,
    ):
        wait_until(lambda: ready(server)[0] == 200)
        before = workers_of(server)
        stop = False

        def ask() -> int:
            count = 0
            while not stop:
                for path in ("/_live", "/", "/_dash-layout"):
                    assert fetch(server.url + path)[0] == 200
                    count += 1
            return count

        clients = [pool.submit(ask) for _ in range(4)]
        try:
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(workers_of(server) - before) == 2)
            wait_until(lambda: not workers_of(server) & before)
            count = len(published(server))
            wait_until(lambda: len(published(server)) > count + 1)
        finally:
            stop = True
        assert all(it.result() > 10 for it in clients)
        if not preload:
            source = machine.path / machine.slug / "engine" / "web" / "health.py"
            before_change = source.read_text("utf-8")
            source.write_text(before_change.replace('return "ok"', 'return "changed"'), "utf-8")
            try:
                server.process.send_signal(signal.SIGHUP)
                wait_until(lambda: fetch(f"{server.url}/healthz")[1] == "changed")
            finally:
                source.write_text(before_change, "utf-8")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0


def test_metrics_cover_all_workers(machine: Project, tmp_path: Path) -> None:
    settings = {"SERVER__WORKERS": "3", "SERVER__METRICS": "true", "REFRESH__EVERY": "1s"}
    url = (tmp_path / "store").as_uri()
    with machine.serving(server="gunicorn", STORE__URL=url, **settings) as server:

        def counted(name: str) -> float:
            found = re.findall(
                rf"^{re.escape(name)} (\S+)$", fetch(f"{server.url}/metrics")[1], re.M
            )
            return float(found[0]) if found else 0

        requests = 'my_dashboard_requests_total{method="GET",status="200"}'
        wait_until(lambda: len(workers_of(server)) == 3)
        before = counted(requests)
        for _ in range(30):
            assert fetch(f"{server.url}/healthz")[0] == 200
        assert counted(requests) == before + 31, "with the one that has asked before"
        refreshes = counted("my_dashboard_refresh_seconds_count")
        wait_until(lambda: counted("my_dashboard_refresh_seconds_count") >= refreshes + 2)
        wait_until(lambda: counted('my_dashboard_rows{table="readings"}') > 0)
        assert 0 <= counted("my_dashboard_data_age_seconds") < 60


def workers_of(server: Server) -> set[int]:
    return {it.pid for it in psutil.Process(server.process.pid).children()}


def ready_workers(server: Server) -> set[int]:
    """Return the workers that have loaded their settings and started."""
    output = server.output()
    return {it for it in workers_of(server) if f"Worker ready (pid: {it})" in output}


@pytest.mark.skipif(sys.platform == "darwin", reason="it has no 127.0.0.2")
@pytest.mark.parametrize("name", ["waitress", "gunicorn"])
def test_behind_nginx_under_a_path(name: str, csv: Project, page: Page, tmp_path: Path) -> None:
    with csv.serving(server=name, news=True, **SETTINGS, LOG__ACCESS="true") as server:
        with behind_nginx(csv, server, tmp_path) as url:
            port = urlsplit(url).port
            page.goto(url)
            state(page, "live")
            assert shown(page) == 4
            next_version(page)
            colors = "getComputedStyle(document.body).getPropertyValue('font-family')"
            assert "system-ui" in page.evaluate(colors), "its style sheet"
            with page.expect_download() as downloading:
                page.get_by_role("button", name="Download CSV").click()
            assert Path(downloading.value.path()).read_text("utf-8").startswith("time,series")
            connection = http.client.HTTPConnection(
                "127.0.0.1", port, source_address=("127.0.0.2", 0)
            )
            connection.request("GET", "/dashboard/_live", headers={"X-Forwarded-For": "6.6.6.6"})
            assert connection.getresponse().status == 200
            connection.close()
            wait_until(lambda: '127.0.0.2 "GET /dashboard/_live" 200' in server.output())
        direct = http.client.HTTPConnection(
            *urlsplit(server.url).netloc.split(":"), source_address=("127.0.0.3", 0)
        )
        direct.request("GET", "/dashboard/_live", headers={"X-Forwarded-For": "6.6.6.6"})
        assert direct.getresponse().status == 200
        direct.close()
        wait_until(lambda: '127.0.0.3 "GET /dashboard/_live" 200' in server.output())
        assert "6.6.6.6" not in server.output()
