"""The contract of all stores, and of shared ones."""

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
import redis
import toy
from helpers import redis_server, wait_until
from stores import NOW, Open, change, older, opened, opener, snapshot, with_checksum

from {{cookiecutter.project_slug}}.engine.config.types import SettingError
from {{cookiecutter.project_slug}}.engine.data import (
    documents,
    freshness,
    store,
)
from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.redis_store import RedisStore
from {{cookiecutter.project_slug}}.engine.data.shared_state import State
from {{cookiecutter.project_slug}}.engine.data.snapshot import EPOCH, now_utc
from {{cookiecutter.project_slug}}.engine.data.status import (
    Outcome,
    Rejected,
    Status,
)
from {{cookiecutter.project_slug}}.engine.data.store import Store, open_store
from {{cookiecutter.project_slug}}.engine.data.tables import Batch, Table
from {{cookiecutter.project_slug}}.engine.settings import Refresh


@pytest.fixture(params=["memory", "file", "redis"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return opener(request.param, request, tmp_path)


@pytest.fixture(params=["file", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return opener(request.param, request, tmp_path)


def test_a_new_store_is_empty(any_store: Open) -> None:
    store = any_store()
    assert store.latest() is None
    assert store.status() == Status()
    assert not store.refresh_requested()


def test_a_published_snapshot_reaches_all_processes(any_store: Open) -> None:
    one, other = any_store(), any_store()
    for version in (1, 2, 3):
        published = snapshot(version, rows=1_000 * version)
        assert one.publish(published, version - 1 or None)
        other.sync()
        assert other.latest() is other.latest(version)
        for it in (one, other, any_store()):
            found = it.latest()
            assert found is not None
            assert (found.version, found.due, found.created) == (version, NOW, NOW)
            assert (found.paces, found.horizon) == (published.paces, NOW)
            assert found.history == published.history
            pd.testing.assert_frame_equal(found.tables["readings"], published.tables["readings"])


def test_a_document_is_replaced_only_if_it_is_unchanged(any_store: Open) -> None:
    one, other = any_store(), any_store()
    assert one.document("a") == b""
    assert not one.replace_document("a", b"before", b"1")
    assert one.replace_document("a", b"", "ä\n\0".encode())
    assert other.document("a") == "ä\n\0".encode()
    assert not other.replace_document("a", b"", b"2")
    assert other.replace_document("a", "ä\n\0".encode(), b"2")
    assert one.document("a") == b"2" and one.document("b") == b""
    one.publish(snapshot(1))
    one.publish(snapshot(2), over=1)
    assert other.document("a") == b"2", "it is no part of the snapshots"


def test_of_several_processes_that_replace_a_document_only_one_does(
    shared: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The lock is not fair: on a slow disk, the last one waits for all the others.
    monkeypatch.setattr(f"{store.__package__}.file_store.WAIT", 60)
    stores = [shared() for _ in range(4)]

    def count(store: Store) -> int:
        done = 0
        while done < 25:
            before = store.document("a")
            after = b"%d %d" % (int(before.split()[0] if before else 0) + 1, id(store))
            done += store.replace_document("a", before, after)
        return done

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(count, stores)) == 100
    assert stores[0].document("a").startswith(b"100 ")


def test_a_document_that_cannot_be_reached_is_an_os_error(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        store = opened(url)
        redis.Redis.from_url(url).hset(f"{toy.NAME}:document:a", "b", "c")
        assert store.document("a") == b"", "of another type"
        assert store.replace_document("a", b"", b"1")
    with pytest.raises(OSError):
        store.document("a")
    with pytest.raises(OSError):
        store.replace_document("a", b"1", b"2")


def test_a_stored_snapshot_can_be_appended_to(any_store: Open) -> None:
    any_store().publish(snapshot(1))
    before, rows = any_store().latest(), snapshot(rows=5).tables
    after, *_ = merge(before, Batch(rows), toy.TABLES, NOW, NOW, Refresh())
    pd.testing.assert_frame_equal(after.tables["readings"], rows["readings"])


def test_a_version_seen_on_another_server_is_searched_for(any_store: Open) -> None:
    one, other = any_store(), any_store()
    one.publish(snapshot(5))
    found = other.latest(5)
    assert found and found.version == 5
    assert other.latest(10**18) is found
    one.publish(snapshot(6), over=5)
    found = other.latest(6)
    assert found and found.version == 6, "a missing version was searched for before"
    assert other.latest(7) is found
    other.sync()
    one.publish(snapshot(7), over=6)
    found = other.latest(7)
    assert found and found.version == 7, "it is searched for again after each sync"


def test_status_and_requests_reach_all_processes(any_store: Open) -> None:
    one, other = any_store(), any_store()
    status = Status(
        NOW,
        timedelta(seconds=1.5),
        "it failed: ä",
        failing_since=NOW - timedelta(days=1),
        refreshed=NOW,
        due=NOW,
        rejected=(Rejected("readings", "time: missing", 3, "value='ä'", NOW),),
        overwritten=(Rejected("readings", "the key of a later row", 34, "value=2", NOW),),
        older=(Rejected("readings", "older than the history", 2_340, "value=1", NOW),),
        changes=(Outcome(NOW, 0.25, rows=7, note="2 rows set aside"),),
        failures=(Outcome(NOW, 1.5, error="it failed: ä"),),
    )
    one.report(status)
    assert not other.wakeup.is_set()
    other.request_refresh()
    assert other.refresh_requested() and other.wakeup.is_set()
    for it in (one, other):
        it.sync()
        assert it.refresh_requested()
        assert it.status() == status
    request = one.refresh_requested()
    other.request_refresh()  # during the refresh for the first request
    one.sync()
    one.clear_request(request)
    for it in (one, other):
        it.sync()
        assert it.refresh_requested(), "a later request waits for another refresh"
        assert it.refresh_requested() != request
    one.clear_request(one.refresh_requested())
    other.sync()
    assert not one.refresh_requested() and not other.refresh_requested()


def test_a_status_of_an_older_release_is_read(shared: Open) -> None:
    shared()._write_status(b'{"next_due":null,"takes":"PT1S","error":"old","failing_since":null}')  # type: ignore[attr-defined]
    assert shared().status() == Status(takes=timedelta(seconds=1), error="old")


def test_a_slow_process_does_not_replace_a_newer_snapshot(shared: Open) -> None:
    slow, quick = shared(), shared()
    slow.publish(snapshot(1))
    assert quick.publish(snapshot(2), over=1)
    assert not slow.publish(snapshot(3), over=1)
    assert not slow.publish(snapshot(3)), "as a process that has seen no version at all"
    for it, version in ((slow, 1), (shared(), 2)):
        found = it.latest()
        assert found and found.version == version


def test_a_starting_process_does_not_replace_the_first_version(shared: Open) -> None:
    assert shared().publish(snapshot(1))
    assert not shared().publish(snapshot(2), over=None)


def test_a_sync_without_news_keeps_the_snapshot(shared: Open) -> None:
    """With the snapshot, its derived values are kept."""
    store = shared()
    shared().publish(snapshot(1))
    store.sync()
    found = store.latest()
    store.sync()
    assert found and store.latest() is found and store.latest(1) is found


def test_one_process_has_the_lease_until_it_releases_it(shared: Open) -> None:
    one, other = shared(), shared()
    assert one.lease() and one.lease()
    assert not other.lease()
    one.publish(snapshot(1))
    one.report(Status(error="told"))
    other.release()  # it has no lease
    assert not other.lease() and one.lease()
    one.release()
    assert other.lease()
    found = other.latest()
    assert found and found.version == 1  # the new leader knows the newest version
    assert other.status().error == "told"
    assert not one.lease()


def test_the_lease_belongs_to_the_process_not_to_a_thread(shared: Open) -> None:
    one, other = shared(), shared()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(one.lease).result()
        assert one.lease() and not other.lease()
        one.release()
        assert other.lease()
        pool.submit(other.release).result()
    assert one.lease()


def test_a_change_waits_for_another_threads_change(shared: Open) -> None:
    held: Any = shared()
    begun, done = Event(), Event()

    def slowly(state: Any) -> Any:
        begun.set()
        done.wait(0.1)
        return replace(state, status=Status(error="slow"))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(held._change, slowly)
        assert begun.wait(60)
        held.publish(snapshot(1))
        done.set()
    assert held.latest() is not None and held.status().error == "slow"


def test_a_leader_keeps_a_status_that_it_could_not_write(shared: Open) -> None:
    held, other = shared(), shared()
    assert held.lease()
    with unreachable(held):
        held.report(Status(error="new"))
        held.request_refresh()
    held.sync()
    assert held.lease()
    assert held.status().error == "new"
    other.sync()
    assert other.status().error == "new"
    assert other.refresh_requested() == held.refresh_requested() != ""


ACCESSES = ["_poll", "_read", "_write", "_write_status", "_write_request", "_write_cleared"]
ACCESSES += ["_read_segments", "_discard", "_write_outcomes", "_lease", "_release"]


@contextmanager
def unreachable(store: Any, *names: str) -> Iterator[None]:
    """Make every access to a store fail, or some of them, as if the network were down."""

    def fail(*_: object) -> None:
        raise OSError("no route")

    with pytest.MonkeyPatch.context() as patched:
        for name in names or ACCESSES:
            patched.setattr(store, name, fail)
        yield


def test_an_outage_is_a_single_incident_until_it_ends(
    shared: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    held = shared()
    assert held.lease()
    held.report(Status(refreshed=NOW))
    with unreachable(held):
        held.sync()
        first = held.status()
        assert first.error == "the store cannot be reached: OSError: no route"
        assert first.incident and first.failing_since and first.refreshed == NOW
        for _ in range(2):
            held.sync()
            held.report(Status(refreshed=NOW))
            held.clear_request("")
            held.clear_request("an older one")
            assert not held.lease()
            held.release()
            assert held.status() == first
    (line,) = caplog.records
    assert line.levelname == "ERROR" and vars(line)["incident"] == first.incident
    assert line.getMessage() == first.error
    held.sync()
    held.lease()
    assert held.status() == Status(refreshed=NOW)
    assert caplog.messages[1:] == ["the store is back"]


def test_a_write_outage_ends_with_any_successful_write(shared: Open) -> None:
    held = shared()
    assert held.lease()
    with unreachable(held), pytest.raises(OSError):
        held.publish(snapshot(1))
    assert "no route" in held.status().error
    held.report(Status())
    assert held.status().error == ""
    for fail in (held.request_refresh, lambda: held.clear_request("one")):
        with unreachable(held):
            fail()
        assert "no route" in held.status().error
        held.report(Status())
        assert held.status().error == ""
    held.publish(snapshot(5))
    forget_all(held)
    held.sync()
    with unreachable(held, "_write"):
        assert held.lease()
        assert "no route" in held.status().error, "it cannot be restored"
    held.report(Status())
    assert held.status().error == ""


def test_an_outage_at_the_end_of_a_lease_ends_with_the_next_lease(shared: Open) -> None:
    held = shared()
    assert held.lease()
    with unreachable(held):
        held.release()
    assert "no route" in held.status().error
    if isinstance(held, RedisStore):
        held._redis.delete("toy:lease")  # as after five seconds
    assert held.lease() and held.status().error == ""


def test_what_a_process_without_the_lease_cannot_write_is_soon_forgotten(shared: Open) -> None:
    held, leader = shared(), shared()
    with unreachable(held):
        held.report(Status(error="mine"))
    assert "no route" in held.status().error
    leader.report(Status(error="the leader's"))
    held.sync()
    with unreachable(held, "_write_status"):
        assert held.lease(), "and it is not written by the next leader"
    assert held.status().error == "the leader's"


def test_a_process_that_cannot_read_does_not_lead(shared: Open) -> None:
    """It would not know what has been published."""
    held, other = shared(), shared()
    with unreachable(held, "_poll"):
        assert not held.lease()
    held.sync()
    assert held.lease() and not other.lease()
    with unreachable(held, "_poll"):
        held.sync()
        assert not held.lease()


def test_a_lease_can_be_released_twice(shared: Open) -> None:
    held = shared()
    assert held.lease()
    held.release()
    held.release()
    assert held.status().error == "" and shared().lease()


def test_while_nothing_happens_the_store_is_read_once_and_not_written(
    shared: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: Any = shared()
    assert held.lease()
    held.publish(snapshot(1))
    held.report(Status(error="told"))
    held.request_refresh()
    used: list[str] = []

    def noted(name: str, access: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: used.append(name) or access(*args)

    for name in ACCESSES:
        monkeypatch.setattr(held, name, noted(name, getattr(held, name)))
    for _ in range(3):  # as the schedule does each second
        held.sync()
        assert held.lease()
    assert used == ["_poll", "_lease"] * 3


def test_a_status_that_was_stored_is_not_stored_again(shared: Open) -> None:
    held = shared()
    assert held.lease()
    held.report(Status(error="mine"))
    shared().report(Status(error="another"))
    assert held.lease() and shared().status().error == "another"


def test_a_leaders_outage_ends_when_it_can_write_again(shared: Open) -> None:
    held = shared()
    assert held.lease()
    with unreachable(held):
        held.report(Status())
    held.sync()
    assert "no route" in held.status().error, "reading works, but nothing has been written"
    assert held.lease() and held.status().error == ""


def test_data_from_another_release_are_replaced_and_not_shown(
    shared: Open, caplog: pytest.LogCaptureFixture
) -> None:
    held = shared()
    shared().publish(snapshot(7))
    held.sync()
    assert held._write(change(snapshot(8), {}), 7)  # type: ignore[attr-defined]
    held.sync()
    for it, rows in ((held, 3), (shared(), 0)):
        found = it.latest()
        assert found and (found.version, found.due) == (8, EPOCH)
        assert found.fault == (
            "The newest stored data are from another release of this dashboard; "
            "the next refresh replaces them."
        )
        assert sum(map(len, found.tables.values())) == rows, "the last good data are kept"
    said = "version 8 in the store is set aside: it was made by another release"
    assert caplog.messages == [said] * 2
    assert held.publish(snapshot(9), over=8)
    found = shared().latest()
    assert found and not found.fault


def test_a_snapshot_without_a_checksum_is_of_another_release(shared: Open) -> None:
    store, head = shared(), older(snapshot(7))[0]
    assert store._write(change(snapshot(7))._replace(manifest=head), None)  # type: ignore[attr-defined]
    found = shared().latest()
    assert found and "another release" in found.fault and not found.tables


READINGS = toy.TABLES["readings"]


@pytest.mark.parametrize(
    "table",
    [
        replace(READINGS, mode="replace"),
        replace(READINGS, key=("time",)),
        replace(READINGS, schema=toy.SCHEMA.update_column("value", dtype=int)),
        replace(READINGS, schema=toy.SCHEMA.rename_columns({"value": "reading"})),
    ],
)
def test_a_table_that_is_declared_otherwise_now_is_read_again(table: Table, shared: Open) -> None:
    shared().publish(snapshot(7))
    found = shared({"readings": table}).latest()
    assert found and found.fault and not found.tables


def test_stored_rows_are_compressed() -> None:
    stored = snapshot(rows=10_000)
    tables = {"readings": stored.tables["readings"].assign(value=1.0)}
    (encoded,) = change(replace(stored, tables=tables)).new.values()
    assert len(encoded) < tables["readings"].memory_usage().sum() / 2


CHECKSUM = "its checksum does not match"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", CHECKSUM),
        (b"0" * 99, CHECKSUM),
        (b"nonsense\nmore", CHECKSUM),
        (b"00000000\n", "subsection not found"),
        (change(snapshot(9)).manifest[:-30], CHECKSUM),
        (with_checksum(b"".join(older(snapshot(9))))[:-300], CHECKSUM),
        (with_checksum(older(snapshot(9))[0]), "pyarrow cannot read it: "),
        (change(snapshot(8)).manifest, "it holds version 8"),
    ],
)
def test_damaged_bytes_are_replaced(
    data: bytes,
    reason: str,
    shared: Open,
    settings: toy.Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = shared()
    before.publish(snapshot(8))
    assert before._write(change(snapshot(9))._replace(manifest=data), 8)  # type: ignore[attr-defined]
    before.sync()
    for it in (before, shared()):
        found = it.latest()
        assert found and (found.version, found.due) == (9, EPOCH)
        said = "The newest stored data are damaged; the next refresh replaces them."
        assert found.fault == freshness.check(settings, it, now_utc()).error == said
    assert len(caplog.messages) == 2, "each process reports it once"
    logged = f"version 9 in the store is damaged and set aside: {reason}"
    assert all(it.startswith(logged) for it in caplog.messages)
    assert len(before.latest().tables["readings"]) == 3  # type: ignore[union-attr]
    assert before.status().error == ""
    assert before.publish(snapshot(10), over=9)


def test_a_store_that_lost_its_data_gets_the_newest_back(
    shared: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    one = shared()
    assert one.lease()
    one.publish(snapshot(5))
    one.report(Status(error="told"))
    for forget in (forget_all, forget_newest):
        forget(one)
        one.sync()
        found = one.latest()
        assert found and found.version == 5, "an older version comes from a backup"
        assert one.lease()
        found = shared().latest()
        assert found and found.version == 5
        said = "version 5 was missing from the store and has been restored"
        assert caplog.messages.count(said) == 1, "once each time"
        caplog.clear()
        assert one.lease() and not caplog.messages


def forget_all(store: Any) -> None:
    if isinstance(store, RedisStore):
        store._redis.flushall()
        store.lease()  # the lease is lost, too
    else:
        (store._folder / "5.json").unlink()


def forget_newest(store: Any) -> None:
    forget_all(store)
    assert store._write(change(snapshot(3)), None)


def test_a_full_redis_is_reported_once(tmp_path: Path, caplog: Any) -> None:
    with redis_server(tmp_path) as url:
        store = opened(url)
        store.lease()
        with redis.Redis.from_url(url) as client:
            client.config_set("maxmemory", 1)
            with pytest.raises(redis.ResponseError):
                store.publish(snapshot(1))
            failed = Status(error="OutOfMemory", failing_since=NOW)
            store.report(failed)
            for _ in range(3):
                store.sync()
                assert "OutOfMemory" in store.status().error
            assert caplog.text.count("cannot be reached") == 1
            client.config_set("maxmemory", 0)
            assert store.publish(snapshot(2))
            store.lease()
            assert opened(url).status() == failed


def test_an_error_about_an_invalid_url_shows_no_password() -> None:
    with pytest.raises(SettingError) as refused:
        opened("redis://:pa/ss@host:6379/0")
    assert str(refused.value) == (
        "store.url is not a valid URL: percent-encode special characters in the password "
        '("%2F" for "/"), and write options as in "?socket_timeout=10".'
    )


def test_an_unwritable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    held = opened((tmp_path / "store").as_uri())
    assert held.latest() is None
    assert "cannot be reached" in held.status().error
    assert not held.lease()


def test_processes_keep_their_data_while_redis_is_unreachable(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        one, other = opened(url), opened(url)
        assert one.lease()
        one.publish(snapshot(1))
        other.sync()
    changes = (Outcome(NOW, 0.25),)
    for it in (one, other):
        it.sync()
        it.request_refresh()
        it.report(Status(changes=changes))
        assert not it.lease()
        assert it.latest(99) is it.latest() is not None
        assert "cannot be reached" in it.status().error
        assert it.status().failing_since is not None
        assert it.status().changes == changes
        with pytest.raises(redis.ConnectionError):
            it.publish(snapshot(2), over=1)
    with redis_server(tmp_path, urlsplit(url).port):  # all its data are lost
        wait_until(lambda: one.lease() or one.sync())
        assert one.status().error == ""
        assert one.publish(snapshot(2), over=1)
        other.sync()
        found = other.latest()
        assert found and found.version == 2 and other.status().error == ""


def test_an_error_names_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)
    monkeypatch.delitem(sys.modules, f"{store.__package__}.file_store", raising=False)
    with pytest.raises(SettingError, match=r"filelock.*\[file\]"):
        opened("file://store")


def test_the_folder_may_be_relative_to_the_working_directory(tmp_path: Path) -> None:
    with chdir(tmp_path):
        opened("file://data/the%20store").publish(snapshot(1))
    assert (tmp_path / "data" / "the store" / "1.json").is_file()


def test_the_previous_version_is_kept_for_processes_that_read_it(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path.as_uri())
    for version in range(8, 13):  # sorted as numbers: 9 comes before 10
        store.publish(snapshot(version, rows=2**version), over=version - 1)
        expected = [it for it in (version - 1, version) if it > 7]
        assert sorted(int(it.stem) for it in tmp_path.glob("*.json")) == expected
        for suffix in ("json", "arrow"):
            made = {int(it.stem.partition("-")[0]) for it in tmp_path.glob(f"*.{suffix}")}
            assert made == {*expected}


def test_a_snapshot_is_on_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise, a power failure could leave an empty file with that name."""
    written, fsync = [], os.fsync

    def record(file: int) -> None:
        fsync(file)
        names = sorted(it.suffix for it in tmp_path.iterdir() if it.suffix != ".tmp")
        written.append((os.fstat(file).st_size, names))

    monkeypatch.setattr(os, "fsync", record)
    opened(tmp_path.as_uri()).publish(snapshot(1))
    (rows,), (manifest,) = (list(tmp_path.glob(it)) for it in ("*.arrow", "*.json"))
    sizes = rows.stat().st_size, manifest.stat().st_size
    assert written == [(sizes[0], []), (sizes[1], [".arrow"])], "the manifest comes last"


def test_a_file_that_another_program_has_open_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where a virus scanner opens each new file."""
    refusals, replace = [PermissionError("it is open")] * 2, Path.replace

    def busy(path: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(path, target)

    monkeypatch.setattr(documents, "TRIES", 2)
    monkeypatch.setattr(Path, "replace", busy)
    store = opened(tmp_path.as_uri())
    assert store.publish(snapshot(1)) and not refusals
    refusals += [PermissionError("it is open")] * 3
    with pytest.raises(PermissionError):
        store.publish(snapshot(2), over=1)
    assert {it.name.partition("-")[0] for it in tmp_path.iterdir()} == {"1.json", "1"}


def test_an_old_version_that_another_program_has_open_is_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(f"{path} is open")

    store = opened(tmp_path.as_uri())
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", busy)
        for version in (1, 2, 3):
            assert store.publish(snapshot(version, rows=version), over=version - 1)
    assert [len(list(tmp_path.glob(it))) for it in ("*.json", "*.arrow")] == [3, 3]
    store.publish(snapshot(4, rows=4), over=3)
    assert {it.name for it in tmp_path.glob("*.json")} == {"3.json", "4.json"}
    assert {it.name[0] for it in tmp_path.glob("*.arrow")} == {"3", "4"}


def test_the_reason_why_a_file_cannot_be_created_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, mode: str) -> None:
        raise OSError("the disk is full")

    store = opened(tmp_path.as_uri())
    monkeypatch.setattr(Path, "open", refused)
    store.report(Status())
    assert store.status().error == "the store cannot be reached: OSError: the disk is full"


def test_a_failed_write_leaves_no_temporary_file_behind(tmp_path: Path) -> None:
    store = opened(tmp_path.as_uri())
    (tmp_path / "status.json").mkdir()
    store.report(Status())
    assert "status.json" in store.status().error
    assert not list(tmp_path.glob("*.tmp"))


def test_dashboards_can_share_a_redis(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        for name, version in (("one", 1), ("two", 2)):
            store = open_store(redis_url, name, toy.TABLES)
            assert store.latest() is None and store.lease()
            store.publish(snapshot(version))
            store.report(Status())
            store.request_refresh()
            store.clear_request(store.refresh_requested())
            names = ("snapshot", "status", "outcomes", "request", "cleared", "lease")
            keys = {f"{name}:{it}" for it in names}
            assert {it.decode() for it in client.keys(f"{name}:*")} == keys
        assert client.dbsize() == 12


def test_another_process_takes_over_from_one_that_has_stopped(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        one, other = opened(redis_url), opened(redis_url)
        for _ in range(2):
            before = time.monotonic()
            assert one.lease()
            left = client.pttl("toy:lease")
            assert 4_990 - 1_000 * (time.monotonic() - before) < left <= 5_000
            client.pexpire("toy:lease", 60_000)  # renewing it sets five seconds again
        assert not other.lease()
        client.delete("toy:lease")  # as it would expire after five seconds
        assert other.lease() and not one.lease() and not one.lease()
        one.release()
        assert other.lease() and not one.lease()


def test_a_lease_that_would_never_expire_is_removed(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        store = opened(redis_url)
        client.set("toy:lease", "another", ex=60)
        assert not store.lease() and not store.lease() and not caplog.messages
        client.persist("toy:lease")
        assert not store.lease()
        assert caplog.messages == ["toy:lease in Redis would never expire: removed"]
        assert store.lease()


def test_a_connection_that_redis_has_closed_is_opened_again(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As at a restart, or by a firewall in between."""
    store = opened(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.client_kill_filter(_type="normal", skipme=True)
    store.sync()
    assert store.status().error == "" and not caplog.messages


def test_a_redis_that_does_not_answer_is_an_outage_after_two_tries() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        try:
            store: Any = pool.submit(opened, url).result(30)
            silent.setblocking(False)
            for _ in range(2):
                silent.accept()[0].close()
            with pytest.raises(BlockingIOError):
                silent.accept()
        finally:
            silent.close()
    assert "cannot be reached: TimeoutError" in store.status().error
    # Nor does it wait for a connection that nobody takes, which cannot be had on loopback.
    assert store._redis.connection_pool.connection_kwargs["socket_connect_timeout"] == 2


def test_many_threads_search_for_a_version_once(
    shared: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: Any = shared()
    held.publish(snapshot(5))
    poll, lags = held._poll, State.lags
    missed, polls = [], []

    def noted(state: State, version: int | None) -> bool:
        if is_missing := lags(state, version):
            missed.append(version)
        return is_missing

    def slow() -> Any:
        polls.append(len(missed))
        wait_until(lambda: len(missed) >= 8)  # most of the threads wait for this search by now
        return poll()

    monkeypatch.setattr(State, "lags", noted)
    monkeypatch.setattr(held, "_poll", slow)
    assert held.latest(5) is held.latest() and not polls, "it is known"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(held.latest, [99] * 8))
    assert len(polls) == 1 and all(it is held.latest() for it in found)


def test_many_threads_can_request_a_refresh_at_once(tmp_path: Path) -> None:
    held = opened((tmp_path / "store").as_uri())
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            list(pool.map(lambda _: held.request_refresh(), range(8)))
    held.sync()
    assert held.refresh_requested() and not held.status().error
    assert not list((tmp_path / "store").glob("*.tmp"))


def test_a_request_made_while_the_store_is_unreachable_is_kept(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        held = opened(url)
    held.sync()
    held.request_refresh()
    with redis_server(tmp_path, urlsplit(url).port):
        wait_until(lambda: held.sync() or not held.status().error)
        other = opened(url)
        assert held.refresh_requested() and other.refresh_requested()


def test_a_request_that_was_cleared_during_an_outage_stays_cleared(shared: Open) -> None:
    """Else each outage after a refresh would cause another one."""
    held, other = shared(), shared()
    other.request_refresh()
    held.sync()
    with unreachable(held):
        held.clear_request(held.refresh_requested())
    held.sync()
    assert not held.refresh_requested()


def test_a_request_made_and_cleared_during_an_outage_does_not_hide_another_one(
    shared: Open,
) -> None:
    held, other = shared(), shared()
    with unreachable(held):
        held.request_refresh()
        held.clear_request(held.refresh_requested())
    other.request_refresh()
    for it in (held, other):
        it.sync()
        assert it.refresh_requested() == other.refresh_requested() != ""


def test_a_request_made_while_an_older_one_is_sent_is_sent_too(
    shared: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: Any = shared()
    write = held._write_request

    def interrupted(request: str) -> None:
        monkeypatch.undo()
        with unreachable(held):
            held.sync()
            held.request_refresh()
        write(request)

    monkeypatch.setattr(held, "_write_request", interrupted)
    held.request_refresh()
    newest = held.refresh_requested()
    held.sync()
    other = shared()
    assert held.refresh_requested() == other.refresh_requested() == newest


def test_a_status_reported_while_an_older_one_is_sent_is_sent_too(
    shared: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: Any = shared()
    assert held.lease()
    write = held._write_status

    def interrupted(data: bytes) -> None:
        monkeypatch.undo()
        with unreachable(held):
            held.report(Status(error="new"))
        write(data)

    monkeypatch.setattr(held, "_write_status", interrupted)
    held.report(Status(error="old"))
    assert held.lease() and held.status().error == shared().status().error == "new"


def test_a_version_that_goes_while_it_is_looked_for_is_not_damaged(
    shared: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Redis may evict it, or another process remove the file."""
    held: Any = shared()
    shared().publish(snapshot(5))
    poll = held._poll

    def polled() -> Any:
        found = poll()
        monkeypatch.undo()
        if isinstance(held, RedisStore):
            held._redis.flushall()
        else:
            (held._folder / "5.json").unlink()
        return found

    monkeypatch.setattr(held, "_poll", polled)
    held.sync()
    assert held.latest() is None and held.status().error == "" and not caplog.messages


def test_a_version_newer_than_the_one_seen_is_not_missing(
    shared: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The previous leader may publish while the next one reads the store."""
    held, other = shared(), shared()
    other.publish(snapshot(1))
    poll = held._poll  # type: ignore[attr-defined]

    def polled() -> Any:
        found = poll()
        monkeypatch.undo()
        other.publish(snapshot(2), over=1)
        return found

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(held, "_poll", polled)
    assert held.lease()
    found = held.latest(2)
    assert found and found.version == 2 and not caplog.messages


@pytest.mark.parametrize("has_lease", [True, False])
def test_a_change_made_during_a_sync_is_kept(
    has_lease: bool, shared: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread makes the change after the sync has read the store."""
    held: Any = shared()
    assert not has_lease or held.lease()
    held.publish(snapshot(1))
    held.report(Status(error="old"))
    held.request_refresh()
    old, poll = held.refresh_requested(), held._poll

    def meanwhile(change: Callable[[], object]) -> None:
        def polled() -> Any:
            found = poll()
            change()
            return found

        with monkeypatch.context() as patched:
            patched.setattr(held, "_poll", polled)
            held.sync()

    meanwhile(lambda: held.report(Status(error="new")))
    assert held.status().error == "new"
    meanwhile(held.request_refresh)
    new = held.refresh_requested()
    assert new != old
    meanwhile(lambda: held.clear_request(new))
    assert not held.refresh_requested()
    other, poll = shared(), held._poll
    other.request_refresh()
    newest = other.refresh_requested()
    meanwhile(lambda: held.clear_request(newest))
    assert not held.refresh_requested(), "the refresh for it has ended"
    meanwhile(lambda: held.publish(snapshot(2), over=1))
    found = held.latest()
    assert found and found.version == 2 and not held._state.needs_republish
    held.sync()
    assert held.status().error == "new" and not held.refresh_requested()


def test_reading_does_not_wait_for_a_slow_store(
    shared: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: Any = shared()
    held.publish(snapshot(1))
    begun, answered, poll = Event(), Event(), held._poll

    def slow() -> Any:
        begun.set()
        assert answered.wait(60)
        return poll()

    monkeypatch.setattr(held, "_poll", slow)
    with ThreadPoolExecutor(2) as pool:
        syncing = pool.submit(held.sync)
        assert begun.wait(60)
        reading = pool.submit(lambda: (held.latest(), held.status(), held.refresh_requested()))
        try:
            found, status, request = reading.result(60)
            assert not syncing.done()
        finally:
            answered.set()
    assert (found.version, status.error, request) == (1, "", "")
