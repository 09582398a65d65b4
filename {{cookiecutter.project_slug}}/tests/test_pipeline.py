from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from {{cookiecutter.project_slug}} import pipeline, preprocess, reading
from {{cookiecutter.project_slug}}.setting import Refresh, Settings
from {{cookiecutter.project_slug}}.store import Snapshot
from {{cookiecutter.project_slug}}.tables import DataError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def raw(*rows: tuple[object, object, object]) -> dict[str, pd.DataFrame]:
    return {"readings": pd.DataFrame(rows, columns=["time", "series", "value"])}


def append(
    previous: Snapshot | None, *rows: tuple[object, object, object], now: datetime = NOW
) -> Snapshot:
    clean = preprocess.clean(raw(*rows))
    return pipeline.append(previous, clean, due=NOW, now=now, refresh=Refresh(history=DAY))


def values(snapshot: Snapshot) -> list[tuple[str, str, float]]:
    data = snapshot.tables["readings"]
    time = data["time"].dt.strftime("%d %H:%M")
    return list(zip(time, data["series"], data["value"], strict=True))


def test_the_source_gives_data_that_fit(settings: Settings) -> None:
    data = pipeline.fetch(settings, None, 0)["readings"]
    assert len(data)
    assert str(data["time"].dt.tz) == "UTC"
    assert data["series"].dtype == "category"


def test_disorder_and_duplicates_are_put_right() -> None:
    snapshot = append(
        None,
        ("2026-03-01T11:00:00+01:00", "a", 2),
        ("2026-03-01T09:00:00Z", "a", "1"),
        ("2026-03-01T10:00:00Z", "a", 3),
    )
    assert values(snapshot) == [("01 09:00", "a", 1.0), ("01 10:00", "a", 3.0)]


def test_new_rows_are_appended_and_late_ones_replace_old_ones() -> None:
    first = append(None, ("2026-03-01T09:00Z", "a", 1), ("2026-03-01T10:00Z", "a", 2))
    second = append(
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
    assert second.tables["readings"]["series"].dtype == "category"
    assert values(first) == [("01 09:00", "a", 1.0), ("01 10:00", "a", 2.0)]
    assert second.version > first.version


def test_names_whose_rows_are_gone_go_too() -> None:
    snapshot = None
    for hour in range(0, 96, 12):  # each of another name, and a day is kept
        time = NOW + timedelta(hours=hour)
        snapshot = append(snapshot, (time, f"order {hour}", 1), now=time)
        categories = snapshot.tables["readings"]["series"].cat.categories
        assert f"order {hour}" in categories and len(categories) <= 4


def test_what_is_older_than_the_history_is_dropped() -> None:
    first = append(None, ("2026-02-27T09:00Z", "a", 1), ("2026-02-28T12:00Z", "a", 2))
    second = append(first, ("2026-03-01T10:00Z", "a", 3))
    assert values(second) == [("28 12:00", "a", 2.0), ("01 10:00", "a", 3.0)]


def test_rows_of_the_future_are_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    monkeypatch.setattr(reading, "read", lambda *_: raw((soon, "a", 1)))
    assert len(pipeline.fetch(settings, None, 0)["readings"]) == 1
    wrong = raw((soon + DAY, "a", 1))
    monkeypatch.setattr(reading, "read", lambda *_: wrong)
    for since in (None, NOW):
        with pytest.raises(DataError, match=r"'time': 20.* is more than refresh\.ahead"):
            pipeline.fetch(settings, since, 0)


def test_rows_of_before_the_clock_was_set_back_give_way_to_newer_ones() -> None:
    wrong = NOW + 365 * DAY
    first = append(None, ("2026-03-01T09:00Z", "a", 1), (wrong, "a", 2), now=wrong)
    second = append(first, ("2026-03-01T12:00Z", "a", 3))
    assert values(second) == [("01 12:00", "a", 3.0)]


def test_reading_goes_on_where_the_data_end() -> None:
    assert pipeline.read_from(None, DAY) is None
    snapshot = append(None, ("2026-03-01T09:00Z", "a", 1))
    assert pipeline.read_from(snapshot, timedelta(hours=1)) == datetime(2026, 3, 1, 8, tzinfo=UTC)


def test_the_same_frame_is_nothing_new_but_a_bad_one_stays_bad(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = raw(("2026-03-01", "a", 1)), raw(("2026-03-01", "a", "x"))
    monkeypatch.setattr(reading, "read", lambda *_: good)
    assert pipeline.fetch(settings, None, 0).keys() == {"readings"}
    assert pipeline.fetch(settings, NOW, 0).keys() == {"readings"}  # it was not published
    assert pipeline.fetch(settings, NOW, 1) == {}
    monkeypatch.setattr(reading, "read", lambda *_: {"readings": good["readings"].copy()})
    assert pipeline.fetch(settings, NOW, 0).keys() == {"readings"}
    monkeypatch.setattr(reading, "read", lambda *_: good)
    assert pipeline.fetch(settings, None, 0).keys() == {"readings"}
    monkeypatch.setattr(reading, "read", lambda *_: bad)
    for _ in range(2):
        with pytest.raises(DataError):
            pipeline.fetch(settings, NOW, 0)
