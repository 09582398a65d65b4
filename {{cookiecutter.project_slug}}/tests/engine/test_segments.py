"""Shared stores write and read only the rows that are new."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest
import toy
from stores import NOW, Open, older, opener, snapshot, with_checksum

from {{cookiecutter.project_slug}}.engine import TEXT, UTC, Table
from {{cookiecutter.project_slug}}.engine.data import documents
from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.redis_store import RedisStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot
from {{cookiecutter.project_slug}}.engine.data.status import Outcome, Status
from {{cookiecutter.project_slug}}.engine.data.tables import Batch, Rules, validate
from {{cookiecutter.project_slug}}.engine.settings import Refresh

ANY = {
    "time": pa.Column(UTC),
    "series": pa.Column(TEXT),
    "value": pa.Column(float, nullable=True),
    "count": pa.Column("Int64", nullable=True),
    "note": pa.Column("str", nullable=True),
}
TABLES = {
    "rows": Table(pa.DataFrameSchema(ANY, coerce=True), ("time", "series"), "append"),
    "best": Table(pa.DataFrameSchema({"name": pa.Column(TEXT)}, coerce=True), ("name",), "replace"),
}
START = pd.Timestamp("2026-01-01", tz="UTC")


@pytest.fixture(params=["file", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return opener(request.param, request, tmp_path)


def assert_equal(found: Snapshot | None, expected: Snapshot) -> None:
    """Check that snapshots have equal tables; also the order of the names is the same."""
    assert found and found.version == expected.version and not found.fault
    assert list(found.tables) == list(expected.tables)
    for name, table in expected.tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table)


def batch(rng: random.Random, now: int) -> Batch:
    """Return some rows: usually new ones, sometimes late, corrected or future ones."""
    rows = []
    for _ in range(rng.choice([0, 1, 5, 40])):
        late = rng.choice([0, 0, 0, 0, 1, 30, 900])
        name = f"series {rng.randrange(1 + now // 300)}"
        value = rng.choice([None, 0.0, -0.0, rng.random()])
        note = rng.choice([None, "a", "ä" * rng.randrange(9)])
        time = START + pd.Timedelta(seconds=now - late + rng.randrange(3))
        rows.append((time, name, value, rng.choice([None, 1, 2]), note))
    raw = {"rows": pd.DataFrame(rows, columns=list(ANY))}
    if rng.random() < 0.3:
        raw["best"] = pd.DataFrame({"name": rng.sample("abcdefgh", rng.randrange(6))}, dtype=object)
    zone = toy.Settings.load().app.timezone
    return validate(raw, TABLES, Rules(zone, zone, START + pd.Timedelta(days=9)))


@pytest.mark.parametrize("seed", range(3))
def test_all_processes_have_equal_tables_after_each_refresh(seed: int, shared: Open) -> None:
    rng, held = random.Random(seed), shared(TABLES)
    follows, sometimes = shared(TABLES), shared(TABLES)
    refresh = Refresh(history=timedelta(minutes=20), overlap=timedelta(0))
    for now in range(0, 6_000, 120):
        if rng.random() < 0.03:
            now += 3_000  # after a gap, older rows go all at once
        clock = START + pd.Timedelta(seconds=now)
        before = held.latest()
        update = merge(before, batch(rng, now), TABLES, NOW, clock.to_pydatetime(), refresh)
        if update.snapshot is before:
            continue
        assert held.publish(update.snapshot, over=before.version if before else None)
        follows.sync()
        assert_equal(follows.latest(), update.snapshot)
        if rng.random() < 0.2:
            sometimes.sync()
            assert_equal(sometimes.latest(), update.snapshot)
            assert_equal(shared(TABLES).latest(), update.snapshot)
        if rng.random() < 0.05:  # another process takes over
            held, follows = follows, held
            follows.sync()


def grown(rows: int) -> list[Snapshot]:
    """Return snapshots of which each has a few more rows."""
    whole = snapshot(rows=rows + 500).tables["readings"]
    return [
        replace(snapshot(number), tables={"readings": whole.iloc[: rows + 5 * number]})
        for number in range(1, 61)
    ]


def test_new_rows_cost_no_more_in_a_long_history(
    shared: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = shared(), shared()
    written, read = list[int](), list[int]()
    for store, name, sizes in ((writer, "_write", written), (reader, "_read_segments", read)):
        access = getattr(store, name)

        def noted(given: Any, *more: Any, access: Any = access, sizes: Any = sizes) -> Any:
            found = access(given, *more)
            blobs = given.new.values() if sizes is written else found
            sizes.append(sum(map(len, blobs)))
            return found

        monkeypatch.setattr(store, name, noted)
    for made in grown(2_000):
        assert writer.publish(made, over=made.version - 1)
        reader.sync()
        assert_equal(reader.latest(), made)
        assert len(writer._state.parts["readings"].segments) <= 8  # type: ignore[attr-defined]
    assert written == read
    assert sum(written[1:]) < len(written) * written[0] / 10
    assert written.count(max(written)) == 1, "the history is written once"


def test_a_snapshot_of_an_older_release_is_read_and_then_replaced(shared: Open) -> None:
    store: Any = shared()
    first = grown(50)[6]
    data = with_checksum(b"".join(older(first)))
    if isinstance(store, RedisStore):
        store._redis.hset(store._snapshot_key, mapping={"version": 7, "data": data})
    else:
        (store._folder / "7.arrow").write_bytes(data)
    held = shared()
    assert_equal(held.latest(), first)
    for made in grown(50)[7:9]:
        assert held.publish(made, over=made.version - 1)
        for it in (held, store, shared()):
            it.sync()
            assert_equal(it.latest(), made)
    if not isinstance(store, RedisStore):
        assert not (store._folder / "7.arrow").exists()


def segments_of(store: Any) -> list[tuple[Callable[[], Any], Callable[[bytes], Any]]]:
    """Return functions that remove and damage each segment, the oldest first."""
    if not isinstance(store, RedisStore):
        paths = sorted(store._folder.glob("*.arrow"), key=lambda it: int(it.stem.partition("-")[0]))
        return [(it.unlink, it.write_bytes) for it in paths]
    client, key = store._redis, store._snapshot_key
    names = sorted(
        {*client.hkeys(key)} - {b"version", b"data"}, key=lambda it: int(it.split(b"-")[0])
    )
    return [
        (lambda it=it: client.hdel(key, it), lambda data, it=it: client.hset(key, it, data))
        for it in names
    ]


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("how", ["removed", "damaged"])
def test_a_missing_segment_is_restored(which: int, how: str, shared: Open) -> None:
    leader: Any = shared()
    assert leader.lease()
    first, second, third = grown(1_000)[:3]
    leader.publish(first)
    leader.publish(second, over=1)
    remove, damage = segments_of(leader)[which]
    remove() if how == "removed" else damage(b"nonsense")
    found = shared().latest()
    assert found and "damaged" in found.fault and not found.tables
    leader.sync()
    assert leader.lease(), "the leader still has all rows, and writes them again"
    other = shared()
    assert_equal(other.latest(), second)
    assert leader.publish(third, over=2)
    other.sync()
    assert_equal(other.latest(), third)


def test_a_missing_segment_is_noticed_by_the_next_publication(shared: Open) -> None:
    leader: Any = shared()
    first, second = grown(1_000)[:2]
    leader.publish(first)
    segments_of(leader)[0][0]()
    assert not leader.publish(second, over=1), "nobody could read it"
    leader.sync()
    assert leader.publish(second, over=1)
    assert_equal(shared().latest(), second)


def test_a_segment_that_goes_while_it_is_read_is_not_damaged(
    shared: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process has read an older manifest; it reads the newer one next time."""
    leader, held = shared(), shared()
    made = grown(10)
    leader.publish(made[0])
    read = held._read  # type: ignore[attr-defined]

    def slowly(version: int) -> Any:
        data = read(version)
        monkeypatch.undo()
        for it in made[1:9]:
            reversed_rows = {"readings": it.tables["readings"][::-1]}
            assert leader.publish(replace(it, tables=reversed_rows), over=it.version - 1)
        return data

    monkeypatch.setattr(held, "_read", slowly)
    held.sync()
    assert held.latest() is None and not caplog.messages
    held.sync()
    found = held.latest()
    assert found and found.version == 9 and not found.fault


