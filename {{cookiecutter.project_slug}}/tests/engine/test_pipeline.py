from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import toy
from helpers import fetched, tables_of

from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.pace import measure
from {{cookiecutter.project_slug}}.engine.data.snapshot import EPOCH, Snapshot
from {{cookiecutter.project_slug}}.engine.data.tables import Batch, DataError, Rules
from {{cookiecutter.project_slug}}.engine.data.times import read_from
from {{cookiecutter.project_slug}}.engine.refresh import pipeline
from {{cookiecutter.project_slug}}.engine.refresh.pipeline import Pipeline, Span
from {{cookiecutter.project_slug}}.engine.settings import App, Refresh

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Frames = Mapping[str, pd.DataFrame]
Read = Callable[[toy.Source, datetime], Any]


def raw(*rows: tuple[object, object, object]) -> dict[str, pd.DataFrame]:
    return {"readings": pd.DataFrame(rows, columns=["time", "series", "value"])}


def giving(*rows: tuple[object, object, object]) -> Pipeline:
    """Return a pipeline whose source returns these rows."""
    return Pipeline(read=lambda *_: raw(*rows), clean=toy.clean, tables=toy.TABLES)


def fetch(read: Read, refresh: str = "", known: str = "") -> Frames:
    return pipeline.fetch(read, toy.clean, toy.Source(), Span(NOW), refresh, known)


def test_the_rows_of_a_source_match_the_tables(settings: toy.Settings) -> None:
    batch = fetched(settings)
    data = batch.tables["readings"]
    assert len(data) and not batch.rejected
    assert str(data["time"].dt.tz) == "UTC"
    assert data["series"].dtype == "category"


def test_numbers_as_names_of_series_become_text(settings: toy.Settings) -> None:
    batch = fetched(settings, giving(("2026-03-01", 7, 1), ("2026-03-02", 7, 2)))
    assert list(batch.tables["readings"]["series"]) == ["7", "7"]


def test_rows_are_sorted_and_duplicates_are_dropped_and_counted(settings: toy.Settings) -> None:
    rows = (
        ("2026-03-01T11:00:00+01:00", "a", 2),
        ("2026-03-01T09:00:00Z", "a", "1"),
        ("2026-03-01T10:00:00Z", "a", 3),
    )
    batch = fetched(settings, giving(*rows))
    data = batch.tables["readings"]
    assert [f"{time:%H:%M}" for time in data["time"]] == ["09:00", "10:00"]
    assert list(data["value"]) == [1.0, 3.0]
    assert [it.count for it in batch.overwritten] == [1] and batch.duplicates == 0


def test_rows_that_were_read_before_are_not_cleaned_again() -> None:
    def read(*_: object) -> Frames:
        return raw(*rows)

    rows = [("2026-03-01", "a", 1)]
    assert len(fetch(read, "1")["readings"]) == 1
    assert not fetch(read, "2", known="1")
    assert fetch(read, "3", known="1"), "another process has read since"
    assert fetch(read, "4", known=""), "it was not published"
    rows = [("2026-03-01", "a", 2)]
    assert list(fetch(read, "5", known="4")["readings"]["value"]) == [2]


def test_a_table_that_read_leaves_out_has_nothing_new() -> None:
    assert not fetch(lambda *_: {})


def test_a_table_that_was_left_out_once_is_still_known_after_that() -> None:
    row = raw(("2026-03-01", "a", 1))
    assert fetch(lambda *_: row, "1")
    assert not fetch(lambda *_: {}, "2", known="1")
    assert not fetch(lambda *_: row, "3", known="2")


@pytest.mark.parametrize(
    ("said", "read", "clean"),
    [
        ("reading.read returned a NoneType", lambda *_: None, toy.clean),
        ("reading.read returned a list", lambda *_: [], toy.clean),
        ("preprocess.clean returned a NoneType", toy.read, lambda _raw: None),
        ("preprocess.clean returned a list", toy.read, lambda _raw: []),
    ],
)
def test_anything_but_a_dict_of_tables_is_rejected(said: str, read: Any, clean: Any) -> None:
    with pytest.raises(DataError, match=f"^{said}: return a dict of tables$"):
        pipeline.fetch(read, clean, toy.Source(), Span(NOW))


@pytest.mark.parametrize(("table", "kind"), [([1], "list"), (None, "NoneType")])
def test_a_table_that_is_not_a_frame_is_rejected_by_name(
    table: Any, kind: str, settings: toy.Settings
) -> None:
    it = Pipeline(read=lambda *_: {"readings": table}, clean=toy.clean, tables=toy.TABLES)
    with pytest.raises(DataError, match=f"^readings: read returned a {kind}"):
        fetched(settings, it)


