"""How fresh the data are: loading, live, stale or in error, and since when.

Between polls, an open page keeps counting: status_line.js marks the data as stale once `stale_in`
is over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ..config import cron
from ..settings import AnySettings
from .snapshot import Snapshot
from .store import Store
from .tables import counted

SKEW = timedelta(seconds=10)  # how much the clocks of several servers may differ
USUAL, QUIET = 3, 10  # usual intervals until a table is stale; a table of changes is irregular
UNKNOWN = timedelta(days=1)  # the assumed interval while each series has only one row


@dataclass(frozen=True)
class Freshness:
    """The state of the data at one moment; `age_seconds` is the age of the newest row.

    `newest` is its time, and None in tables without a time.
    """

    version: int | None
    age_seconds: float | None
    status: Literal["loading", "live", "stale", "error"]
    error: str
    refreshed: datetime | None = None
    stale_in: float | None = None
    stale: str = ""  # why
    newest: datetime | None = None

    @property
    def ready(self) -> bool:
        """Whether the data are fresh, even if the last refresh failed."""
        return self.version is not None and not self.stale

    @property
    def is_fault(self) -> bool:
        """Whether the stored data are unusable or the clock contradicts them; `stale` says why."""
        return self.status == "error" and bool(self.stale)


def check(settings: AnySettings, store: Store, now: datetime) -> Freshness:
    """Check the newest snapshot: before the first it is loading, then error, stale or live.

    Data are stale if their newest row is too old, or if no refresh has succeeded for too long. A
    table of changes may be silent for long: it counts only if there is no other table with a time.
    """
    snapshot, status = store.latest(), store.status()
    if snapshot is None:
        state: Literal["error", "loading"] = "error" if status.error else "loading"
        return Freshness(None, None, state, status.error)
    refreshed = max(status.refreshed or snapshot.created, snapshot.created)
    times = {name: newest(snapshot, name, now) for name in snapshot.paces}
    ages = {name: now - time for name, time in times.items()}
    age = min(ages.values()).total_seconds() if ages else None
    if fault := snapshot.fault or _clock_fault(snapshot, now):
        return Freshness(snapshot.version, age, "error", fault, refreshed, stale=fault)
    steady = [it for it, pace in snapshot.paces.items() if not pace.changes]
    left = {it: limit(settings, snapshot, it, times[it]) - ages[it] for it in steady or ages}
    stale_after = settings.app.stale_after or timedelta(0)
    missed = _until_due(settings, refreshed, USUAL)
    left[""] = max(stale_after, missed, 3 * status.takes) - (now - refreshed)
    first = min(left, key=left.__getitem__)
    stale_in, stale = left[first].total_seconds(), ""
    if stale_in < 0:
        since = _clock(settings, times[first] if first else refreshed)
        stale = f"No new rows of {first}" if first else "No refresh has succeeded"
        stale = f"{stale} since {since}."
    elif not (snapshot.paces or any(map(len, snapshot.tables.values()))):
        stale, stale_in = "The source has returned no rows yet.", 0.0
    state_now: Literal["stale", "error", "live"] = (
        "stale" if stale else "error" if status.error else "live"
    )
    last = max(times.values(), default=None)
    return Freshness(
        snapshot.version, age, state_now, status.error, refreshed, stale_in, stale, last
    )


def newest(snapshot: Snapshot, name: str, now: datetime) -> datetime:
    """Return the time of a table's newest row, ignoring rows in the future."""
    time = snapshot.paces[name].newest
    if time <= now:
        return time
    times = snapshot.visible(name)["time"]
    end = times.searchsorted(now, "right")
    return times.iloc[end - 1].to_pydatetime() if end else now


def limit(settings: AnySettings, snapshot: Snapshot, name: str, last: datetime) -> timedelta:
    """Return the age at which a table is stale: as set, or a multiple of its usual interval.

    `last` is the time of its newest row. Nights and weekends without a due time do not count.
    """
    if settings.app.stale_after is None:
        return timedelta.max
    if settings.app.stale_after:
        return settings.app.stale_after
    pace = snapshot.paces[name]
    intervals = QUIET if pace.changes else USUAL
    usual = intervals * (pace.distance or UNKNOWN)
    if settings.refresh.cron:  # the refresh after that may bring rows, if it succeeds
        usual += _until_due(settings, last + usual, 1) + settings.refresh.timeout
    return max(usual, _until_due(settings, last, intervals))


def _until_due(settings: AnySettings, time: datetime, count: int) -> timedelta:
    """Return how long after a time this number of refreshes will have been due."""
    refresh = settings.refresh
    if refresh.cron:
        return cron.after(refresh.cron, settings.app.timezone, time, count) - time
    return count * (timedelta(days=1) if refresh.daily_at else refresh.every)


def problems(settings: AnySettings, store: Store, state: Freshness) -> list[str]:
    """Return a sentence for each problem.

    Every viewer sees these. Error texts may name hosts, queries and files, so they stay in the log.
    """
    snapshot, status = store.latest(), store.status()
    says_why = state.is_fault or not status.failing_since
    sentences = [state.stale] if state.stale and says_why else []
    if status.failing_since:
        last = state.refreshed
        shown = f"Showing the data of {_clock(settings, last)}. " if last else ""
        since = _clock(settings, status.failing_since)
        finds = f": look for {status.incident} in the server's log" if status.incident else ""
        sentences.append(f"{shown}Refreshes have failed since {since}{finds}.")
    for name in dict.fromkeys(it.table for it in status.rejected):
        own = [it for it in status.rejected if it.table == name]
        why = ", ".join(f"{it.reason} ({it.count:,})" if own[1:] else it.reason for it in own)
        sentences.append(f"{counted(sum(it.count for it in own))} of {name} set aside: {why}.")
    if snapshot is None:
        return sentences
    # Viewers poll often, so tables are looked at only if they can have such rows.
    for name in (it for it, pace in snapshot.paces.items() if pace.newest > snapshot.horizon):
        hidden = len(snapshot.tables[name]) - len(snapshot.visible(name))
        if hidden:
            sentences.append(
                f"{counted(hidden)} of {name} hidden: later than this computer's clock. "
                "Correct the clock; if it is right, restart with an empty store."
            )
    return sentences


def remarks(store: Store) -> list[str]:
    """Return a sentence for rows that are left out although all is well."""
    sentences, status = [], store.status()
    for it in status.overwritten:
        have = "has" if it.count == 1 else "have"
        sentences.append(
            f"{counted(it.count)} of {it.table} {have} {it.reason}; only the last is shown."
        )
    for it in status.older:
        verb = "is" if it.count == 1 else "are"
        sentences.append(f"{counted(it.count)} of {it.table} {verb} left out: {it.reason}.")
    return sentences


def _clock(settings: AnySettings, time: datetime) -> str:
    return f"{time.astimezone(settings.app.timezone):%Y-%m-%d %H:%M:%S}"


def _clock_fault(snapshot: Snapshot, now: datetime) -> str:
    """Return a message if the data are from the future according to this computer's clock."""
    newest = max((it.newest for it in snapshot.paces.values()), default=snapshot.created)
    if snapshot.created > now + SKEW or newest > snapshot.horizon:
        return (
            f"The data are from {max(newest, snapshot.created):%Y-%m-%d %H:%M} UTC, but this "
            f"computer's clock says {now:%Y-%m-%d %H:%M} UTC: correct the clock."
        )
    return ""
