from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pandera.pandas as pa
import toy
from helpers import fitted

from {{cookiecutter.project_slug}} import engine
from {{cookiecutter.project_slug}}.engine.data.merge import Update, merge
from {{cookiecutter.project_slug}}.engine.data.snapshot import NEVER, Snapshot
from {{cookiecutter.project_slug}}.engine.data.tables import (
    Batch,
    Rules,
    Table,
    validate,
)
from {{cookiecutter.project_slug}}.engine.settings import Refresh

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = 400 * DAY
Row = tuple[object, object, object]
Tables = Mapping[str, Table]
# The readings of a source that is read in full each time.
REPLACED = {"readings": replace(toy.TABLES["readings"], mode="replace")}


def append(
    previous: Snapshot | None, *rows: Row, now: datetime = NOW, tables: Tables = toy.TABLES
) -> Update:
    return merge(previous, Batch(fitted(*rows)), tables, NOW, now, Refresh(history=DAY))


def made(*rows: Row, now: datetime = NOW, tables: Tables = toy.TABLES) -> Snapshot:
    return append(None, *rows, now=now, tables=tables).snapshot


def values(snapshot: Snapshot) -> list[tuple[str, str, float]]:
    return listed(snapshot.visible("readings"))


def kept(snapshot: Snapshot) -> list[tuple[str, str, float]]:
    return listed(snapshot.tables["readings"])


def listed(data: pd.DataFrame) -> list[tuple[str, str, float]]:
    time = data["time"].dt.strftime("%d %H:%M")
    return list(zip(time, data["series"], data["value"], strict=True))


def each_minute(start: datetime, count: int) -> list[Row]:
    return [(start + timedelta(minutes=it), "a", 1) for it in range(count)]


def test_new_rows_are_appended_and_late_ones_replace_old_ones() -> None:
    first = made(("2026-03-01T09:00Z", "a", 1), ("2026-03-01T10:00Z", "a", 2))
    second, count, _ = append(
        first,
        ("2026-03-01T10:00Z", "a", 20),
        ("2026-03-01T09:30Z", "b", 5),
        ("2026-03-01T11:00Z", "b", 3),
    )
    assert values(second) == [
        ("01 09:00", "a", 1.0),
        ("01 09:30", "b", 5.0),
        ("01 10:00", "a", 20.0),
        ("01 11:00", "b", 3.0),
    ]
    assert count == 3
    assert second.tables["readings"]["series"].dtype == "category"
    assert values(first) == [("01 09:00", "a", 1.0), ("01 10:00", "a", 2.0)]
    assert second.version > first.version


def test_known_rows_make_no_new_version() -> None:
    first = made(("2026-03-01T09:00Z", "a", 1), ("2026-03-01T10:00Z", "a", 2))
    same = append(first, ("2026-03-01T10:00Z", "a", 2))
    assert same.snapshot is first and same.rows == 0
    assert merge(first, Batch({}), toy.TABLES, NOW, NOW, Refresh()).snapshot is first


def test_a_snapshot_from_the_future_is_replaced() -> None:
    first = made(("2026-03-01T09:00Z", "a", 1), now=NOW + YEAR)
    second = append(first, ("2026-03-01T09:00Z", "a", 1)).snapshot
    assert (second.created, values(second)) == (NOW, values(first))
    assert append(second, ("2026-03-01T09:00Z", "a", 1)).snapshot is second


def test_rows_read_twice_are_not_counted_again() -> None:
    first = made(*each_minute(NOW - timedelta(hours=1), 30))
    rows = each_minute(NOW - timedelta(hours=1), 31)
    assert append(first, *rows).rows == 1


def test_names_without_rows_are_dropped() -> None:
    snapshot = None
    for hour in range(0, 96, 12):  # each has another name, and the history is a day
        time = NOW + timedelta(hours=hour)
        snapshot = append(snapshot, (time, f"order {hour}", 1), now=time).snapshot
        categories = snapshot.tables["readings"]["series"].cat.categories
        assert f"order {hour}" in categories and len(categories) <= 4


def test_a_text_column_may_have_no_value_in_any_new_row() -> None:
    columns = {"time": pa.Column(engine.UTC), "note": pa.Column(engine.TEXT, nullable=True)}
    schema = pa.DataFrameSchema(columns, coerce=True)
    tables = {"notes": engine.Table(schema, key=("time",), mode="append")}
    zone, snapshot = ZoneInfo("UTC"), None
    for minute, note in enumerate(("a", None, "b")):
        raw = pd.DataFrame({"time": [NOW + timedelta(minutes=minute)], "note": [note]})
        batch = validate({"notes": raw}, tables, Rules(zone, zone, NEVER))
        snapshot = merge(snapshot, batch, tables, NOW, NOW + DAY, Refresh(history=YEAR)).snapshot
    notes = snapshot.tables["notes"]["note"]
    assert notes.dtype == "category" and notes.isna().tolist() == [False, True, False]
    assert notes.dropna().tolist() == ["a", "b"]