def test_a_single_refresh_reads_cleans_validates_and_keeps_the_history(
    settings: toy.Settings,
) -> None:
    asked = []

    def read(source: toy.Source, since: datetime) -> Frames:
        asked.append((source, since))
        times = [start - 10 * DAY, start, start + DAY]
        return raw(*((time.isoformat(), "a", 1) for time in times))

    def double(raw: Frames) -> Frames:
        return {"readings": raw["readings"].assign(value=raw["readings"]["value"] * 2)}

    start = datetime.now(UTC)
    update = pipeline.refresh_once(Pipeline(read, double, toy.TABLES), settings)
    ((source, since),) = asked
    assert source is settings.source
    assert start <= since + settings.refresh.history <= datetime.now(UTC)
    rows = update.snapshot.visible("readings")
    assert (list(rows["time"]), list(rows["value"])) == ([start], [2])
    assert start <= update.snapshot.created == update.snapshot.due <= datetime.now(UTC)


class Local(toy.Source):
    """A source with a time zone and a query."""

    timezone: ZoneInfo = ZoneInfo("Europe/Oslo")
    query: str = ""


def test_times_use_the_sources_zone_and_dates_the_dashboards(
    settings: toy.Settings,
) -> None:
    settings = settings.model_copy(update={"app": App(timezone=ZoneInfo("Asia/Tokyo"))})
    latest = NOW + settings.refresh.ahead
    utc, oslo, tokyo = (ZoneInfo(it) for it in ("UTC", "Europe/Oslo", "Asia/Tokyo"))
    assert pipeline.rules(settings, NOW) == Rules(utc, tokyo, latest, "reading.py")
    local = settings.model_copy(update={"source": Local()})
    assert pipeline.rules(local, NOW) == Rules(oslo, tokyo, latest, "the query")


def test_a_source_that_modifies_its_frame_loses_no_row() -> None:
    """A `read` may keep its frame and change its columns, order or values."""
    frame = raw(*((f"2026-03-01T00:00:{second:02}", "a", 0) for second in range(60)))["readings"]

    def derive(*_: object) -> Frames:
        nonlocal frame
        frame = frame.assign(value=frame["value"] + 1)
        frame = frame.sort_values("time")
        return {"readings": frame}

    def change(*_: object) -> Frames:
        frame["value"] += 1
        return {"readings": frame}

    for read in (derive, change):
        for number in range(200):
            refresh = f"{read.__name__} {number}"
            found = fetch(read, refresh, f"{read.__name__} {number - 1}")
            assert found, f"the new values of refresh {number} were dropped"
            assert found["readings"]["value"].iloc[0] == frame["value"].iloc[0]


def test_clean_may_modify_its_arguments() -> None:
    """This includes frames that `read` keeps and returns again."""

    def double(raw: Frames) -> Frames:
        raw["readings"]["value"] *= 2
        return raw

    kept = raw(("2026-03-01", "a", 1))
    for refresh in ("1", "2"):
        found = pipeline.fetch(lambda *_: kept, double, toy.Source(), Span(NOW), refresh)
        assert list(found["readings"]["value"]) == [2]


def test_a_source_with_only_old_rows_is_read_in_full(settings: toy.Settings) -> None:
    asked = []

    def read(source: toy.Source, since: datetime) -> Frames:
        assert source is settings.source
        asked.append(since)
        rows = raw(("2015-03-01T00:00Z", "a", 1))["readings"]
        return {"readings": rows[pd.to_datetime(rows["time"]) > since]}

    batch = fetched(settings, Pipeline(read=read, clean=toy.clean, tables=toy.TABLES))
    assert len(batch.tables["readings"]) == 1
    first, second = asked
    history = settings.refresh.history
    assert history and datetime.now(UTC) - first >= history and second == EPOCH


@pytest.mark.parametrize("zone", ["America/Adak", "Asia/Manila", "Pacific/Kiritimati"])
def test_a_source_is_read_from_a_date_that_every_database_knows(zone: str) -> None:
    """The datetime of SQL Server begins in 1753; local mean time may be a day from UTC."""
    assert read_from(EPOCH, ZoneInfo(zone)).replace(tzinfo=None) >= datetime(1753, 1, 1)


def test_an_empty_later_read_does_not_read_the_source_in_full() -> None:
    asked = []

    def read(_source: toy.Source, since: datetime) -> Frames:
        asked.append(since)
        return raw()

    fetch(read)
    assert asked == [NOW]


def snapshot(**newest: tuple[str, ...]) -> Snapshot:
    """Return a snapshot with rows of each series at some times of day."""
    rows = [(f"2026-03-01T{time}Z", name, 1) for name, times in newest.items() for time in times]
    return merge(None, Batch(tables_of(*rows)), toy.TABLES, NOW, NOW, Refresh()).snapshot


MINUTES = tuple(f"11:{minute:02}" for minute in range(50))


def start(known: Snapshot | None, overlap: timedelta = timedelta(0), **refresh: Any) -> datetime:
    """Return the time that the next read starts from."""
    return pipeline.span(known, toy.TABLES, Refresh(overlap=overlap, **refresh), NOW).since


def test_the_first_read_starts_where_the_history_does() -> None:
    assert pipeline.span(None, toy.TABLES, Refresh(history="3d"), NOW) == Span(NOW - 3 * DAY, True)
    assert pipeline.span(None, toy.TABLES, Refresh(history="all"), NOW) == Span(EPOCH)