def test_a_store_that_was_set_back_is_read_again(shared: Open) -> None:
    """As when a Redis that lacks the last version takes over, and then another process leads."""
    one: Any = shared()
    first, second, third = grown(1_000)[:3]
    one.publish(first)
    other = shared()
    if isinstance(one, RedisStore):
        client, key = one._redis, one._snapshot_key
        content = client.hgetall(key)
    corrected = second.tables["readings"]
    corrected.loc[990:, "value"] = 0.0
    one.publish(replace(second, tables={"readings": corrected}), over=1)
    if isinstance(one, RedisStore):
        client.delete(key)
        client.hset(key, mapping=content)
    else:
        (one._folder / "2.json").unlink()
    assert other.publish(third, over=1)
    for it in (one, other, shared()):
        it.sync()
        assert_equal(it.latest(), third)


def named(version: int, rows: int, last: str, names: list[str]) -> Snapshot:
    """Return rows of the series "a", and a last one of another series."""
    made = snapshot(version, rows)
    series = pd.Categorical(["a"] * (rows - 1) + [last], names)
    return replace(made, tables={"readings": made.tables["readings"].assign(series=series)})


def test_names_are_read_again_if_the_store_was_set_back(shared: Open) -> None:
    """The lost version had dropped a name that no row had, and that the next version uses."""
    one: Any = shared()
    one.publish(named(1, 1_000, "a", ["a", "b"]))
    other = shared()
    if isinstance(one, RedisStore):
        client, key = one._redis, one._snapshot_key
        content = client.hgetall(key)
    one.publish(named(2, 1_001, "c", ["a", "c"]), over=1)
    if isinstance(one, RedisStore):
        client.delete(key)
        client.hset(key, mapping=content)
    else:
        (one._folder / "2.json").unlink()
    third = named(3, 1_001, "b", ["a", "b"])
    assert other.publish(third, over=1)
    for it in (one, other, shared()):
        it.sync()
        assert_equal(it.latest(), third)


