from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pandera.pandas as pa
import pytest
import toy
from helpers import tables_of

from {{cookiecutter.project_slug}} import engine
from {{cookiecutter.project_slug}}.engine.data.merge import Update, merge
from {{cookiecutter.project_slug}}.engine.data.snapshot import NEVER, Pace, Snapshot
from {{cookiecutter.project_slug}}.engine.data.status import Rejected
from {{cookiecutter.project_slug}}.engine.data.tables import (
    Batch,
    Rules,
    Table,
    validate,
)
from {{cookiecutter.project_slug}}.engine.settings import Refresh

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEAR = 400 * DAY
Row = tuple[object, object, object]
Tables = Mapping[str, Table]
# A table from a source that is read in full each time.
REPLACED = {"readings": replace(toy.TABLES["readings"], mode="replace")}
OLDER = 'older than refresh.history = 1d (history = "all" keeps them)'
RANKING = pa.DataFrameSchema({"name": pa.Column(str), "sold": pa.Column(int)})
RANKED = {"ranking": Table(RANKING, key=("name",), mode="replace")}


def append(
    previous: Snapshot | None,
    *rows: Row,
    now: datetime = NOW,
    tables: Tables = toy.TABLES,
    refresh: Refresh = Refresh(history=DAY),  # noqa: B008
) -> Update:
    return merge(previous, Batch(tables_of(*rows)), tables, NOW, now, refresh)


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
    second, count, *_ = append(
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
    assert list(second.tables["readings"].index) == [0, 1, 2, 3], "the rows are numbered"
    assert values(first) == [("01 09:00", "a", 1.0), ("01 10:00", "a", 2.0)]
    assert second.version > first.version


def test_known_rows_do_not_make_a_new_version() -> None:
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
    for hour in range(0, 96, 12):  # each row has a new name, and the history is a day
        time = NOW + timedelta(hours=hour)
        snapshot = append(snapshot, (time, f"order {hour}", 1), now=time).snapshot
        categories = snapshot.tables["readings"]["series"].cat.categories
        assert f"order {hour}" in categories and len(categories) <= 4


def test_a_text_column_may_be_missing_in_all_new_rows() -> None:
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


def test_rows_older_than_the_history_are_counted_with_the_setting() -> None:
    it = append(None, ("2026-02-27T09:00Z", "a", 1), ("2026-02-28T12:00Z", "a", 2), (NOW, "a", 3))
    assert it.rows == 2
    assert it.note == f"1 row {OLDER}"
    example = "time=2026-02-27 09:00:00+00:00, series=a, value=1.0"
    assert it.older == (Rejected("readings", "older than refresh.history = 1d", 1, example),)


def test_all_rows_are_kept_if_the_history_is_all() -> None:
    rows: list[Row] = [("1871-01-01", "a", 1), ("1970-01-01", "a", 2), (NOW, "a", 3)]
    first = append(None, *rows, refresh=Refresh(history="all"))
    assert (first.rows, first.note, first.older) == (3, "", ())
    later = (NOW + YEAR, "a", 4), ("1753-02-01", "b", 5)
    second = append(first.snapshot, *later, now=NOW + YEAR, refresh=Refresh(history="all"))
    assert (second.rows, second.note) == (2, "")
    assert [value for _, _, value in kept(second.snapshot)] == [5, 1, 2, 3, 4]


def test_a_longer_history_is_remembered_even_without_older_rows() -> None:
    """Otherwise, each refresh would read all of it again."""
    first = made((NOW, "a", 1))
    second = append(first, (NOW, "a", 1), refresh=Refresh(history="all")).snapshot
    assert second.version > first.version
    again = append(second, (NOW, "a", 1), now=NOW + DAY, refresh=Refresh(history="all"))
    assert again.snapshot is second
    assert append(second, (NOW, "a", 1)).snapshot is second, "a shorter one needs no older rows"


def test_rows_with_the_same_key_are_counted() -> None:
    lost = (Rejected("readings", "other values", 34, ""),)
    batch = Batch(tables_of((NOW, "a", 1)), overwritten=lost, duplicates=1_200)
    assert merge(None, batch, toy.TABLES, NOW, NOW, Refresh()).note == (
        "1,200 rows identical to a later row, 34 rows with the key of a later row and another value"
    )


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
    """A board without a battery starts 400 days in the past, and gets the time later."""
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
    snapshot = merge(None, Batch(tables_of(*rows)), toy.TABLES, NOW, NOW, refresh).snapshot
    assert len(kept(snapshot)) == 48


def test_a_snapshot_records_when_it_was_due_and_created_and_its_horizon() -> None:
    due, refresh = NOW - timedelta(seconds=3), Refresh(ahead=HOUR)
    rows = tables_of((NOW, "a", 1), (NOW + 2 * HOUR, "a", 1))
    it = merge(None, Batch(rows), toy.TABLES, due, NOW, refresh).snapshot
    assert (it.due, it.created, it.horizon) == (due, NOW, NOW + HOUR)
    assert it.paces == {"readings": Pace(NOW)}, "the other row is in the future"
    assert it.version == NOW.timestamp() * 1_000, "a restart does not use a version again"


@pytest.mark.parametrize("now", [NOW, NOW - YEAR])
def test_versions_increase_even_if_the_clock_stops_or_is_set_back(
    now: datetime,
) -> None:
    first = made((NOW, "a", 1))
    assert append(first, (NOW, "a", 2), now=now).snapshot.version == first.version + 1


def test_a_late_correction_is_found_anywhere() -> None:
    first = made(*each_minute(NOW - HOUR, 30))
    second = append(first, (NOW - HOUR, "a", 9), (NOW - HOUR / 2, "a", 1))
    assert second.rows == 2
    assert [value for _, _, value in kept(second.snapshot)] == [9, *[1] * 30]


def test_a_refresh_reports_what_it_left_out_and_why() -> None:
    tables = toy.TABLES | {"list": REPLACED["readings"], "other": REPLACED["readings"]}
    three = tables_of(*each_minute(NOW, 3))["readings"]
    first = merge(None, Batch({"list": three, "other": three}), tables, NOW, NOW, Refresh())
    assert (first.rows, first.note) == (6, "")
    old = tables_of((NOW - 3 * DAY, "a", 1), (NOW - 2 * DAY, "a", 1), (NOW, "a", 1))
    more = {"more": tables_of((NOW - 2 * DAY, "a", 1), (NOW, "a", 1))["readings"]}
    tables["more"] = toy.TABLES["readings"]
    rejected = (Rejected("list", "value is missing", 4, ""), Rejected("list", "late", 1_000, ""))
    batch = Batch({**old, "list": three[:2], "other": three[:1], **more}, rejected, duplicates=1)
    second = merge(first.snapshot, batch, tables, NOW, NOW, Refresh())
    assert second.rows == 2 and second.note == (
        f"3 rows gone from the source, 3 rows {OLDER}, "
        "1 row identical to a later row, 1,004 rows set aside"
    )


def test_a_refresh_without_rows_changes_nothing() -> None:
    first = made((NOW, "a", 1))
    assert append(first) == Update(first, 0, "")


def test_a_table_without_rows_exists_from_the_first_refresh() -> None:
    for tables in (toy.TABLES, REPLACED):
        first = append(None, tables=tables)
        assert (first.rows, first.note, first.snapshot.paces) == (0, "", {})
        assert first.snapshot.tables["readings"].empty
        second = append(first.snapshot, (NOW - 2 * DAY, "a", 1), tables=tables)
        assert (second.rows, second.note) == (1, "")
        assert second.snapshot.paces == {"readings": Pace(NOW - 2 * DAY)}


def test_a_replaced_table_may_lose_all_its_rows() -> None:
    emptied = append(made((NOW, "a", 1), tables=REPLACED), tables=REPLACED)
    assert emptied.note == "1 row gone from the source"
    assert kept(emptied.snapshot) == [] and emptied.snapshot.paces == {}


def test_a_corrected_row_of_a_replaced_table_does_not_count_as_gone() -> None:
    first = made((NOW, "a", 1), (NOW, "b", 1), tables=REPLACED)
    second = append(first, (NOW, "a", 2), (NOW, "b", 1), (NOW, "c", 1), tables=REPLACED)
    assert (second.rows, second.note) == (2, "")


def test_a_new_order_of_a_ranking_is_a_change() -> None:
    def ranked(previous: Snapshot | None, *names: str, sold: int = 1) -> Update:
        batch = Batch({"ranking": pd.DataFrame({"name": names, "sold": sold})})
        return merge(previous, batch, RANKED, NOW, NOW, Refresh())

    first = ranked(None, "a", "b", "c")
    assert (first.rows, first.snapshot.paces) == (3, {})
    assert ranked(first.snapshot, "a", "b", "c").snapshot is first.snapshot
    second = ranked(first.snapshot, "a", "c", "b")
    assert (second.rows, second.note) == (1, "")
    assert list(second.snapshot.tables["ranking"]["name"]) == ["a", "c", "b"]
    assert ranked(second.snapshot, "a", "b", "c", sold=2).rows == 3
    # A table with times is sorted, so its order does not matter.
    two = made((NOW, "a", 1), (NOW, "b", 1), tables=REPLACED)
    assert append(two, (NOW, "b", 1), (NOW, "a", 1), tables=REPLACED).snapshot is two


def test_unusable_data_are_replaced_even_without_new_rows() -> None:
    faulty = replace(made((NOW, "a", 1)), fault="damaged")
    healed = append(faulty, (NOW, "a", 1)).snapshot
    assert not healed.fault and healed.version > faulty.version


def test_after_setting_the_clock_back_the_pace_is_of_the_shown_rows() -> None:
    back = NOW - 10 * timedelta(minutes=1)
    first = made(*each_minute(NOW - HOUR, 30), (NOW - timedelta(minutes=4), "a", 1))
    again = merge(first, Batch({}), toy.TABLES, NOW, back, Refresh(ahead=timedelta(0))).snapshot
    assert again.paces["readings"].newest == NOW - timedelta(minutes=31)


def test_the_history_of_an_archive_counts_from_its_newest_row() -> None:
    """This holds even if new rows are older than known ones."""
    newest = NOW - YEAR
    rows: list[Row] = [(newest - hours * HOUR, "a", 1) for hours in (48, 24, 20, 12, 0)]
    archive = append(None, *rows)
    assert (archive.rows, archive.note) == (4, f"1 row {OLDER}")
    late = append(archive.snapshot, (newest - 30 * HOUR, "a", 1), (newest - 24 * HOUR, "a", 4))
    assert (late.rows, late.note) == (1, f"1 row {OLDER}")
    assert [value for _, _, value in kept(late.snapshot)] == [4, 1, 1, 1]


@pytest.mark.parametrize("known", [[0], [-120, -1], [5]])
def test_a_row_that_arrives_too_late_is_left_out(known: list[int]) -> None:
    first = made(*((NOW + minutes * timedelta(minutes=1), "a", 1) for minutes in known))
    late = append(first, (NOW - 25 * HOUR, "a", 2))
    assert (late.snapshot, late.rows) == (first, 0)
    assert late.note == f"1 row {OLDER}"


@pytest.mark.parametrize("history", [DAY, 3 * DAY])
def test_a_forecast_does_not_shorten_the_history(history: timedelta) -> None:
    rows = [(NOW + it * HOUR, "a", 1) for it in range(-100, 30)]
    it = append(None, *rows, refresh=Refresh(history=history, ahead=2 * DAY))
    hours = history // HOUR
    assert len(kept(it.snapshot)) == hours + 30
    assert it.note == f"{100 - hours} rows {OLDER}".replace("1d", f"{history.days}d")


def test_a_row_from_a_fast_clock_does_not_shorten_the_history() -> None:
    first = made((NOW - 30 * HOUR, "a", 1), (NOW - 20 * HOUR, "a", 2), now=NOW - 20 * HOUR)
    ahead = append(first, (NOW + 12 * HOUR, "a", 3), now=NOW + 12 * HOUR).snapshot
    assert len(kept(ahead)) == 3, "the clock may be wrong"
    right = append(ahead, (NOW - 19 * HOUR, "a", 4)).snapshot
    assert [value for _, _, value in kept(right)] == [1, 2, 4, 3]
    # Rows found with the correct clock do not become too old either.
    late = append(right, (NOW - 40 * HOUR, "a", 5))
    assert (late.rows, late.note) == (1, "")


@pytest.mark.parametrize(
    ("history", "held"),
    [(DAY, timedelta(minutes=60)), (timedelta(minutes=10), timedelta(minutes=10))],
)
def test_after_a_long_pause_old_rows_stay_for_an_hour_or_the_history(
    history: timedelta, held: timedelta
) -> None:
    snapshot, resumed, refresh = None, NOW + YEAR, Refresh(history=history)
    stored = each_minute(NOW - 15 * timedelta(minutes=1), 15)
    snapshot = append(None, *stored, refresh=refresh).snapshot
    known = len(kept(snapshot))
    for since, count in (
        (timedelta(0), known + 1),
        (held - timedelta(minutes=1), known + 2),
        (held, 3),
    ):
        time = resumed + since
        snapshot = append(snapshot, (time, "a", 7), now=time, refresh=refresh).snapshot
        assert len(kept(snapshot)) == count


def test_a_pause_as_long_as_the_history_is_not_too_long() -> None:
    first = made((NOW - DAY - 2 * HOUR, "a", 1), (NOW - DAY, "a", 2), now=NOW - DAY)
    later = NOW + timedelta(minutes=1)
    second = append(first, (NOW, "a", 3), (later, "a", 4), now=later).snapshot
    assert [value for _, _, value in kept(second)] == [3, 4]


def test_a_shorter_history_also_drops_rows_before_a_long_pause() -> None:
    rows: list[Row] = [(NOW - hours * HOUR, "a", 1) for hours in (60, 1, 0)]
    first = append(None, *rows, refresh=Refresh(history=3 * DAY)).snapshot
    second = append(first, (NOW + YEAR, "a", 2), now=NOW + YEAR).snapshot
    assert [value for _, _, value in kept(second)] == [1, 1, 2]


def test_new_names_follow_known_ones_which_keep_their_colors() -> None:
    second = append(made((NOW, "b", 1)), (NOW, "a", 1)).snapshot
    assert list(second.tables["readings"]["series"].cat.categories) == ["b", "a"]
    third = append(second, (NOW, "a", 2)).snapshot
    assert list(third.tables["readings"]["series"].cat.categories) == ["b", "a"]
