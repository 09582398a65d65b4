from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from {{cookiecutter.project_slug}}.engine.refresh.due_times import due_times, is_due
from {{cookiecutter.project_slug}}.engine.settings import Refresh

LATEST, FOLLOWING = (datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (11, 12))
SECOND = timedelta(seconds=1)


def due(now: str, zone: str = "UTC", **refresh: object) -> list[str]:
    """Return the latest due time and the next one, as text."""
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = due_times(Refresh.model_validate(refresh), ZoneInfo(zone), moment)
    assert all(it.tzinfo is UTC for it in found)
    return [f"{it:%Y-%m-%dT%H:%M}" for it in found]


def test_periods_are_counted_from_midnight() -> None:
    expected = ["2026-03-01T11:45", "2026-03-01T12:00"]
    for now in ("2026-03-01T11:45", "2026-03-01T11:52", "2026-03-01T11:59:59"):
        assert due(now, every="15m") == expected


def test_a_time_of_the_day_is_due_once_a_day_in_the_zone_of_the_dashboard() -> None:
    at = ["06:00", "18:00"]
    today = ["2026-03-01T06:00", "2026-03-01T18:00"]
    assert due("2026-03-01T06:00", daily_at=at) == today, "at the time itself, it is due"
    assert due("2026-03-01T17:59", daily_at=at) == today
    assert due("2026-03-01T05:59", daily_at=at) == ["2026-02-28T18:00", "2026-03-01T06:00"]
    assert due("2026-03-01T18:30", daily_at=at) == ["2026-03-01T18:00", "2026-03-02T06:00"]
    tokyo = ["2026-03-01T21:00", "2026-03-02T09:00"]
    assert due("2026-03-01T23:00", "Asia/Tokyo", daily_at=at) == tokyo
    once = ["2026-03-01T21:00", "2026-03-02T21:00"]
    assert due("2026-03-01T23:00", "Asia/Tokyo", daily_at=at[:1]) == once


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (None, True),
        (LATEST - SECOND, True),
        (LATEST, False),
        (FOLLOWING, False),  # the clock was set back a little
        (FOLLOWING + SECOND, True),  # the clock was set back further
    ],
)
def test_a_refresh_is_due_until_it_is_done(done: datetime | None, expected: bool) -> None:
    assert is_due(done, LATEST, FOLLOWING) is expected
