from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import time_machine
from conftest import fitted

from {{cookiecutter.project_slug}} import preprocess, reading
from {{cookiecutter.project_slug}}.engine.data.snapshot import EPOCH, Snapshot
from {{cookiecutter.project_slug}}.engine.data.tables import Batch, DataError
from {{cookiecutter.project_slug}}.engine.refresh import pipeline
from {{cookiecutter.project_slug}}.engine.settings import Refresh, Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def raw(*rows: tuple[object, object, object]) -> dict[str, pd.DataFrame]:
    return {"readings": pd.DataFrame(rows, columns=["time", "series", "value"])}


def test_the_source_gives_data_that_fit(settings: Settings) -> None:
    batch = pipeline.fetch(settings, None)
    data = batch.tables["readings"]
    assert len(data) and not batch.rejected
    assert str(data["time"].dt.tz) == "UTC"
    assert data["series"].dtype == "category"


def test_numbers_as_names_of_series_become_text(settings: Settings) -> None:
    batch = pipeline.clean(raw(("2026-03-01", 7, 1), ("2026-03-02", 7, 2)), settings)
    assert list(batch.tables["readings"]["series"]) == ["7", "7"]


def test_disorder_and_duplicates_are_put_right_and_counted(settings: Settings) -> None:
    batch = pipeline.clean(
        raw(
            ("2026-03-01T11:00:00+01:00", "a", 2),
            ("2026-03-01T09:00:00Z", "a", "1"),
            ("2026-03-01T10:00:00Z", "a", 3),
        ),
        settings,
    )
    data = batch.tables["readings"]
    assert [f"{time:%H:%M}" for time in data["time"]] == ["09:00", "10:00"]
    assert list(data["value"]) == [1.0, 3.0]
    assert batch.duplicates == 1


