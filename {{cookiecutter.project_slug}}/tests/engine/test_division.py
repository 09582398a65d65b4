"""The readings of each series, as views get them."""

from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import toy
from tsdownsample import MinMaxLTTBDownsampler

from {{cookiecutter.project_slug}}.engine.data import shown as registry
from {{cookiecutter.project_slug}}.engine.data.access import Data
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.points import Columns, Selected
from {{cookiecutter.project_slug}}.engine.data.shown import points, present
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot, Tables
from {{cookiecutter.project_slug}}.engine.data.tables import Batch
from {{cookiecutter.project_slug}}.engine.figures import lines
from {{cookiecutter.project_slug}}.engine.figures.quantiles import quantiles
from {{cookiecutter.project_slug}}.engine.settings import Refresh

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
SHARES = [0.05, 0.25, 0.5, 0.75, 0.95]


def frame(seconds: Any, names: Any, values: Any, categories: list[str]) -> pd.DataFrame:
    """Return readings, sorted by time."""
    time = pd.to_datetime(NOW) + pd.to_timedelta(seconds, unit="s")
    series = pd.Categorical(names, categories)
    data = pd.DataFrame({"time": time, "series": series, "value": np.asarray(values, float)})
    data = data.astype({"time": "datetime64[us, UTC]"})
    return data.sort_values("time", kind="stable", ignore_index=True)


def expected(data: pd.DataFrame) -> dict[str, tuple[list[int], list[float]]]:
    """Return the readings of each series by masks, as plain pandas does."""
    own = {it: data[(data["series"] == it).to_numpy()] for it in data["series"].cat.categories}
    time = {it: rows["time"].to_numpy("datetime64[us]").astype("int64") for it, rows in own.items()}
    return {it: (time[it].tolist(), rows["value"].tolist()) for it, rows in own.items()}


def found(data: pd.DataFrame) -> dict[str, tuple[list[int], list[float]]]:
    return {name: (own.time.tolist(), own.value.tolist()) for name, own in points(data).items()}


def is_shared(data: pd.DataFrame) -> bool:
    """Return whether the readings are those of the snapshot, not copied for this call."""
    return not isinstance(points(data), Selected)


def check(data: pd.DataFrame) -> None:
    assert found(data) == expected(data)
    assert present(data) == set(data["series"].astype(object))


@pytest.fixture(autouse=True)
def divide_short_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "LONG", 1)


def shown(data: pd.DataFrame, **others: pd.DataFrame) -> Tables:
    store = MemoryStore(Snapshot(1, NOW, NOW, {"readings": data, **others}))
    return Data(store, toy.TABLES).tables()


READINGS = frame(
    [0, 0, 0, 1, 1, 2, 2, 2, 2, 5, 5, 9], [*"abcabaabcaba"], range(12), ["a", "b", "c"]
)


def test_each_series_has_its_readings() -> None:
    tables = shown(READINGS)
    data = tables["readings"]
    check(data)
    assert is_shared(data)
    before = points(data)["a"]
    assert before.time is points(tables["readings"])["a"].time, "computed once"
    assert not before.time.flags.writeable and not before.value.flags.writeable
    for start in range(len(data)):
        for end in range(start, len(data) + 1):
            check(data.iloc[start:end])
            assert is_shared(data.iloc[start:end]) == (end > start)


def test_other_rows_are_selected_anew() -> None:
    tables = shown(READINGS)
    data = tables["readings"]
    others = [
        data[data["series"].isin(["a", "c"])],
        data.iloc[::-1].sort_values("time", kind="stable"),
        data.iloc[::2],
        data.assign(value=data["value"] * 2),
        data.assign(time=data["time"] + timedelta(hours=1)),
        data.assign(value=data["value"].shift(1, fill_value=0.0)),
        data.assign(series=data["series"].cat.add_categories("d")),
        data.assign(series=data["series"].cat.reorder_categories(["c", "b", "a"])),
        data.copy(deep=True),
        data.iloc[:0],
        data.iloc[3:4],
    ]
    for it in others:
        check(it)
    assert [is_shared(it) for it in others] == [False] * 10 + [True]
    renamed = data.assign(series=data["series"].cat.rename_categories({"a": "x"}))
    check(renamed)
    changed = tables["readings"]
    changed.loc[0, "value"] = 99.0
    check(changed)
    check(tables["readings"])