def test_the_order_of_names_is_stored_though_pandas_ignores_it(shared: Open) -> None:
    """Colors follow it."""
    leader, follower = shared(), shared()
    for version, names in enumerate((["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]), 1):
        made = named(version, 999 + version // 2, "b", names)
        assert leader.publish(made, over=version - 1)
        follower.sync()
        for it in (leader, follower, shared()):
            assert_equal(it.latest(), made)


def test_what_a_process_reads_is_appended_without_copying(shared: Open) -> None:
    leader, follower = shared(), shared()
    found = list[int]()
    for made in grown(1_000)[:9]:
        assert leader.publish(made, over=made.version - 1)
        follower.sync()
        latest = follower.latest()
        assert_equal(latest, made)
        assert latest
        found.append(latest.tables["readings"]["value"].to_numpy().ctypes.data)
    assert len(set(found[1:6])) == 1, "until there is no more room"


@pytest.mark.parametrize("segments", [1, 3])
def test_a_table_from_the_store_may_be_changed_when_nobody_else_has_it(
    segments: int, tmp_path: Path
) -> None:
    """pandas cannot write to the memory of pyarrow."""
    store = opener("file", pytest.FixtureRequest, tmp_path)  # type: ignore[arg-type]
    leader: Any = store()
    for made in grown(1_000)[:segments]:
        assert leader.publish(made, over=made.version - 1)
    found = store().latest()
    assert found
    data = found.tables["readings"]
    del found
    data.loc[0, "time"], data.loc[0, "series"], data.loc[0, "value"] = START, "series 1", 5.0
    assert list(data.iloc[0]) == [START, "series 1", 5.0]


def test_segments_that_go_soonest_are_read_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base may take long to read; meanwhile, small segments are merged and removed."""
    store = opener("file", pytest.FixtureRequest, tmp_path)  # type: ignore[arg-type]
    leader: Any = store()
    made = grown(2_000)
    for it in made[:4]:
        assert leader.publish(it, over=it.version - 1)
    base = min(leader._folder.glob("*.arrow"), key=lambda it: int(it.stem.partition("-")[0]))

    def slowly(path: Path) -> bytes | None:
        if path == base:
            monkeypatch.undo()
            for it in made[4:20]:
                assert leader.publish(it, over=it.version - 1)
        return documents.read_file(path)

    monkeypatch.setattr(f"{type(leader).__module__}.read_file", slowly)
    assert_equal(store().latest(), made[3])


def test_a_reader_sees_the_old_state_until_the_manifest_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after kill -9 at that moment; what was written so far is removed later."""
    store = opener("file", pytest.FixtureRequest, tmp_path)  # type: ignore[arg-type]
    held: Any = store()
    first, second, third = grown(1_000)[:3]
    held.publish(first)

    def killed(path: Path, data: bytes) -> None:
        assert path.suffix == ".arrow"
        documents.replace_file(path, data)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"{type(held).__module__}.replace_file", killed)
        with pytest.raises(KeyboardInterrupt):
            held.publish(second, over=1)
    again = store()
    assert_equal(again.latest(), first)
    assert again.publish(third, over=1)
    assert_equal(store().latest(), third)
    left = {it.stem for it in held._folder.glob("*.arrow")}
    assert {int(it.partition("-")[0]) for it in left} == {1, 3}


def test_a_refresh_that_brings_nothing_new_writes_a_short_status(
    shared: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: Any = shared()
    changes = tuple(Outcome(NOW, 0.25, rows=it) for it in range(50))
    failures = tuple(Outcome(NOW, 0.25, error="it failed " * 10) for _ in range(50))
    status = Status(NOW, refreshed=NOW, due=NOW, changes=changes, failures=failures)
    held.report(status)
    write, sizes = held._write_status, list[int]()

    def noted(data: bytes) -> None:
        sizes.append(len(data))
        write(data)

    monkeypatch.setattr(held, "_write_status", noted)
    monkeypatch.setattr(held, "_write_outcomes", None)
    later = replace(status, refreshed=NOW + timedelta(seconds=2))
    for _ in range(3):
        held.report(later)
        held.sync()
    assert max(sizes) < 1_000 and len(sizes) == 3
    monkeypatch.undo()
    assert shared().status() == later
    if isinstance(held, RedisStore):
        held._redis.flushall()
    else:
        (held._folder / "outcomes.json").unlink()
    held.sync()
    held.report(status)
    assert shared().status() == status, "they were lost, and are written again"
