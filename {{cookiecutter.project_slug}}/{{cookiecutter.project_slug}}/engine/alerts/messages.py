"""The text of a message."""

from collections.abc import Sequence
from typing import NamedTuple

from ..diagnostics.errors import one_line
from ..settings import AnySettings
from .changes import LEVELS, OK, Change, rank_of

WORDS = {"none": "Unknown", "ok": "OK again", "warn": "Warning", "critical": "Critical"}


class Message(NamedTuple):
    """A message, and the worst level in it."""

    title: str
    body: str
    level: str


def compose(settings: AnySettings, changes: Sequence[Change]) -> Message:
    """Return a message with a line for each change, the worst first."""
    worst_first = sorted(changes, key=lambda it: (-rank_of(it.level), it.since))
    first, more = worst_first[0], len(changes) - 1
    count = f" and {more} more" if more else ""
    title = one_line(f"{settings.app.title}: {_summary(first)}{count}")
    lines = [_line(settings, it) for it in worst_first]
    link = [f"\n{settings.alerts.link}"] if settings.alerts.link else []
    return Message(title, "\n".join([*lines, *link]), first.level)


def trial(settings: AnySettings) -> Message:
    """Return a test message."""
    text = "This is a test message. No action is needed."
    link = f"\n\n{settings.alerts.link}" if settings.alerts.link else ""
    return Message(one_line(f"{settings.app.title}: test message"), text + link, OK)


def _line(settings: AnySettings, change: Change) -> str:
    since = change.since.astimezone(settings.app.timezone)
    eased = " (was critical)" if (change.before, change.level) == (LEVELS[2], LEVELS[1]) else ""
    return one_line(f"{_summary(change)}{eased}, since {since:%Y-%m-%d %H:%M:%S}")


def _summary(change: Change) -> str:
    return f"{WORDS[change.level]}: {change.text.removesuffix('.')}"  # more text follows
