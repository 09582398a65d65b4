"""Decides which changes of conditions are due to be reported; pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

LEVELS = ("ok", "warn", "critical")  # the worst one last
OK = LEVELS[0]
NONE = "none"


class Condition(NamedTuple):
    """The state of something watched: "ok", "warn" or "critical", and a text about it.

    "none" is the level of a series without limits. It counts as "ok", but is not called so.
    """

    level: str
    text: str


@dataclass(frozen=True)
class Change:
    """A change of level to report, the time it began, and a text about it.

    `level` may be "none".
    """

    key: str
    before: str
    level: str
    text: str
    since: datetime


def due(
    reported: Mapping[str, str],
    pending: Mapping[str, datetime],
    found: Mapping[str, Condition],
    now: datetime,
    lasting: timedelta,
) -> tuple[dict[str, str], dict[str, datetime], list[Change]]:
    """Return the levels reported, the changes still pending, and those that are due.

    A change is due once it has lasted for `lasting`. `reported`: the last reported level of each
    key that is not "ok". `pending`: since when a key has been above or below a level, contrary to
    what was reported. A key that is not in `found` is unknown and stays as it is.
    """
    reported, pending, changes = dict(reported), dict(pending), []
    for key, (level, text) in found.items():
        before, rank = rank_of(reported.get(key, OK)), rank_of(level)
        after, since = before, now
        for limit in (1, 2):  # separately: a change between "warn" and "critical" is no recovery
            name = f"{LEVELS[limit]} {key}"
            began = min(pending.pop(name, now), now)  # the clock may have been set back
            if (rank >= limit) == (before >= limit):
                continue
            if now - began < lasting:
                pending[name] = began
                continue
            after += 1 if rank >= limit else -1
            since = min(since, began)
        if after != before:
            reported[key] = LEVELS[after]
            level = level if after == rank else LEVELS[after]
            changes.append(Change(key, LEVELS[before], level, text, since))
    return {it: level for it, level in reported.items() if level != OK}, pending, changes


def rank_of(level: str) -> int:
    """Return the position of a level in LEVELS. Raises ValueError for any other word."""
    if level not in (*LEVELS, NONE):
        raise ValueError(f'the level is "ok", "warn", "critical" or "none", not {level!r}')
    return 0 if level == NONE else LEVELS.index(level)
