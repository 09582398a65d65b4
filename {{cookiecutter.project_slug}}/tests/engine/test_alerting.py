"""What is reported, when, and that nothing is reported twice."""

import email
import email.policy
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import pytest
import toy
from helpers import changed, free_port, tables_of, wait_until
from pydantic import SecretStr
from stores import opener

from {{cookiecutter.project_slug}}.engine.alerts import messages, outbox, sender
from {{cookiecutter.project_slug}}.engine.alerts import watch as watch_module
from {{cookiecutter.project_slug}}.engine.alerts.changes import Change, Condition, due
from {{cookiecutter.project_slug}}.engine.alerts.conditions import OfSeries, of_engine
from {{cookiecutter.project_slug}}.engine.alerts.outbox import Box, State
from {{cookiecutter.project_slug}}.engine.alerts.record import LEASE, Lost, Record
from {{cookiecutter.project_slug}}.engine.alerts.sender import Sender
from {{cookiecutter.project_slug}}.engine.alerts.services import open_services
from {{cookiecutter.project_slug}}.engine.alerts.watch import Watch
from {{cookiecutter.project_slug}}.engine.config import secret_values
from {{cookiecutter.project_slug}}.engine.config.types import SettingError
from {{cookiecutter.project_slug}}.engine.dashboard import refuse_read_only
from {{cookiecutter.project_slug}}.engine.data.access import Data
from {{cookiecutter.project_slug}}.engine.data.documents import Documents, Folder
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot, Tables
from {{cookiecutter.project_slug}}.engine.data.status import Status
from {{cookiecutter.project_slug}}.engine.diagnostics import redaction
from {{cookiecutter.project_slug}}.engine.serve import cli

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MINUTE, FIVE = timedelta(minutes=1), timedelta(minutes=5)
O, W, C = "ok", "warn", "critical"  # noqa: E741


def said(levels: str, lasting: timedelta = FIVE) -> list[str]:
    """Return the changes that are reported, given a level for each minute; "-" is unknown."""
    reported: dict[str, str] = {}
    pending: dict[str, datetime] = {}
    found = []
    for minute, letter in enumerate(levels):
        level = {"o": O, "w": W, "c": C, "n": "none"}.get(letter)
        now = {"a": Condition(level, letter)} if level else {}
        reported, pending, new = due(reported, pending, now, NOW + minute * MINUTE, lasting)
        for it in new:
            since = (it.since - NOW) // MINUTE
            found.append(f"{minute}: {it.before} to {it.level} since {since}")
    return found


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ("ooooooo", []),
        ("nnnnnnn", []),
        ("oocccc", []),
        ("ooccccco", []),
        ("oocccccc", ["7: ok to critical since 2"]),
        ("ooccoccccc", []),
        ("ccccccoooooo", ["5: ok to critical since 0", "11: critical to ok since 6"]),
        ("ccccccnnnnnn", ["5: ok to critical since 0", "11: critical to none since 6"]),
        ("ccccccoooccccccc", ["5: ok to critical since 0"]),
        ("wwwwwwcccccc", ["5: ok to warn since 0", "11: warn to critical since 6"]),
        ("ccccccwwwwww", ["5: ok to critical since 0", "11: critical to warn since 6"]),
        ("cwcwcwcwcwcw", ["5: ok to warn since 0"]),
        ("ooowwccccccc", ["8: ok to warn since 3", "10: warn to critical since 5"]),
        ("ccc---c", ["6: ok to critical since 0"]),
        ("cccccc------oooooo", ["5: ok to critical since 0", "17: critical to ok since 12"]),
    ],
)
def test_a_change_is_reported_once_it_has_lasted(levels: str, expected: list[str]) -> None:
    assert said(levels) == expected


def test_without_a_delay_each_change_is_reported() -> None:
    expected = ["1: ok to critical since 1", "2: critical to warn since 2"]
    assert said("ocwwo", timedelta(0)) == [*expected, "4: warn to ok since 4"]