def test_a_read_that_brings_the_same_again_is_not_cleaned(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give(*rows: tuple[object, object, object]) -> None:
        monkeypatch.setattr(reading, "read", lambda *_: raw(*rows))

    give(("2026-03-01", "a", 1))
    assert len(pipeline.fetch(settings, None, "1").tables["readings"]) == 1
    assert not pipeline.fetch(settings, NOW, "2", known="1").tables
    assert pipeline.fetch(settings, NOW, "3", known="1").tables, "another process read meanwhile"
    assert pipeline.fetch(settings, NOW, "4", known="").tables, "it was not published"
    give(("2026-03-01", "a", 2))
    assert list(pipeline.fetch(settings, NOW, "5", known="4").tables["readings"]["value"]) == [2]


def test_a_table_that_read_leaves_out_has_nothing_new(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "read", lambda *_: {})
    assert not pipeline.fetch(settings, NOW).tables


def test_what_was_refused_is_refused_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = raw(("2026-03-01", "a", "x"))
    monkeypatch.setattr(reading, "read", lambda *_: bad)
    for refresh in ("1", "2"):
        with pytest.raises(DataError):
            pipeline.fetch(settings, NOW, refresh, known="")


def test_no_row_is_lost_of_a_source_that_derives_or_changes_its_frame(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a `read` that keeps its frame does: new columns, other order, values put in place."""
    frame = raw(*((f"2026-03-01T00:00:{second:02}", "a", 0) for second in range(60)))["readings"]

    def derive(*_: object) -> dict[str, pd.DataFrame]:
        nonlocal frame
        frame = frame.assign(value=frame["value"] + 1)
        frame = frame.sort_values("time")
        return {"readings": frame}

    def change(*_: object) -> dict[str, pd.DataFrame]:
        frame["value"] += 1
        return {"readings": frame}

    for read in (derive, change):
        monkeypatch.setattr(reading, "read", read)
        for number in range(200):
            refresh = f"{read.__name__} {number}"
            batch = pipeline.fetch(settings, NOW, refresh, f"{read.__name__} {number - 1}")
            assert batch.tables, f"the new values of refresh {number} were dropped"
            assert batch.tables["readings"]["value"].iloc[0] == frame["value"].iloc[0]


def test_steps_of_ones_own_do_not_change_what_the_source_keeps(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = raw(("2026-03-01", "a", 1))

    def double(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        tables["readings"]["value"] *= 2
        return tables

    monkeypatch.setattr(reading, "read", lambda *_: kept)
    monkeypatch.setattr(preprocess, "clean", double)
    for refresh in ("1", "2"):
        batch = pipeline.fetch(settings, NOW, refresh)
        assert list(batch.tables["readings"]["value"]) == [2]


def test_a_source_that_has_only_old_rows_is_read_whole(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def read(_settings: Settings, since: datetime) -> dict[str, pd.DataFrame]:
        asked.append(since)
        rows = raw(("2015-03-01T00:00Z", "a", 1))["readings"]
        return {"readings": rows[pd.to_datetime(rows["time"]) > since]}

    monkeypatch.setattr(reading, "read", read)
    assert len(pipeline.fetch(settings, None).tables["readings"]) == 1
    first, second = asked
    assert datetime.now(UTC) - first >= settings.refresh.history and second == EPOCH


def snapshot(**newest: tuple[str, ...]) -> Snapshot:
    """Return a snapshot of a table, `append` by time, with a row of each series at some times."""
    rows = [(f"2026-03-01T{time}Z", name, 1) for name, times in newest.items() for time in times]
    return snapshots.append(None, Batch(fitted(*rows)), NOW, NOW, Refresh()).snapshot


MINUTES = tuple(f"11:{minute:02}" for minute in range(50))


def start(known: Snapshot | None, overlap: timedelta = timedelta(0), **refresh: Any) -> Any:
    return pipeline.read_from(known, Refresh(overlap=overlap, **refresh), NOW)


def test_reading_goes_on_where_the_series_ends_that_is_furthest_behind() -> None:
    minutes, at = timedelta(minutes=1), datetime(2026, 3, 1, 11, 49, tzinfo=UTC)
    assert start(None) is None
    assert start(snapshot(a=MINUTES)) == at - 3 * minutes
    assert start(snapshot(a=MINUTES), 30 * minutes) == at - 30 * minutes
    late = snapshot(a=MINUTES, b=MINUTES[:-20], c=(*MINUTES, "11:51"))
    assert start(late) == at - 23 * minutes


def test_a_series_that_has_ended_does_not_have_all_read_again() -> None:
    assert start(snapshot(a=MINUTES, b=("09:00", "09:01"))) == start(snapshot(a=MINUTES))


def test_a_table_that_has_ended_does_not_have_all_read_again() -> None:
    known = snapshot(a=MINUTES)
    old = replace(known.paces["readings"], newest=NOW - 10 * DAY)
    ended = replace(known, paces={**known.paces, "ended": old})
    table = preprocess.TABLES["readings"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(preprocess.TABLES, "ended", table)
        newest = known.paces["readings"].newest
        assert start(ended, history="1h") == newest - timedelta(hours=1)


def test_a_forecast_does_not_hide_what_is_read_today() -> None:
    known = snapshot(now=("11:00", "11:30", "11:59"), forecast=("12:00", "18:00", "23:00"))
    assert start(known) <= datetime(2026, 3, 1, 11, 59, tzinfo=UTC)


def test_after_a_clock_was_set_back_reading_goes_on() -> None:
    known = snapshot(a=MINUTES)
    back = NOW - timedelta(hours=3)
    again = snapshots.append(known, Batch({}), back, back, Refresh()).snapshot
    assert pipeline.read_from(again, Refresh(), back) is not None
    assert pd.notna(pipeline.read_from(again, Refresh(), back))


def test_what_was_of_the_future_is_taken_in_when_its_time_has_come(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the file stays the same."""
    now = datetime.now(UTC)
    planned = raw((now, "a", 1), (now + timedelta(hours=4), "a", 2))
    monkeypatch.setattr(reading, "read", lambda *_: planned)
    assert pipeline.fetch(settings, None, "1").rejected
    with time_machine.travel(now + timedelta(hours=5)):
        batch = pipeline.fetch(settings, NOW, "2", known="1")
    assert len(batch.tables["readings"]) == 2 and not batch.rejected