def test_only_tables_of_readings_with_long_series_are_divided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = shown(READINGS, other=pd.DataFrame({"time": [1], "value": [2]}))
    assert is_shared(tables["readings"])
    for changed in ({"time": "datetime64[ns, UTC]"}, {"value": "int64"}, {"series": "object"}):
        shown(READINGS.astype(changed))
    data = shown(READINGS.astype({"time": "datetime64[ns, UTC]"}))["readings"]
    check(data)
    monkeypatch.setattr(registry, "LONG", 5)
    tables = shown(READINGS)
    check(tables["readings"])
    assert not is_shared(tables["readings"])


def test_nothing_is_kept_longer_than_a_snapshot_is_shown() -> None:
    before = len(registry.SHOWN)
    tables = shown(READINGS)
    assert len(registry.SHOWN) == before + 1
    data = tables["readings"]
    del tables
    assert len(registry.SHOWN) == before
    check(data)


def test_readings_follow_all_changes_of_a_table() -> None:
    rng, names = np.random.default_rng(1), [*"abcdefghijklmnopqrstuvw"]
    store = MemoryStore()
    data, all_shown = Data(store, toy.TABLES), []
    for turn in range(120):
        size, since = int(rng.integers(1, 12)), -2 if turn % 4 else -30
        seconds = turn * 5 - 5000 + rng.integers(since, 5, size)
        known = names[: 3 + turn // 6] if turn % 10 else ["a"]
        rows = frame(seconds, rng.choice(known, size), rng.integers(0, 4, size), known)
        batch = Batch({"readings": rows.drop_duplicates(["time", "series"], keep="last")})
        refresh = Refresh(history=timedelta(seconds=300))
        now = NOW + timedelta(seconds=turn * 5 - 5000 + 5)
        store.publish(merge(store.latest(), batch, toy.TABLES, now, now, refresh).snapshot)
        tables = data.tables()
        all_shown.append(tables)
        if turn % 3 == 0:
            continue  # no view needs this one now
        readings = tables["readings"]
        check(readings)
        assert is_shared(readings)
        start, end = sorted(rng.integers(0, len(readings) + 1, 2))
        check(readings.iloc[start:end])
    for tables in all_shown:
        check(tables["readings"])


def test_a_view_of_an_older_snapshot_gets_its_readings() -> None:
    store = MemoryStore(Snapshot(1, NOW, NOW, {"readings": READINGS}))
    data = Data(store, toy.TABLES)
    older = data.tables()
    store.publish(Snapshot(2, NOW, NOW, {"readings": READINGS.iloc[:7].assign(value=1.0)}))
    newer = data.tables()
    check(newer["readings"])
    check(older["readings"])
    assert is_shared(newer["readings"]) and is_shared(older["readings"])


def test_a_change_of_a_table_that_is_no_longer_shown_changes_no_readings() -> None:
    """Nobody else has that table any more, so pandas changes it in place."""
    store = MemoryStore(Snapshot(1, NOW, NOW, {"readings": READINGS.copy(deep=True)}))
    source = Data(store, toy.TABLES)
    changed = source.tables()["readings"]
    check(changed)
    corrected = READINGS.copy(deep=True)
    corrected.loc[3, "value"] = 99.0
    store.publish(Snapshot(2, NOW, NOW, {"readings": corrected}))
    tables = source.tables()
    changed.loc[3, "value"] = 99.0
    check(tables["readings"])
    assert is_shared(tables["readings"])


def test_views_in_many_threads_get_the_readings_of_their_own_snapshot() -> None:
    store = MemoryStore()
    source, refresh = Data(store, toy.TABLES), Refresh(history=timedelta(seconds=40))
    stopping, failed = Event(), list[BaseException]()

    def draw() -> None:
        try:
            while not stopping.is_set():
                data = source.tables()["readings"]
                for it in (data, data.iloc[len(data) // 3 :]):
                    assert found(it) == expected(it)
                if len(data):
                    data.loc[0, "value"] = -1.0
        except BaseException as error:
            failed.append(error)
            raise

    threads = [Thread(target=draw) for _ in range(4)]
    for it in threads:
        it.start()
    for turn in range(150):
        late = 3 if turn % 7 == 0 else 0
        rows = frame([turn - late, turn], ["a", "bc"[turn % 2]], [turn, turn], ["a", "b", "c"])
        now = NOW + timedelta(seconds=turn)
        update = merge(store.latest(), Batch({"readings": rows}), toy.TABLES, now, now, refresh)
        store.publish(update.snapshot)
        if turn % 20 == 0:
            registry.release()
        sleep(0.001)
    stopping.set()
    for it in threads:
        it.join()
    assert not failed


@pytest.mark.parametrize("count", [1, 2, 3, 1000, 20_001, 60_000])
def test_quantiles_are_those_of_numpy_to_the_last_bit(count: int) -> None:
    rng = np.random.default_rng(count)
    drawn = [
        rng.normal(50, 10, count),
        rng.integers(0, 3, count).astype(float),
        np.full(count, 0.1),
        np.sort(rng.exponential(1e-9, count)),
        np.where(rng.random(count) < 0.5, -1e308, 1e308),
        np.exp(rng.normal(0, 50, count)),
        np.append(rng.random(count - 1), np.nan),
        np.append(rng.random(count - 1), np.inf),
    ]
    for values in drawn:
        values.flags.writeable = False
        for shares in (SHARES, [0.5], [0.0, 1.0], [0.4999, 0.5, 0.5001]):
            with np.errstate(all="ignore"):
                expected, found = np.quantile(values, shares), quantiles(values, shares)
            np.testing.assert_array_equal(found, expected)


def before(time: Any, value: Any, usual: int, factor: float) -> tuple[Any, Any, Any, float]:
    """Return what the line of a series was computed to be before gaps were found by blocks."""
    distances = np.diff(time)
    gaps = np.flatnonzero(distances > lines.FAR * usual) if usual else lines.NONE
    if len(gaps) > lines.MOST:
        gaps = gaps[distances[gaps] > (time[-1] - time[0]) / lines.MOST]
    if len(gaps):
        near = distances[np.clip(gaps[:, None] + lines.NEAR, 0, len(distances) - 1)]
        gaps = gaps[distances[gaps] > lines.FAR * np.median(near, axis=1)]
    kept = np.arange(len(time))
    if len(time) > lines.POINTS:
        count = lines.POINTS - 3 * len(gaps)
        kept = MinMaxLTTBDownsampler().downsample(time, value, n_out=count).astype(int)
        kept = np.unique(np.concatenate([kept, gaps, gaps + 1]))
    moments = pd.to_datetime(time[kept], unit="us", utc=True)
    x, y = lines.wall_clock(moments, ZONE), value[kept] * factor
    ends = np.searchsorted(kept, gaps)
    x, y = np.insert(x, ends + 1, x[ends]), np.insert(y, ends + 1, np.nan)
    hole = np.concatenate([[True], np.isnan(y), [True]])
    covered = time[-1] - time[0] - (time[gaps + 1] - time[gaps]).sum()
    spacing = covered / len(kept) if len(kept) < len(time) else 0.0
    return x, y, hole[:-2] & hole[2:] & ~hole[1:-1], spacing


@pytest.mark.parametrize("count", [1, 2, 50, 999, 1001, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("gaps", [0, 3, 400])
def test_lines_are_as_before(count: int, gaps: int) -> None:
    rng = np.random.default_rng(count + gaps)
    steps = rng.integers(900_000, 1_100_000, count)
    steps[rng.integers(0, count, gaps)] *= rng.integers(5, 5000, gaps)
    steps[rng.random(count) < 0.01] = 0
    time = 1_700_000_000_000_000 + np.cumsum(steps)
    data = pd.DataFrame({"value": rng.normal(0, 1, count).round(1), "series": "a"})
    data["time"] = pd.DatetimeIndex(time.view("datetime64[us]"), tz="UTC")
    data = data.astype({"series": "category"})
    usual = lines.usual_distance(time[-lines.POINTS :])
    expected = before(time, data["value"].to_numpy(), usual, 2.0)
    own = lines.points(data)["a"]
    for line in (
        lines.reduce(own, usual, ZONE, 2.0),
        lines.line(data, lines.split(data)["a"], usual, ZONE, 2.0),
    ):
        for one, other in zip((line.x, line.y, line.alone), expected, strict=False):
            np.testing.assert_array_equal(one, other)
        assert line.spacing == expected[-1]


def test_columns_are_not_copied() -> None:
    columns = Columns.of(READINGS)
    same = zip(columns.arrays, Columns.of(READINGS.iloc[:]).arrays, strict=True)
    assert all(np.shares_memory(a, b) for a, b in same)