def test_a_clock_that_is_set_back_only_delays() -> None:
    _, pending, _ = due({}, {}, {"a": Condition(C, "")}, NOW, FIVE)
    now = NOW - timedelta(days=1)
    _, pending, found = due({}, pending, {"a": Condition(C, "")}, now, FIVE)
    assert not found
    _, _, found = due({}, pending, {"a": Condition(C, "")}, now + FIVE, FIVE)
    assert [it.level for it in found] == [C]


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(ValueError, match="bad"):
        due({}, {}, {"a": Condition("bad", "")}, NOW, FIVE)


def change(number: int = 0, level: str = C, key: str = "", before: str = O) -> Change:
    return Change(key or f"series {number}", before, level, f"S{number}: 1", NOW + number * MINUTE)


def test_a_message_lists_the_worst_first(settings: toy.Settings) -> None:
    settings = changed(settings, "alerts", link="https://example.org/")
    found = [change(0, O), change(1, W), change(2), change(3, W, before=C), change(4)]
    title, body, level = messages.compose(settings, found)
    assert (title, level) == ("Toy: Critical: S2: 1 and 4 more", C)
    lines = body.splitlines()
    assert [it.split(",")[0] for it in lines[:5]] == [
        "Critical: S2: 1",
        "Critical: S4: 1",
        "Warning: S1: 1",
        "Warning: S3: 1 (was critical)",
        "OK again: S0: 1",
    ]
    assert lines[5:] == ["", "https://example.org/"]
    title, body, level = messages.compose(settings, [replace(change(), text="a\r\nBcc: eve")])
    assert title == "Toy: Critical: a Bcc: eve", "no line of a header can be added"
    _, body, _ = messages.compose(settings, [replace(change(), text="No new rows.")])
    assert body.startswith("Critical: No new rows, since 2026-")


def test_a_message_holds_a_few_changes_and_one_of_each_key() -> None:
    state = outbox.queued(State(boxes=(Box(), Box())), map(change, range(25)))
    sizes = []
    while (state := outbox.marked(state, 0)).boxes[0].sending:
        assert outbox.marked(state, 0) is state
        sizes.append(len(state.boxes[0].sending))
        state = outbox.sent(state, 0)
    assert sizes == [10, 10, 5]
    assert len(state.boxes[1].waiting) == 25, "each service has its own"
    twice = outbox.queued(State(boxes=(Box(),)), [change(1), change(2), change(1, O), change(3)])
    marked = outbox.marked(twice, 0)
    assert [it.text for it in marked.boxes[0].sending] == ["S1: 1", "S2: 1"]
    assert outbox.put_back(marked, 0) == twice
    many = outbox.queued(twice, [change(it) for it in range(1_000)])
    assert len(many.boxes[0].waiting) == outbox.LIMIT and many.boxes[0].waiting[-1] == change(999)


