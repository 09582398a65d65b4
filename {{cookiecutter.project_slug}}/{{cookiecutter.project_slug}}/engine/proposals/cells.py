"""Tells numbers, times and missing marks from other text in a table's cells."""

import re
from collections.abc import Iterable

from ..sources.numbers import CURRENCIES, MINUS

NUMBER = re.compile(
    rf"\(?[-+{MINUS}]?[{CURRENCIES}]?[-+{MINUS}]?[\d.,' \u00a0]*\d[\d.,]*(?:[eE][-+]?\d+)?"
    rf"\s*[{CURRENCIES}%]?\)?"
)
MONTH = r"[^\W\d_]{3,9}\.?"
DATE = (
    rf"\d{{1,4}}[-/. ](?:\d{{1,2}}|{MONTH})(?:[-/. ]\d{{1,4}})?"  # 2026-01-31, 31 Jan 2026
    rf"|{MONTH}[-/ ]\d{{1,2}},?[-/ ]\d{{2,4}}|{MONTH}[-/ ]\d{{4}}"  # Jan 31, 2026; Jan 2026
    r"|\d{4}[-/ ]?Q0?[1-4]|Q0?[1-4][-/ ]\d{4}|Q0?[1-4]"
)
CLOCK = r"\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?"
ZONE = r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d)"
TIME = re.compile(
    rf"\[?(?:[A-Z][a-z]{{2,8}},? )?(?:{DATE})?[T:, ]{{0,2}}(?:{CLOCK})?\s?(?:{ZONE})?\]?"
)
MISSING = frozenset(
    [
        "",
        "na",
        "n/a",
        "#n/a",
        "nan",
        "null",
        "none",
        "nil",
        "-",
        "--",
        ".",
        "..",
        "...",
        "?",
        "*",
        "m",
    ]
)
SENTINELS = frozenset(
    [-99, -999, -9999, -99999, -99.9, -999.9, -99.99, -999.99, 9999, 99999, 999999, 9999.9]
)


def is_value(cell: str) -> bool:
    """Return whether a cell looks like a number or a time."""
    text = cell.strip()
    if not any(it.isdigit() for it in text) or len(text) > 50:
        return False
    return bool(NUMBER.fullmatch(text) or TIME.fullmatch(text))


def is_missing(cell: str) -> bool:
    """Return whether a cell looks like a mark of a missing value."""
    text = cell.strip().lower()
    return text in MISSING or (text.lstrip("-")[:2] == "99" and _number(text) in SENTINELS)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def share(cells: Iterable[bool]) -> float:
    """Return which share of the cells is true; 0 if there are none."""
    known = list(cells)
    return sum(known) / len(known) if known else 0.0
