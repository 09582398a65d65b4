"""Formats how much a series has changed."""

import math
from typing import Any

from . import units

MINUS, NONE = "\N{MINUS SIGN}", "\N{PLUS-MINUS SIGN}"


def change(times: Any, value: Any, row: Any) -> str:
    """Format the change from the first reading shown to the newest, as in "+2.1 in 1 h".

    That is the change over the period shown, or over as much of it as the series has readings for:
    the time between the two readings, rounded, is part of the text. `times`: of both, or of all, in
    microseconds; `row`: one of `catalog.survey`.
    """
    seconds = (times[-1] - times[0]) / 1e6
    difference = float(value[-1]) - float(value[0])
    if not seconds or not math.isfinite(difference):
        return ""
    size = units.text(abs(difference), row)
    digits = size.partition(" ")[0].partition("e")[0]
    is_zero = not any(it in "123456789" for it in digits)
    sign = NONE if is_zero else "+" if difference > 0 else MINUS
    return f"{sign}{size} in {_about(seconds)}"


def _about(seconds: float) -> str:
    """Format a duration in one unit, such as "1 h" for almost an hour."""
    for unit in ("d", "h", "min"):
        count = seconds / units.SECONDS[unit]
        if round(count, 2) >= 1:
            return f"{count:.0f} {unit}" if count >= 9.95 else f"{round(count, 1):g} {unit}"
    return units.duration(seconds)
