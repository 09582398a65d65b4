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


OSLO = "Europe/Oslo"


@pytest.mark.parametrize(
    ("cron", "now", "expected"),
    [
        ("*/5 8-18 * * mon-fri", "2026-03-06T11:02", ["2026-03-06T11:00", "2026-03-06T11:05"]),
        ("*/5 8-18 * * mon-fri", "2026-03-06T11:05", ["2026-03-06T11:05", "2026-03-06T11:10"]),
        ("*/5 8-18 * * mon-fri", "2026-03-08T12:00", ["2026-03-06T17:55", "2026-03-09T07:00"]),
        ("0 6,18 * * *", "2026-03-06T17:01", ["2026-03-06T17:00", "2026-03-07T05:00"]),
        ("0 0 L * *", "2026-02-14T12:00", ["2026-01-30T23:00", "2026-02-27T23:00"]),
        ("0 12 1 * *", "2026-02-14T12:00", ["2026-02-01T11:00", "2026-03-01T11:00"]),
        ("0 0 29 2 *", "2026-02-14T12:00", ["2024-02-28T23:00", "2028-02-28T23:00"]),
        # In spring, 02:00 is followed by 03:00, when skipped times are due.
        ("30 2 * * *", "2026-03-29T00:59", ["2026-03-28T01:30", "2026-03-29T01:00"]),
        ("30 2 * * *", "2026-03-29T01:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        ("*/20 * * * *", "2026-03-29T00:59", ["2026-03-29T00:40", "2026-03-29T01:00"]),
        # In autumn, 02:30 comes twice. A time of day is due once; an interval continues.
        ("30 2 * * *", "2026-10-25T00:29", ["2026-10-24T00:30", "2026-10-25T00:30"]),
        ("30 2 * * *", "2026-10-25T01:15", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("30 2 * * *", "2026-10-25T01:30", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("*/20 * * * *", "2026-10-25T00:59", ["2026-10-25T00:40", "2026-10-25T01:00"]),
        ("*/20 * * * *", "2026-10-25T01:15", ["2026-10-25T01:00", "2026-10-25T01:20"]),
    ],
)
def test_a_cron_expression_is_in_the_zone_of_the_dashboard(
    cron: str, now: str, expected: list[str]
) -> None:
    assert due(now, OSLO, cron=cron) == expected


@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "0,30 2,3 * * *", "*/20 1-4 * * *", "0 0 * * sun"])
def test_due_times_follow_each_other_around_daylight_saving(cron: str, day: str) -> None:
    """Each is the latest one until the next is due."""
    start, zone = datetime.fromisoformat(f"{day}T00:00Z"), ZoneInfo(OSLO)
    refresh = Refresh(cron=cron)
    for minute in range(0, 3 * 24 * 60, 5):
        now = start + timedelta(minutes=minute)
        latest, following = due_times(refresh, zone, now)
        assert latest <= now < following
        assert due_times(refresh, zone, following - SECOND) == (latest, following)
        assert due_times(refresh, zone, following)[0] == following


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
