"""Formats numbers and times, exactly as precise as the data."""

import math
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

LONGEST = 6  # decimals; numbers that need more are shown in scientific notation
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
HUGE = 1e15  # and so are larger numbers
UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
WORDS = {
    "year": timedelta(days=365),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "min": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


def decimals(values: Any) -> int | None:
    """Return how many decimals a series is shown with; None means scientific notation.

    As many as its values have; if they have more than two, enough for four significant digits, and
    for two of their range, so that small changes of large numbers are visible.
    """
    sizes = np.abs(values[values != 0])
    if not len(sizes):
        return 0
    usual = float(np.quantile(sizes, 0.9))
    own = next((it for it in range(LONGEST + 1) if _has(sizes, it, usual)), math.inf)
    digits = own if own <= 2 else min(own, max(3 - math.floor(math.log10(usual)), 0))
    if digits > LONGEST or usual >= HUGE:
        return None
    if digits < own:
        low, high = np.quantile(values, [0.05, 0.95])
        changing = 1 - math.floor(math.log10(high - low)) if high > low else 0
        digits = max(digits, min(changing, own, LONGEST))
    return int(digits)


def number(value: float, digits: int | None) -> str:
    """Write a number with its series' decimals."""
    if digits is None or abs(value) >= HUGE:
        mantissa, _, power = f"{value:z.4g}".partition("e")
        return f"{mantissa}e{int(power):+}" if power else mantissa
    return f"{value:z,.{digits}f}"


def d3_format(digits: int | None, largest: float) -> str:
    """Return the format with which Plotly shows numbers up to `largest` as `number` does."""
    return ".4~g" if digits is None or largest >= HUGE else f",.{digits}f"


def shorten(labels: list[str], length: int) -> list[str]:
    """Shorten long labels in the middle, or before they differ if they would look the same.

    Different labels stay different, unless they differ only deep within a long text.
    """
    short = [_without_middle(label, length) for label in labels]
    alike = defaultdict(set)
    for label, text in zip(labels, short, strict=True):
        alike[text].add(label)
    for at, label in enumerate(labels):
        if len(others := alike[short[at]]) > 1:
            first, last = min(others), max(others)  # the common prefix of all labels
            same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
            end = label[max(len(list(same)) - 2, 0) :].lstrip()
            start = label[: max(length - len(end) - 1, 0)].rstrip()
            short[at] = _without_middle(f"{start}{ELLIPSIS}{end}", length)
    return short


def _without_middle(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end].rstrip()}{ELLIPSIS}{text[-end:].lstrip()}"


def moment(time: datetime, zone: ZoneInfo) -> str:
    """Format a time in the zone; midnight is shown as a date."""
    time = time.astimezone(zone)
    is_day = not (time.hour or time.minute or time.second or time.microsecond)
    return f"{time:%Y-%m-%d}" if is_day else f"{time:%Y-%m-%d %H:%M}"


def duration(span: timedelta) -> str:
    """Format a duration as in the settings, in the largest unit that divides it."""
    for unit, size in UNITS.items():
        if not span % size:
            return f"{span // size}{unit}"
    return f"{span / timedelta(milliseconds=1):g}ms"


def words(span: timedelta) -> str:
    """Write a duration in words; 365 days are a year."""
    for name, size in WORDS.items():
        if not span % size:
            count = span // size
            return f"{count} {name}{'s' * (count != 1 and name not in ('min', 's'))}"
    return duration(span)


def about(span: timedelta) -> str:
    """Format a duration in words, with two significant digits."""
    sizes = [(name, span / size) for name, size in WORDS.items()]
    name, count = next((it for it in sizes if it[1] >= 1), sizes[-1])
    text = f"{count:.0f}" if count >= 10 else f"{count:.2g}"
    return f"{text} {name}{'s' * (text != '1' and name not in ('min', 's'))}"


def _has(sizes: Any, digits: int, usual: float) -> bool:
    """Return whether numbers have no more decimals than that, apart from rounding errors."""
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.abs(np.round(sizes, digits) - sizes)
    return bool((off <= 1e-13 * np.maximum(sizes, usual)).all())