@pytest.mark.parametrize(
    ("history", "span"), [("2d", Span(NOW - 2 * DAY, True)), ("all", Span(EPOCH))]
)
def test_a_longer_history_is_read_once(history: str, span: Span) -> None:
    known, longer = snapshot(a=MINUTES), Refresh(history=history)
    assert pipeline.span(known, toy.TABLES, longer, NOW) == span
    again = merge(known, Batch({}), toy.TABLES, NOW, NOW, longer).snapshot
    later = NOW + timedelta(minutes=1)
    assert pipeline.span(again, toy.TABLES, longer, later).since > NOW - DAY
    assert pipeline.span(again, toy.TABLES, Refresh(), later).since > NOW - DAY, "shorter again"


def test_reading_continues_from_the_series_furthest_behind() -> None:
    minutes, at = timedelta(minutes=1), datetime(2026, 3, 1, 11, 49, tzinfo=UTC)
    assert start(snapshot(a=MINUTES)) == at - 3 * minutes
    assert start(snapshot(a=MINUTES), 30 * minutes) == at - 30 * minutes
    late = snapshot(a=MINUTES, b=MINUTES[:-20], c=(*MINUTES, "11:51"))
    assert start(late) == at - 23 * minutes


def test_after_a_single_row_reading_goes_on_from_it_minus_the_overlap() -> None:
    """How far apart rows usually are is not known yet."""
    at = datetime(2026, 3, 1, 11, 49, tzinfo=UTC)
    assert start(snapshot(a=("11:49",))) == at
    assert start(snapshot(a=("11:49",)), overlap=timedelta(minutes=9)) == at - timedelta(minutes=9)


def test_a_series_that_has_ended_is_not_waited_for() -> None:
    assert start(snapshot(a=MINUTES, b=("09:00", "09:01"))) == start(snapshot(a=MINUTES))


def test_reading_continues_from_the_table_furthest_behind() -> None:
    known = snapshot(a=MINUTES)
    pace = known.paces["readings"]
    behind = replace(pace, newest=pace.newest - timedelta(minutes=40))
    tables = toy.TABLES | {"behind": toy.TABLES["readings"]}
    rows = {"behind": known.tables["readings"].head(10)}
    two = replace(known, tables={**known.tables, **rows}, paces={**known.paces, "behind": behind})
    since = pipeline.span(two, tables, Refresh(overlap=timedelta(0)), NOW).since
    assert since == behind.newest - timedelta(minutes=3)


@pytest.mark.parametrize(
    ("history", "bound"), [("1h", timedelta(hours=1)), ("all", timedelta(days=30))]
)
def test_a_table_that_has_ended_does_not_make_others_be_read_again(
    history: str, bound: timedelta
) -> None:
    known = snapshot(a=MINUTES)
    pace = known.paces["readings"]
    ended = replace(pace, newest=pace.newest - 100 * DAY)
    old = known.tables["readings"].assign(time=lambda data: data["time"] - 100 * DAY)
    tables = toy.TABLES | {"ended": toy.TABLES["readings"]}
    two = replace(
        known,
        tables={**known.tables, "ended": old},
        paces={**known.paces, "ended": ended},
        history=None,
    )
    since = pipeline.span(two, tables, Refresh(history=history), NOW).since
    assert since == pace.newest - bound


def test_a_table_with_a_row_a_year_is_read_from_its_last_rows() -> None:
    known = snapshot(a=MINUTES)
    years = tables_of(*((f"{year}-01-01", "a", 1) for year in range(2000, 2025)))["readings"]
    pace = measure(years, toy.TABLES["readings"])
    tables = toy.TABLES | {"years": toy.TABLES["readings"]}
    two = replace(
        known,
        tables={**known.tables, "years": years},
        paces={**known.paces, "years": pace},
        history=None,
    )
    since = pipeline.span(two, tables, Refresh(history="all"), NOW).since
    assert since < datetime(2022, 1, 1, tzinfo=UTC)


def test_a_replaced_table_does_not_affect_where_to_read_from() -> None:
    tables = {"readings": replace(toy.TABLES["readings"], mode="replace")}
    span = pipeline.span(snapshot(a=MINUTES), tables, Refresh(), NOW)
    assert span == Span(NOW - Refresh().history, True)


def test_a_forecast_does_not_hide_todays_rows() -> None:
    known = snapshot(now=("11:00", "11:30", "11:59"), forecast=("12:00", "18:00", "23:00"))
    assert start(known) <= datetime(2026, 3, 1, 11, 59, tzinfo=UTC)


def test_reading_continues_after_the_clock_was_set_back() -> None:
    known, back = snapshot(a=MINUTES), NOW - timedelta(hours=3)
    again = merge(known, Batch({}), toy.TABLES, back, back, Refresh()).snapshot
    for it in (known, again):
        since = pipeline.span(it, toy.TABLES, Refresh(), back).since
        assert back - DAY <= since < back
