"""Alerts: a service that fails half of the time, kills, stalls and takeovers."""

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import pytest

from helpers.databases import redis_server
from helpers.processes import end, free_port, output, wait_until
from helpers.projects import Project
from helpers.rendering import INJECTED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="redis-server and signals are not for Windows"),
]

ALERTS = int(os.environ.get("ALERTS", "60"))
SERIES, AT_ONCE = 20, 10
EVERY = 4  # steps between two kills or stalls


class Service:
    """A webhook that fails half of the time; `strike` is called while it gets the next message."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.struck: set[str] = set()  # in the messages that were being sent at a kill
        self.messages = self.refusals = 0
        self.strike: Callable[[], None] | None = None
        self._random, self._in_a_row = Random(1), 0

    def receive(self, message: str) -> int:
        """Return the response's status code."""
        changes = re.findall(r"s\d+#\d+", message)
        if self.strike:
            self.strike()
            self.struck |= set(changes)
            self.strike = None  # last, because the test waits for it
            if self._random.random() < 0.5:  # killed before the service has read it
                return 503
        elif self._random.random() < 0.5 and self._in_a_row < 3:
            self._in_a_row += 1
            self.refusals += 1
            return 503
        self._in_a_row = 0
        self.messages += 1
        self.accepted.update(changes)
        return 200

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Yield the URL."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = service.receive(json.loads(body)["message"])
                with suppress(OSError):
                    self.send_response(status)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"json://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@contextmanager
def stored(kind: str, folder: Path) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Yield the URL of a store, and a function that returns the record of alerts in it."""
    if kind == "file":
        record = folder / "store" / "alerts.json"
        yield "file://store", lambda: json.loads(record.read_bytes()) if record.exists() else {}
        return
    port = free_port()
    client = ("redis-cli", "-p", str(port), "--raw", "get", "flapping:document:alerts")
    with redis_server(port):
        yield f"redis://127.0.0.1:{port}/0", lambda: json.loads(output(*client).strip() or "{}")


@pytest.mark.parametrize("kind", ["file", "redis"])
def test_each_change_is_reported_once(kind: str, csv: Project, tmp_path: Path) -> None:
    counts, service, log = dict.fromkeys(map("s{}".format, range(SERIES)), 0), Service(), []
    (tmp_path / "config.toml").write_text("[source]\n", "utf-8")

    def write() -> None:
        (tmp_path / "new.json").write_text(json.dumps(counts), "utf-8")
        (tmp_path / "new.json").replace(tmp_path / "counts.json")

    with ExitStack() as stack:
        url, record = stack.enter_context(stored(kind, tmp_path))
        webhook = stack.enter_context(service.serving())
        settings = {"STORE__URL": url, "REFRESH__EVERY": "1s", "ALERTS__FOR": "0s"}
        settings |= {"ALERTS__URLS": json.dumps([webhook])}
        environment = {f"FLAPPING__{name}": it for name, it in settings.items()}
        environment |= {**os.environ, "PYTHONPATH": str(csv.path)}
        script = [csv.tool("python"), str(INJECTED / "flapping.py"), csv.slug]

        def start() -> None:
            log.append(tmp_path / f"log-{len(log)}.txt")
            with log[-1].open("wb") as file:
                process = subprocess.Popen(
                    [*script, str(tmp_path / "counts.json")],
                    env=environment,
                    stdout=file,
                    stderr=file,
                )
            stack.callback(end, process)

        def logged() -> str:
            return "\n".join(it.read_text("utf-8") for it in log)

        def owned(before: str = "") -> bool:
            return record().get("owner", "") not in ("", before)

        def reported() -> bool:
            bad = {f"series {name}" for name, count in counts.items() if count % 2}
            return {it for it in record().get("reported", {}) if it.startswith("series")} == bad

        write()

        def strike(number: int) -> None:
            struck.append(record()["owner"])  # a pid, and what makes it unique
            os.kill(int(struck[-1].partition("-")[0]), number)

        struck: list[str] = []
        for _ in range(2):
            start()
        wait_until(owned, logged)
        kills = stalls = 0
        for step in range(ALERTS // AT_ONCE):
            for name in Random(step).sample(sorted(counts), AT_ONCE):
                counts[name] += 1
            strikes = step % EVERY == 1
            # A suspended process keeps its file locks, so with files only a kill can be survived.
            stops = kind == "redis" and kills > stalls
            if strikes:
                service.strike = partial(strike, signal.SIGSTOP if stops else signal.SIGKILL)
            write()
            if strikes:
                wait_until(lambda: not service.strike, logged, 600)
                wait_until(lambda: owned(struck[-1]), logged)
                if stops:
                    stalls += 1
                    os.kill(int(struck[-1].partition("-")[0]), signal.SIGCONT)
                else:
                    kills += 1
                    start()
            wait_until(reported, logged)
            wait_until(lambda: len(record()["boxes"][0]["waiting"]) < 200, logged, 600)

        def empty() -> bool:
            [box] = record()["boxes"]
            return not box["waiting"] and not box["sending"]

        def told() -> set[str]:
            return set(re.findall(r"may not have been sent: \w+: (s\d+#\d+)", logged()))

        wait_until(empty, logged, 600)
        wait_until(lambda: told() == service.struck, logged)  # each is in the log

    changes = {f"{name}#{it}" for name, count in counts.items() for it in range(1, count + 1)}
    lost = changes - set(service.accepted)
    twice = [it for it, count in service.accepted.items() if count > 1]
    print(
        f"\n{kind}: {len(changes)} changes in {service.messages} messages, "
        f"{service.refusals} refused, {kills} kills, {stalls} stalls, "
        f"{len(twice)} twice, {len(lost)} lost in messages being sent, "
        f"{len(lost - service.struck)} others"
    )
    assert not twice
    assert lost <= service.struck
    assert set(service.accepted) <= changes