@dataclass
class Clock:
    """A clock that tests set."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@dataclass
class Inbox:
    """A service that remembers the lines it got, and fails as often as told."""

    lines: list[str] = field(default_factory=list)
    fails: int = 0
    name: str = "alerts.urls[0] (Inbox)"
    dies: bool = False

    def send(self, message: messages.Message) -> str:
        if self.dies:
            raise SystemExit("killed")
        if self.fails:
            self.fails -= 1
            return "busy"
        self.lines += message.body.splitlines()
        return ""


def record_of(documents: Documents, clock: Clock, services: int = 1) -> Record:
    return Record(documents, services, clock.now, clock.monotonic)


def records(kind: str, request: pytest.FixtureRequest, folder: Path) -> Callable[[], Documents]:
    if kind == "local":
        return lambda: Folder(folder, Lock())
    return opener(kind, request, folder)


@pytest.fixture(params=["local", "file", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Documents]:
    return records(request.param, request, tmp_path)


def test_one_process_owns_the_record_until_its_heartbeat_stops(
    shared: Callable[[], Documents],
) -> None:
    clock = Clock()
    one, other = (record_of(shared(), clock) for _ in range(2))
    for _ in range(10):
        clock.seconds += 2
        assert one.hold() and not other.hold()
    one.change(lambda it: outbox.queued(it, [change()]))
    one.change(lambda it: outbox.marked(it, 0))
    with pytest.raises(Lost):
        other.change(lambda it: it)
    assert not other.hold()
    clock.seconds += LEASE + 1
    assert other.hold(), "the first one has been silent for too long"
    assert other.state.boxes == (Box(),), "it is not sent twice"
    with pytest.raises(Lost):
        one.change(lambda it: outbox.put_back(it, 0))
    assert not one.hold()
    other.release()
    assert one.hold(), "released, it is free at once"


def test_what_was_being_sent_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    documents = Folder(tmp_path, Lock())
    one = Record(documents, 2)
    assert one.hold()
    one.change(lambda it: outbox.queued(it, [change(1), change(2)]))
    one.change(lambda it: outbox.marked(it, 1))
    clock = Clock()
    other = record_of(documents, clock, 2)
    assert not other.hold()
    clock.seconds += LEASE
    assert other.hold()
    assert [it.getMessage() for it in caplog.records] == [
        "alerts.urls[1]: a message may not have been sent: critical: S1: 1",
        "alerts.urls[1]: a message may not have been sent: critical: S2: 1",
    ]
    assert [len(it.waiting) for it in other.state.boxes] == [2, 0]


def test_a_record_that_was_lost_is_restored(tmp_path: Path) -> None:
    """As after a restart of a Redis that saves nothing."""
    documents, clock = MemoryStore(), Clock()
    one, other = (record_of(documents, clock) for _ in range(2))
    assert one.hold() and not other.hold()
    one.change(lambda it: replace(it, reported={"a": C}))
    assert not other.hold()
    documents._documents.clear()
    assert not other.hold(), "its owner comes first"
    clock.seconds += 4
    assert one.hold() and one.state.reported == {"a": C}
    assert not other.hold()
    documents._documents.clear()
    clock.seconds += LEASE + 1
    assert other.hold() and other.state.reported == {"a": C}


@pytest.mark.parametrize("moment", ["its own", "of another process", "released", "damaged"])
def test_a_store_that_goes_back_in_time_is_corrected(
    moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a restored backup, or a failover of Redis to a replica that lags behind."""
    documents, clock, inbox = MemoryStore(), Clock(), Inbox()
    first, one, other = (record_of(documents, clock) for _ in range(3))
    assert first.hold()
    if moment == "released":
        first.release()
    saved = documents.document("alerts")
    one.hold()
    clock.seconds += LEASE
    assert one.hold() and not other.hold()
    if moment == "its own":
        saved = documents.document("alerts")
    one.change(lambda it: outbox.queued(replace(it, reported={"a": C}), [change()]))
    sender_of(one, inbox).step()
    assert not other.hold(), "it reads the newest record"
    documents._documents["alerts"] = b"{" if moment == "damaged" else saved
    for _ in range(10):
        clock.seconds += 2
        owners = [it for it in (one, other) if it.hold()]
    [owner] = owners
    assert owner.state.reported == {"a": C} and not owner.state.boxes[0].waiting
    assert json.loads(documents.document("alerts"))["reported"] == {"a": C}
    sender_of(owner, inbox).step()
    assert inbox.lines == ["S0: 1"], "it is not sent twice"
    assert "damaged" not in caplog.text, "nothing was lost"


def test_an_older_record_returns_no_ownership() -> None:
    documents, clock = MemoryStore(), Clock()
    one, other = (record_of(documents, clock) for _ in range(2))
    assert one.hold() and not other.hold()
    saved = documents.document("alerts")
    clock.seconds += LEASE
    assert other.hold() and not one.hold()
    documents._documents["alerts"] = saved
    assert not one.hold(), "the other one may be sending a message"
    clock.seconds += LEASE
    assert one.hold() and not other.hold()


