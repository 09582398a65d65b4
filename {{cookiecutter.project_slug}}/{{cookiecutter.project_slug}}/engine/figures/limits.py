"""Limits in series.csv: a number for readings, names of states for text."""

import math
import re
from typing import Literal

Level = Literal["ok", "warn", "critical", "none"]  # none: the series has no limits
NUMERIC = re.compile(r"[-+.]?\d")  # such as "70 °C", which is rather a mistake than a name


def parse(cell: object) -> tuple[float, tuple[str, ...]]:
    """Return the number in a cell and the names in it; either may be missing. Raises ValueError.

    Several names are separated by "|". A number may be a name, too, as in a state `404`.
    """
    if not isinstance(cell, str):  # an empty cell
        return math.nan, ()
    names = tuple(filter(None, (it.strip() for it in cell.split("|"))))
    try:
        return float(cell), names
    except ValueError:
        if not names or ("|" not in cell and NUMERIC.match(cell)):
            raise ValueError(
                f"{cell!r} is neither a number nor a state: write a number such as 70, or names "
                'separated by "|"'
            ) from None
        return math.nan, names


def rate(state: str, warn: tuple[str, ...], critical: tuple[str, ...]) -> Level:
    """Compare a state with the limits of its series."""
    if not warn and not critical:
        return "none"
    return "critical" if state in critical else "warn" if state in warn else "ok"
