"""Shared stores recover from damaged data, lost folders and a misbehaving Redis."""

import os
import random
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import redis
import toy
from helpers import redis_server, wait_until
from stores import NOW, Open, opened, opener, snapshot

from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.redis_store import RedisStore
from {{cookiecutter.project_slug}}.engine.data.store import Store
from {{cookiecutter.project_slug}}.engine.data.tables import Batch
from {{cookiecutter.project_slug}}.engine.refresh.scheduler import Scheduler
from {{cookiecutter.project_slug}}.engine.settings import AnySettings, Refresh

FLIPS = int(os.environ.get("FLIPS", "60"))  # bits to flip, one at a time
SEED = int(os.environ.get("FLIPS_SEED", "1"))


@pytest.fixture(params=["file", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return opener(request.param, request, tmp_path)


class Scheduled:
    """A store with a schedule that the test advances step by step."""

    def __init__(self, settings: AnySettings, store: Store) -> None:
        self.store = store
        self._schedule = Scheduler(settings, store, toy.DASHBOARD.pipeline, ThreadPoolExecutor(1))

    def is_healthy(self) -> bool:
        """Advance; return whether the store was refreshed without an error."""
        self._schedule.tick()
        found = self.store.latest()
        refreshed = self.store.status().refreshed is not None
        return bool(found and not found.fault and refreshed and not self.store.status().error)

    def fails(self, words: str) -> bool:
        """Advance; return whether the store reports this error."""
        self._schedule.tick()
        return words in self.store.status().error

    def stop(self) -> None:
        self._schedule.stop()


@pytest.fixture
def scheduled(settings: AnySettings) -> Iterator[Callable[[Store], Scheduled]]:
    """Start schedules for stores, and stop them afterwards."""
    started: list[Scheduled] = []

    def start(store: Store) -> Scheduled:
        started.append(Scheduled(settings, store))
        return started[-1]

    yield start
    for it in started:
        it.stop()


def stored(store: Any) -> tuple[bytes, Callable[[bytes], object]]:
    """Return a store's bytes, after the version if it can be damaged, and their setter."""
    if isinstance(store, RedisStore):
        client, key = store._redis, store._snapshot_key
        values = dict(sorted(client.hgetall(key).items(), reverse=True))  # version, data, segment
    else:
        paths = [*store._folder.glob("*.json"), *store._folder.glob("*.arrow")]
        values = {path: path.read_bytes() for path in paths}

    def change(content: bytes) -> None:
        for name, value in values.items():
            new, content = content[: len(value)], content[len(value) :]
            client.hset(key, name, new) if isinstance(store, RedisStore) else name.write_bytes(new)

    return b"".join(values.values()), change


def forget(store: Any) -> None:
    if isinstance(store, RedisStore):
        store._redis.delete(store._snapshot_key)
    else:
        shutil.rmtree(store._folder)


def test_the_next_refresh_repairs_a_flipped_bit(
    shared: Open,
) -> None:
    rng, seen = random.Random(SEED), Counter[str]()
    good = snapshot(1_700_000_000_000, rows=300)
    for number in range(FLIPS):
        store: Any = shared()
        store.publish(good)
        content, change = stored(store)
        # Every tenth bit is in the version or the checksum, which come first.
        bit = rng.randrange(8 * (30 if number % 10 == 0 else len(content)))
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        change(bytes(flipped))

        store = shared()
        assert store.lease()
        found = store.latest()
        assert found
        seen["set aside" if found.fault else "unharmed"] += 1
        if found.fault:
            assert not found.tables, f"bit {bit}"
        else:
            assert_same(found.tables, good.tables)
        update = merge(found, Batch(dict(good.tables)), toy.TABLES, NOW, NOW, Refresh())
        if update.snapshot is not found:
            assert store.publish(update.snapshot, over=found.version), f"bit {bit}"
        store.release()
        repaired = shared().latest()
        assert repaired and not repaired.fault, f"bit {bit}"
        assert_same(repaired.tables, good.tables)
        forget(shared())
    print(f"{FLIPS} bits flipped: {dict(seen)}")


def assert_same(found: Any, expected: Any) -> None:
    assert list(found) == list(expected)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table)


def test_a_snapshot_stored_under_another_version_is_damaged(
    shared: Open, scheduled: Callable[[Store], Scheduled]
) -> None:
    store: Any = shared()
    store.publish(snapshot(7))
    if isinstance(store, RedisStore):
        store._redis.hset(store._snapshot_key, "version", 8)
    else:
        (store._folder / "7.json").rename(store._folder / "8.json")
    again = shared()
    found = again.latest()
    assert found and "damaged" in found.fault and not found.tables
    wait_until(scheduled(again).is_healthy)


def test_a_damaged_request_is_cleared_once(shared: Open) -> None:
    store: Any = shared()
    if isinstance(store, RedisStore):
        store._redis.set(store._request_key, b"\xff\xfe")
    else:
        (store._folder / "request").write_bytes(b"\xff\xfe")
    store.sync()
    assert store.refresh_requested()
    store.clear_request(store.refresh_requested())
    store.sync()
    assert not store.refresh_requested(), "else the source would be read forever"


WRONG = [
    "HSET {}:snapshot version nonsense",
    "HSET {}:snapshot version 0x7fffffff",
    "HSET {}:snapshot version 99999999999999999999",
    "HSET {}:snapshot version 999999999999999",
    "HSET {}:snapshot data nonsense",
    "HDEL {}:snapshot data",
    "HDEL {}:snapshot version",
    "SET {}:snapshot nonsense",
    "RPUSH {}:snapshot nonsense",
    "SET {}:status nonsense",
    "RPUSH {}:status nonsense",
    "SET {}:status []",
    "SET {}:outcomes nonsense",
    "RPUSH {}:outcomes nonsense",
    "SADD {}:request nonsense",
    "SADD {}:cleared nonsense",
    "SET {}:lease nonsense",
    "RPUSH {}:lease nonsense",
]


@pytest.mark.parametrize("command", WRONG)
def test_wrong_values_in_redis_are_repaired(
    command: str, redis_url: str, scheduled: Callable[[Store], Scheduled]
) -> None:
    words = command.format(toy.NAME).split()
    with redis.Redis.from_url(redis_url) as client:
        for has_started in (False, True):
            client.flushall()
            opened(redis_url).publish(snapshot(1))
            running = scheduled(opened(redis_url)) if has_started else None
            if words[0] in ("SET", "RPUSH", "SADD"):
                client.delete(words[1])
            client.execute_command(*words)
            running = running or scheduled(opened(redis_url))
            running.store.latest(9)  # as for a page that saw it on another server
            wait_until(running.is_healthy)
            wait_until(lambda it=running: it.is_healthy() and is_the_same(redis_url, it.store))
            running.stop()


def is_the_same(url: str, store: Store) -> bool:
    """Whether a server that starts now has the same data and no error."""
    other = opened(url)
    found, held = other.latest(), store.latest()
    same = found and held and found.version == held.version
    return bool(same and found and not found.fault and not other.status().error)


def test_a_version_that_does_not_exist_is_searched_for_once(
    redis_url: str, settings: AnySettings
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        store = opened(redis_url)
        store.publish(snapshot(5))
        app, _ = toy.DASHBOARD.build(settings, toy.create_app, store)
        page = app.server.test_client()
        client.config_resetstat()
        for _ in range(100):
            assert page.get("/_live?version=9999999999999999999").status_code == 200
        assert client.info("commandstats")["cmdstat_hget"]["calls"] == 1
        opened(redis_url).publish(snapshot(6), over=5)
        assert page.get("/_live?version=6").get_json()["version"] == 6


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder with an open file")
def test_there_is_one_leader_after_the_folder_is_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    one, other = opened(folder.as_uri()), opened(folder.as_uri())
    assert one.lease() and not other.lease()
    one.publish(snapshot(5))
    other.sync()
    for first, second in ((one, other), (other, one)):
        shutil.rmtree(folder)
        for it in (first, second):
            it.sync()
        assert [it.lease() for it in (first, second)] == [True, False]
        assert [it.lease() for it in (second, first)] == [False, True]
        found = opened(folder.as_uri()).latest()
        assert found and found.version == 5, "the leader writes it again"


def test_foreign_files_in_the_folder_are_ignored(
    tmp_path: Path, scheduled: Callable[[Store], Scheduled]
) -> None:
    folder = tmp_path / "store"
    (folder / "9000000000000.arrow").mkdir(parents=True)
    versions = "99999999999999999999", "999999999999999", "09999999999999"
    names = [f"{it}.{suffix}" for it in versions for suffix in ("arrow", "json")]
    for name in (*names, "notes.arrow", "notes-1-00000000.arrow", "notes.json", "9.txt"):
        (folder / name).write_text("not a snapshot", "utf-8")
    left, new = folder / "7.arrow.killed.tmp", folder / "8.arrow.running.tmp"
    for path in (left, new):
        path.touch()
    os.utime(left, times=(time.time() - 3600,) * 2)
    wait_until(scheduled(opened(folder.as_uri())).is_healthy)
    assert not left.exists() and new.exists(), "another process may still write to it"
    assert (folder / "notes-1-00000000.arrow").exists()
    found = opened(folder.as_uri()).latest()
    assert found and not found.fault and found.tables


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only, even for root."""
    mount = ["mount", "--bind", str(folder), str(folder)]
    if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(mount).returncode:
        pytest.skip("only root can mount a folder, on Linux")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_folder_that_becomes_read_only_is_reported_and_recovers(
    tmp_path: Path, scheduled: Callable[[Store], Scheduled], caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "store"
    running = scheduled(opened(folder.as_uri()))
    wait_until(running.is_healthy)
    before = running.store.latest()
    with read_only(folder):
        running.store.request_refresh()
        wait_until(lambda: running.fails("Read-only file system"))
        for _ in range(3):
            assert running.fails("Read-only file system")
        assert running.store.latest() is before
        started = scheduled(opened(folder.as_uri()))
        found = started.store.latest()
        assert found and before and found.version == before.version
        assert started.fails("") and not started.store.lease()
        assert caplog.text.count("cannot be reached") <= 3, "each process reports it once"
    running.store.request_refresh()
    wait_until(running.is_healthy)


@pytest.mark.skipif(os.name == "nt", reason="Windows allows symbolic links to some users only")
def test_a_folder_may_be_a_symbolic_link(
    tmp_path: Path, scheduled: Callable[[Store], Scheduled]
) -> None:
    link = tmp_path / "link"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link.symlink_to(tmp_path / "one")
    running, other = scheduled(opened(link.as_uri())), opened(link.as_uri())
    wait_until(running.is_healthy)
    assert not other.lease()
    link.unlink()
    link.symlink_to(tmp_path / "two")
    wait_until(lambda: running.is_healthy() and list((tmp_path / "two").glob("*.arrow")))
    assert not other.lease() and not other.lease()


@contextmanager
def password(client: Any, _folder: Path) -> Iterator[None]:
    """Change the password, and close all connections."""
    client.config_set("requirepass", "another")
    client.client_kill_filter(_type="normal", skipme=True)
    yield
    client.config_set("requirepass", "")


@contextmanager
def replica(client: Any, folder: Path) -> Iterator[None]:
    """Make Redis a read-only replica."""
    (other := folder / "other").mkdir()
    with redis_server(other) as url:
        with redis.Redis.from_url(url) as primary:
            primary.flushall()
            client.replicaof("127.0.0.1", url.rpartition(":")[2].partition("/")[0])
            wait_until(lambda: client.info("replication")["master_link_status"] == "up")
            yield
        client.replicaof("NO", "ONE")


@contextmanager
def no_memory(client: Any, _folder: Path) -> Iterator[None]:
    client.config_set("maxmemory", 1)
    yield
    client.config_set("maxmemory", 0)


@pytest.mark.parametrize(
    ("fault", "words"),
    [(password, "AuthenticationError"), (replica, "ReadOnlyError"), (no_memory, "OutOfMemory")],
)
def test_rejected_redis_commands_are_reported_once_until_recovery(
    fault: Any,
    words: str,
    tmp_path: Path,
    scheduled: Callable[[Store], Scheduled],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        running = scheduled(opened(url))
        wait_until(running.is_healthy)
        before = running.store.latest()
        with fault(client, tmp_path):
            running.store.request_refresh()
            wait_until(lambda: running.fails(words))
            for _ in range(5):
                assert running.fails(words)
            assert running.store.latest() is before
            assert caplog.text.count("cannot be reached") <= 2, "for writing and for the lease"
            assert "the store is back" not in caplog.text
        wait_until(running.is_healthy)
        other = opened(url).latest()
        assert other and before and other.version >= before.version


def test_evicted_data_are_written_again(
    tmp_path: Path, scheduled: Callable[[Store], Scheduled]
) -> None:
    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        running = scheduled(opened(url))
        wait_until(running.is_healthy)
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 1_000_000)
        for _ in range(3):
            for number in count():
                client.set(f"theirs {number % 100}", os.urandom(20_000))
                if not client.exists(f"{toy.NAME}:snapshot"):
                    break
            wait_until(lambda: running.is_healthy() and client.exists(f"{toy.NAME}:snapshot"))


def test_a_snapshot_too_large_for_redis_is_reported(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.config_set("proto-max-bulk-len", "1mb")
        store = opened(url)
        assert store.lease()
        store.publish(snapshot(1))
        with pytest.raises((redis.RedisError, OSError)):
            store.publish(snapshot(2, rows=200_000), over=1)
        found = store.latest()
        assert found and found.version == 1
        assert re.search(
            r"Redis does not accept \d,\d{3},\d{3} bytes: raise its proto-max-bulk-len, "
            r"or shorten refresh\.history$",
            store.status().error,
        )
        client.config_set("proto-max-bulk-len", "512mb")
        assert store.publish(snapshot(3, rows=200_000), over=1)
        assert store.status().error == ""