def test_rows_older_than_the_history_are_dropped() -> None:
    first = made(("2026-02-28T12:00Z", "a", 2))
    second = append(first, ("2026-03-01T10:00Z", "a", 3))
    assert values(second.snapshot) == [("28 12:00", "a", 2.0), ("01 10:00", "a", 3.0)]
    third = append(second.snapshot, ("2026-03-01T13:00Z", "a", 4), now=NOW + DAY)
    assert values(third.snapshot) == [("01 10:00", "a", 3.0), ("01 13:00", "a", 4.0)]


def test_rows_left_out_by_the_history_are_counted_and_the_setting_named() -> None:
    _, count, note = append(
        None, ("2026-02-27T09:00Z", "a", 1), ("2026-02-28T12:00Z", "a", 2), (NOW, "a", 3)
    )
    assert count == 2
    assert note == "1 row older than refresh.history"


def test_rows_with_the_same_key_are_counted() -> None:
    batch = Batch(fitted((NOW, "a", 1)), duplicates=1_200)
    _, _, note = merge(None, batch, toy.TABLES, NOW, NOW, Refresh())
    assert note == "1,200 rows with the same key as a later row"


def test_a_replaced_table_has_only_the_new_rows() -> None:
    first = made(
        ("2026-01-01", "a", 1), ("2026-03-01", "b", 2), ("2026-03-01", "a", 3), tables=REPLACED
    )
    assert len(values(first)) == 3, "all rows are kept, whatever the history"
    second = append(first, ("2026-01-01", "a", 1), ("2026-03-01", "a", 3), tables=REPLACED)
    assert {name for _, name, _ in values(second.snapshot)} == {"a"}
    assert second.note == "1 row gone from the source"
    third = append(second.snapshot, ("2026-01-01", "a", 1), ("2026-03-01", "a", 3), tables=REPLACED)
    assert third.snapshot is second.snapshot


def test_a_clock_that_is_behind_at_start_erases_nothing() -> None:
    """A board without a battery starts 400 days in the past, measures, and then gets the time."""
    rows = each_minute(NOW - timedelta(hours=2), 100)
    stored = made(*rows)
    back = append(stored, (NOW - YEAR, "a", 7), now=NOW - YEAR).snapshot
    assert len(kept(back)) == 101
    assert values(back) == [(f"{NOW - YEAR:%d %H:%M}", "a", 7.0)]
    right = append(back, (NOW, "a", 8), now=NOW).snapshot
    assert values(right) == [*values(stored), ("01 12:00", "a", 8.0)]


def test_a_clock_that_is_ahead_at_start_erases_nothing() -> None:
    stored = made(*each_minute(NOW - timedelta(hours=2), 100))
    ahead = stored
    for minute in range(10):
        wrong = NOW + YEAR + timedelta(minutes=minute)
        ahead = append(ahead, (wrong, "a", 7), now=wrong).snapshot
    assert len(kept(ahead)) == 110
    right = append(ahead, (NOW, "a", 8), now=NOW).snapshot
    assert values(right) == [*values(stored), ("01 12:00", "a", 8.0)]
    assert len(kept(right)) == 111, "the others are kept too, since the clock may be wrong now"


def test_after_a_long_pause_rows_older_than_the_history_are_dropped_within_an_hour() -> None:
    snapshot = made(*each_minute(NOW, 100))
    late = NOW + YEAR
    for minute in range(70):
        time = late + timedelta(minutes=minute)
        snapshot = append(snapshot, (time, "a", 7), now=time).snapshot
    assert len(kept(snapshot)) == 70


def test_a_view_may_change_its_tables() -> None:
    snapshot = made((NOW, "a", 1))
    for tables in (snapshot.tables, {"readings": snapshot.visible("readings")}):
        changed = change(tables)
        assert list(changed["value"]) == [2.0]
        assert values(snapshot) == [("01 12:00", "a", 1.0)]
        assert list(snapshot.tables["readings"]) == ["time", "series", "value"]


def change(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    data = tables["readings"]
    data["value"] *= 2
    data["more"] = 1
    data.loc[0, "series"] = "a"
    return data


def test_a_forecast_does_not_displace_measurements() -> None:
    rows = [(NOW + timedelta(hours=it), "a", 1) for it in range(-12, 36)]
    refresh = Refresh(history=DAY, ahead=3 * DAY)
    snapshot = merge(None, Batch(fitted(*rows)), toy.TABLES, NOW, NOW, refresh).snapshot
    assert len(kept(snapshot)) == 48
