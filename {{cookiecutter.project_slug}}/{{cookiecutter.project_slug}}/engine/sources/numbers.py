"""Parses numbers as people write them: "$1,200.50" and "12 %"."""

import re
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CURRENCIES = "$€£¥"
MINUS = "\u2212"  # the sign that word processors and web pages use


def parse(texts: pd.Index, decimal: str = ".", thousands: str = "") -> NDArray[np.float64]:
    """Return the numbers that texts stand for, NaN where one is no number.

    pandas leaves a whole column as text if one of its cells is no number: the others may then
    have a decimal comma. A currency or percent sign is a unit: 12 % is 12. Accountants write
    (12) for -12.
    """
    found = np.full(len(texts), np.nan)
    if (decimal, thousands) == (".", ""):
        found = pd.to_numeric(texts.to_series(), errors="coerce").to_numpy(float).copy()
    number = _pattern(decimal, thousands)
    for at in np.flatnonzero(np.isnan(found)):
        if match := number.fullmatch(texts[at]):
            digits = match["digits"].replace(thousands, "") if thousands else match["digits"]
            signs = {match["before"], match["after"], match["open"]}
            sign = "-" if signs & {"-", MINUS, "("} else ""
            found[at] = float(sign + digits.replace(decimal, "."))
    return found


def unit(text: str) -> str:
    """Return the currency or percent sign of a number, or ""."""
    return next((it for it in f"{CURRENCIES}%" if it in text), "")


@lru_cache(maxsize=8)
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    whole = rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+" if thousands else r"\d+"
    point = re.escape(decimal)
    digits = rf"(?:(?:{whole})(?:{point}\d*)?|{point}\d+)(?:[eE][-+]?\d+)?"
    sign = rf"[-+{MINUS}]?"
    return re.compile(
        rf"\s*(?P<open>\()?(?P<before>{sign})\s?[{CURRENCIES}]?\s?(?P<after>{sign})"
        rf"(?P<digits>{digits})\s?[{CURRENCIES}%]?(?(open)\))\s*"
    )