def test_a_damaged_record_is_reset(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "alerts.json").write_bytes(b"{")
    one = Record(Folder(tmp_path, Lock()), 1)
    assert one.hold()
    assert "damaged" in caplog.text


def test_a_save_whose_reply_is_lost_is_not_repeated() -> None:
    class Flaky(MemoryStore):
        late = False

        def replace_document(self, name: str, before: bytes, after: bytes) -> bool:
            done = super().replace_document(name, before, after)
            if self.late:
                self.late = False
                raise TimeoutError("late")
            return done

    store = Flaky()
    one = Record(store, 1)
    assert one.hold()
    one.change(lambda it: outbox.queued(it, map(change, range(15))))
    inbox = Inbox()
    it = sender_of(one, inbox)
    store.late = True
    assert it.step() == sender.IDLE and not inbox.lines, "not known to be marked"
    it.step()
    assert len(inbox.lines) == 10
    it.step()
    assert len(inbox.lines) == len(set(inbox.lines)) == 15


def sender_of(held: Record, inbox: Any) -> Sender:
    def compose(changes: Any) -> messages.Message:
        return messages.Message("", "\n".join(it.text for it in changes), C)

    return Sender(0, inbox, held, compose, Event())


def test_a_takeover_whose_reply_is_lost_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Flaky(MemoryStore):
        def replace_document(self, name: str, before: bytes, after: bytes) -> bool:
            super().replace_document(name, before, after)
            raise TimeoutError("late")

    store, clock = MemoryStore(), Clock()
    one = Record(store, 1)
    assert one.hold()
    one.change(lambda it: outbox.queued(it, [change()]))
    one.change(lambda it: outbox.marked(it, 0))
    other = record_of(Flaky(_documents=store._documents), clock)
    assert not other.hold()
    clock.seconds += LEASE
    with pytest.raises(TimeoutError):
        other.hold()
    assert "a message may not have been sent" in caplog.text


