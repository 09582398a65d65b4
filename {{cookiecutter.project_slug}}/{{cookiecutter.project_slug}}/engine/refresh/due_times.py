"""When a refresh is due: once per period, or at set times in the configured zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ..config import cron
from ..data.snapshot import EPOCH
from ..settings import Refresh


def due_times(refresh: Refresh, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Return the latest due time and the next one, in UTC.

    A daily time that daylight saving skips or repeats is due once.
    """
    if refresh.cron:
        return cron.around(refresh.cron, zone, now)
    if not refresh.daily_at:
        latest = now - (now - EPOCH) % refresh.every
        return latest, latest + refresh.every
    today = now.astimezone(zone).date()
    due = [
        datetime.combine(today + timedelta(days=day), at, zone).astimezone(UTC)
        for day in (-1, 0, 1)
        for at in refresh.daily_at
    ]
    return max(it for it in due if it <= now), min(it for it in due if it > now)


def is_due(done: datetime | None, latest: datetime, following: datetime) -> bool:
    """Return whether the refresh of the latest due time has not been done yet.

    If the clock was set back a little, `done` may equal `following`: that refresh is not repeated.
    If `done` is later still, the clock was set back further, and the schedule starts afresh.
    """
    return done is None or not latest <= done <= following
