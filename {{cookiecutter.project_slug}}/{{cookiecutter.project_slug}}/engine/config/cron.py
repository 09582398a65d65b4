"""Cron expressions: when they are due, in a time zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = "minute, hour, day of the month, month and day of the week"
EXAMPLE = '"*/5 8-18 * * mon-fri"'
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
START = datetime(2026, 1, 1)  # the search for a first due time ends 50 years later


def check(text: str) -> str:
    """Return a valid or empty expression unchanged. Raises ValueError."""
    if not text:
        return text
    if len(text.split()) != 5:
        raise ValueError(f"write five fields ({FIELDS}), as in {EXAMPLE}")
    try:
        first = next(CronSim(text, START), None)
    except CronSimError as error:  # as in "Bad hour"
        part = str(error).removeprefix("Bad ").replace("-", " ").replace("of ", "of the ")
        raise ValueError(f"its {part} is not valid: write {FIELDS}, as in {EXAMPLE}") from error
    if first is None:
        raise ValueError(f"it is never due: write {FIELDS}, as in {EXAMPLE}")
    return text


def around(cron: str, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Return the latest due time and the next one, in UTC."""
    return (
        next(it for it in _due(cron, zone, now + SECOND, reverse=True) if it <= now),
        next(it for it in _due(cron, zone, now) if it > now),
    )


@lru_cache(maxsize=100)  # every poll needs it
def after(cron: str, zone: ZoneInfo, time: datetime, count: int) -> datetime:
    """Return the `count`-th due time after a time, in UTC."""
    for _ in range(count):
        time = next(it for it in _due(cron, zone, time) if it > time)
    return time


def _due(cron: str, zone: ZoneInfo, start: datetime, reverse: bool = False) -> Iterator[datetime]:
    """Yield the due times from a time on, in UTC.

    CronSim counts some expressions by the wall clock. So where a clock change is near, some of the
    first times may be on the other side of the start.
    """
    offsets = [(start + it).astimezone(zone).utcoffset() or timedelta(0) for it in (-DAY, DAY)]
    change = max(offsets) - min(offsets)
    local = (start + change if reverse else start - change).astimezone(zone)
    for it in CronSim(cron, local, reverse):
        yield it.astimezone(UTC)