def test_a_failing_service_is_logged_once_and_retried_with_growing_pauses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    held = Record(MemoryStore(), 1)
    assert held.hold()
    held.change(lambda it: outbox.queued(it, [change()]))
    inbox = Inbox(fails=12)
    it = sender_of(held, inbox)
    assert [it.step() for _ in range(12)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert (it.step(), inbox.lines) == (0, ["S0: 1"])
    assert it.step() == sender.IDLE
    assert [it.getMessage() for it in caplog.records] == [
        "alerts.urls[0] (Inbox) rejects messages, which will be retried: busy",
        "alerts.urls[0] (Inbox) accepts messages again",
    ]
    assert len({it.__dict__["incident"] for it in caplog.records}) == 1


def test_a_message_that_was_marked_when_its_process_died_is_not_sent_again() -> None:
    store, clock, inbox = MemoryStore(), Clock(), Inbox(dies=True)
    one, other = (record_of(store, clock) for _ in range(2))
    assert one.hold()
    one.change(lambda it: outbox.queued(it, map(change, range(12))))
    with pytest.raises(SystemExit):
        sender_of(one, inbox).step()
    assert not other.hold()
    clock.seconds += LEASE
    assert other.hold()
    inbox.dies = False
    sender_of(other, inbox).step()
    assert inbox.lines == ["S10: 1", "S11: 1"], "the message of ten is lost, and not more"


def snapshot(version: int, *values: float, age: timedelta = timedelta(0)) -> Snapshot:
    rows = ((NOW, f"s{number}", value) for number, value in enumerate(values))
    return Snapshot(version, NOW, NOW - age, tables_of(*rows))


def by_value(tables: Tables) -> dict[str, Condition]:
    rows = tables["readings"]
    return {
        name: Condition([O, W, C][int(value)], f"{name} is {value:g}")
        for name, value in zip(rows["series"].astype(str), rows["value"], strict=True)
    }


def watch(
    settings: toy.Settings,
    store: MemoryStore,
    clock: Clock,
    *inboxes: Any,
    conditions: Callable[[Tables], Mapping[str, Condition]] = by_value,
) -> Watch:
    data, record = Data(store, toy.TABLES), record_of(store, clock, len(inboxes))
    return Watch(settings, store, record, data, conditions, inboxes, clock.now)


def test_on_the_first_start_only_problems_are_reported(settings: toy.Settings) -> None:
    settings = changed(settings, "alerts", lasting=timedelta(0))
    store, clock, inbox = MemoryStore(), Clock(), Inbox()
    it = watch(settings, store, clock, inbox)
    it.tick()
    store.publish(snapshot(1, 0, 2, 1))
    it.tick()
    it.senders[0].step()
    assert [line.split(",")[0] for line in inbox.lines] == ["Critical: s1 is 2", "Warning: s2 is 1"]
    store.publish(snapshot(2, 2, 0))
    it.tick()
    it.senders[0].step()
    assert [line.split(",")[0] for line in inbox.lines[2:]] == [
        "Critical: s0 is 2",
        "OK again: s1 is 0",
        "Unknown: s2 is no longer in the data",
    ]
    it.stop()
    other = watch(settings, store, clock, inbox)
    other.tick()
    assert other.senders[0].step() == sender.IDLE, "nothing is sent again after a restart"


def test_conditions_that_fail_change_nothing(
    settings: toy.Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = changed(settings, "alerts", lasting=timedelta(0))
    store, clock, inbox = MemoryStore(), Clock(), Inbox()
    fails = [False]

    def conditions(tables: Tables) -> dict[str, Condition]:
        if fails[0]:
            raise SystemExit("a fault of the user's")
        return by_value(tables)

    it = watch(settings, store, clock, inbox, conditions=conditions)
    store.publish(snapshot(1, 2))
    it.tick()
    it.senders[0].step()
    fails[0] = True
    for version in (2, 3):
        store.publish(snapshot(version, 0))
        it.tick()
    assert it.senders[0].step() == sender.IDLE
    assert caplog.text.count("the conditions for alerts failed") == 1
    fails[0] = False
    store.publish(snapshot(4, 0))
    it.tick()
    it.senders[0].step()
    assert len(inbox.lines) == 2 and inbox.lines[1].startswith("OK again: s0 is 0")


def test_stale_data_and_failing_refreshes_are_conditions(settings: toy.Settings) -> None:
    store = MemoryStore()
    assert of_engine(settings, store, NOW) == {"refresh": Condition(O, "refreshes succeed")}
    store.publish(snapshot(1, 0))
    found = of_engine(settings, store, NOW)
    assert {name: it.level for name, it in found.items()} == {"refresh": O, "data": O}
    store.report(Status(error="OSError: /secret/path", failing_since=NOW, incident="1a2b3c4d"))
    found = of_engine(settings, store, NOW + timedelta(days=1))
    assert {name: it.level for name, it in found.items()} == {"refresh": C, "data": C}
    assert found["refresh"].text == "refreshes fail, look for 1a2b3c4d in the server's log"
    assert "No refresh has succeeded since" in found["data"].text


def test_before_the_first_data_and_with_damaged_ones_series_are_unknown() -> None:
    store = MemoryStore()
    series = OfSeries(by_value, Data(store, toy.TABLES), store)
    assert series.find({"series a"}) == {}
    store.publish(replace(snapshot(1, 1), fault="damaged"))
    assert series.find({"series a"}) == {}
    store.publish(snapshot(2, 1))
    assert set(series.find({"series a", "data"})) == {"series a", "series s0"}


def test_a_change_pending_at_the_end_of_a_process_has_to_last_again(
    settings: toy.Settings,
) -> None:
    """The stored data are old until the first refresh, and nobody knows what was in between."""
    store, clock, inbox = MemoryStore(), Clock(), Inbox()
    it = watch(settings, store, clock, inbox)
    store.publish(snapshot(1, 2, 2))
    it.tick()
    it.stop()
    clock.seconds += 30
    it = watch(settings, store, clock, inbox)
    it.tick()
    assert it._record.state.pending["critical series s0"] == NOW, "a quick restart is no matter"
    it.stop()
    clock.seconds += 8 * 3600
    it = watch(settings, store, clock, inbox)
    it.tick()
    store.publish(snapshot(2, 0, 2))
    clock.seconds += 299
    it.tick()
    assert it.senders[0].step() == sender.IDLE, "neither before the first refresh nor at once"
    clock.seconds += 1
    it.tick()
    it.senders[0].step()
    found = [line for line in inbox.lines if " is 2" in line]
    assert found == ["Critical: s1 is 2, since 2026-01-02 11:04:35"]


def test_slow_conditions_do_not_cost_the_ownership(
    settings: toy.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "TICK", 0.01)
    store, clock, entered, leave = MemoryStore(), Clock(), Event(), Event()

    def conditions(_tables: Tables) -> dict[str, Condition]:
        entered.set()
        leave.wait(300)
        return {}

    store.publish(snapshot(1, 0))
    it, other = watch(settings, store, clock, conditions=conditions), record_of(store, clock)
    it.start()
    try:
        assert entered.wait(30)
        for _ in range(2 * int(LEASE)):
            assert not other.hold()
            before, clock.seconds = store.document("alerts"), clock.seconds + 3
            wait_until(lambda: store.document("alerts") != before)  # noqa: B023
        assert not other.hold()
    finally:
        leave.set()
        it.stop()
    assert other.hold()


def test_without_other_processes_there_is_no_heartbeat(tmp_path: Path) -> None:
    clock = Clock()
    one = Record(Folder(tmp_path, Lock()), 1, clock.now, clock.monotonic, shared=False)
    assert one.hold()
    before = (tmp_path / "alerts.json").stat().st_mtime_ns
    for _ in range(10):
        clock.seconds += 60
        assert one.hold()
    assert (tmp_path / "alerts.json").stat().st_mtime_ns == before
    one.change(lambda it: replace(it, reported={"a": C}))
    assert b'"a":"critical"' in (tmp_path / "alerts.json").read_bytes()


def test_an_unexpected_error_is_logged_when_it_changes(
    settings: toy.Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    it, said = watch(settings, store, Clock(), Inbox()), ["one", "one", "two", "", "two"]

    def fails(*_: object) -> dict[str, Condition]:
        if text := said.pop(0):
            raise RuntimeError(text)
        return {}

    monkeypatch.setattr(watch_module, "of_engine", fails)
    while said:
        it.tick()
    found = [it.exc_text.rpartition(" ")[2] for it in caplog.records if it.exc_text]
    assert found == ["one", "two", "two"]


def test_an_unreachable_store_is_logged_once(
    settings: toy.Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bytes:
        raise OSError("away")

    it = watch(settings, MemoryStore(), Clock(), Inbox())
    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "document", away)
        it.tick()
        it.tick()
    assert (
        caplog.text.count("alerts are on hold, because their record is unavailable: OSError: away")
        == 1
    )
    it.tick()


@contextmanager
def endpoint(status: Callable[[], int] = lambda: 200) -> Iterator[tuple[str, list[Any]]]:
    """Serve a real HTTP endpoint; yield its Apprise URL, and the documents that it got."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = status()
            if answer == 200:
                got.append(document)
            self.send_response(answer)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/", got
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def smtp() -> Iterator[tuple[str, list[Any]]]:
    """Run a real SMTP server; yield its Apprise URL, and the mails that it got."""
    from aiosmtpd.controller import Controller

    got: list[Any] = []

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            got.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
            return "250 OK"

    controller = Controller(Handler(), "127.0.0.1", free_port())
    controller.start()
    try:
        host = f"127.0.0.1:{controller.port}"
        yield f"mailto://{host}?from=dashboard@example.com&to=ann@example.com&mode=insecure", got
    finally:
        controller.stop()


def set_urls(monkeypatch: pytest.MonkeyPatch, *urls: str, lasting: str = "0s") -> None:
    monkeypatch.setenv(f"{toy.PREFIX}ALERTS__URLS", json.dumps(urls))
    monkeypatch.setenv(f"{toy.PREFIX}ALERTS__FOR", lasting)


def test_alerts_are_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = toy.Settings.load().alerts
    assert (before.urls, before.lasting, before.link) == ([], FIVE, "")
    set_urls(monkeypatch, "slack://TokenA123/TokenB123/TokenC123456", lasting="90s")
    alerts = toy.Settings.load().alerts
    assert alerts.lasting == timedelta(seconds=90)
    assert "Token" not in repr(alerts)
    set_urls(monkeypatch, lasting="never")
    with pytest.raises(SettingError, match=r"alerts.for = 'never' cannot be used"):
        toy.Settings.load()
    monkeypatch.setenv(f"{toy.PREFIX}ALERTS__URLS", "json://ann:secret-word@example.org")
    with pytest.raises(SettingError) as error:
        toy.Settings.load()
    assert "JSON" in str(error.value) and "secret-word" not in str(error.value)
    monkeypatch.setenv(f"{toy.PREFIX}ALERTS__URLS", '["json://ann:secret-word@example.org", 1]')
    with pytest.raises(SettingError) as error:
        toy.Settings.load()
    assert "alerts.urls.1" in str(error.value) and "secret-word" not in str(error.value)


def test_a_near_miss_of_an_alias_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{toy.PREFIX}ALERTS__FORM", "5m")
    with pytest.raises(SettingError, match=r"did you mean TOY__ALERTS__FOR\?"):
        toy.Settings.load()


def test_an_invalid_url_is_refused_without_its_secret() -> None:
    with pytest.raises(SettingError) as error:
        open_services([SecretStr("json://127.0.0.1"), SecretStr("nonsense://ann:secret-word@x")])
    assert str(error.value).startswith("alerts.urls[1] cannot be used")
    assert "secret-word" not in str(error.value)


def test_without_urls_nothing_runs_and_apprise_is_not_imported(settings: toy.Settings) -> None:
    code = "import sys, toy; s = toy.Settings.load(); toy.DASHBOARD.schedule(s); "
    code += "print('apprise' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == "False", found.stderr


def test_without_the_extra_the_message_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingError, match=r'alerts.urls needs apprise.*".\[alerts\]"'):
        open_services([SecretStr("json://127.0.0.1")])


SECRETS = [
    ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", "TIiajkdnlazkcOXrIdevi7FQ"),
    ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", "A1BRTD4JD"),
    ("tgram://123456789:abcdefg_hijklmnop/12315544/", "abcdefg_hijklmnop"),
    ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "JHMHI8qBe7bk2ZwO5U711o3dV_js"),
    ("ntfy://mysecrettopic", "mysecrettopic"),
    ("mailtos://ann:p4ss-word@example.com", "p4ss-word"),
    ("mailtos://example.com?user=ann&pass=p%40ss-word", "p@ss-word"),
    ("jsons://example.org/hooks/a1b2c3d4e5", "a1b2c3d4e5"),
    ("jsons://example.org/hooks/a1b2%2Bc3d4e5", "a1b2+c3d4e5"),
    ("pover://userkey1234@token-5678", "token-5678"),
    ("pover://userkey1234@token%2B5678", "token+5678"),
]


@pytest.mark.parametrize(("url", "secret"), SECRETS)
def test_secrets_in_urls_are_hidden_in_the_log(
    url: str, secret: str, settings: toy.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_values", frozenset())
    monkeypatch.setattr(redaction, "_known", None)
    redaction.hide(secret_values.find(changed(settings, "alerts", urls=[SecretStr(url)])))
    said = redaction.redact(f"POST {url} {secret} failed; serving at http://127.0.0.1:8050/hooks")
    assert secret not in said
    assert said.endswith("failed; serving at http://127.0.0.1:8050/hooks")


def test_a_message_reaches_a_mail_server_and_a_webhook() -> None:
    message = messages.Message("Toy: Critical: Ofen <1> & more", "Critical: <b>ä</b>\nsecond", C)
    with smtp() as (mail, mails), endpoint() as (hook, hooks):
        for service in open_services([SecretStr(mail), SecretStr(hook)]):
            assert service.send(message) == ""
    [got] = mails
    assert (got["Subject"], got["To"]) == (message.title, "ann@example.com")
    assert (got.get_content_type(), got.get_content().split()) == (
        "text/plain",
        message.body.split(),
    )
    assert [(it["title"], it["message"], it["type"]) for it in hooks] == [
        (message.title, message.body, "failure")
    ]


def test_a_refusal_is_returned_and_not_logged() -> None:
    with endpoint(lambda: 403) as (hook, _), closing(socket.create_server(("127.0.0.1", 0))) as it:
        [refused] = open_services([SecretStr(hook)])
        assert "403" in refused.send(messages.Message("a", "b", O))
        silent = f"json://127.0.0.1:{it.getsockname()[1]}/?rto=0.2"
        [hangs] = open_services([SecretStr(silent)])
        assert hangs.send(messages.Message("a", "b", O))
    assert not logging.getLogger("apprise").propagate


def test_a_test_message_is_sent_to_each_url(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.test_alerts("toy:DASHBOARD", []) == 2
    assert "alerts.urls is empty" in capsys.readouterr().err
    with endpoint() as (good, got), endpoint(lambda: 500) as (bad, _):
        set_urls(monkeypatch, good, bad.replace("//", "//ann:secret-word@"))
        assert cli.test_alerts("toy:DASHBOARD", []) == 1
        said = capsys.readouterr().out.splitlines()
        assert said[0] == "alerts.urls[0] (JSON): sent"
        assert said[1].startswith("alerts.urls[1] (JSON): ") and "500" in said[1]
        assert "secret-word" not in said[1]
        assert [it["title"] for it in got] == ["Toy: test message"]
        set_urls(monkeypatch, good)
        assert cli.test_alerts("toy:DASHBOARD", []) == 0


def test_the_schedule_sends_alerts_and_a_server_beside_it_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Through real threads: a dead service delays neither the others nor a refresh."""
    (tmp_path / "config.toml").write_text(toy.CONFIG, "utf-8")

    def conditions(_tables: Tables) -> dict[str, Condition]:
        return {"a": Condition(C, "A is hot")}

    dashboard = replace(toy.DASHBOARD, conditions=conditions)
    with endpoint() as (good, got), endpoint(lambda: 500) as (bad, _):
        set_urls(monkeypatch, bad, good)
        settings = dashboard.load(tmp_path / "config.toml")
        for _ in range(2):
            schedule = dashboard.schedule(settings)
            schedule.start()
            try:
                wait_until(lambda: got)
                if (tmp_path / "config.alerts.json").exists():
                    wait_until(lambda: b'"owner":""' not in read(tmp_path))
            finally:
                schedule.stop()
            assert b'"owner":""' in read(tmp_path)
        assert [it["title"] for it in got] == ["Toy: Critical: A is hot"], "once, with a restart"
        [dead, alive] = json.loads(read(tmp_path))["boxes"]
        assert [it["key"] for it in dead["waiting"]] == ["series a"] and not alive["waiting"]
        follower = dashboard.schedule(settings, is_leader=False)
        assert follower._alerts is None
        (tmp_path / "other.toml").write_text(toy.CONFIG, "utf-8")
        other = dashboard.alerts(dashboard.load(tmp_path / "other.toml"), MemoryStore())
        other.tick()
        other.stop()
        assert {it.name for it in tmp_path.glob("*.json")} == {
            "config.alerts.json",
            "other.alerts.json",
        }


def read(folder: Path) -> bytes:
    return (folder / "config.alerts.json").read_bytes()


def test_a_folder_that_is_missing_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"b.alerts.json cannot be written beside b.toml"):
        refuse_read_only(tmp_path / "missing" / "b.toml")
