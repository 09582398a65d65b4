"""Finds times that are spread over several columns, or over the names of columns."""

import re
from dataclasses import replace

import pandas as pd

from .cells import CLOCK as CLOCKS
from .guess_formats import ambiguity, clock_format, fits, parse
from .time_columns import CLOCK, DAY, MONTH, YEAR, Times

YEARS = (1500, 2200)
# The names of columns that hold a part of a time.
NAMES = {
    "year": {"year", "yr", "yyyy", "jahr", "annee", "année", "ano", "año", "anno"},
    "quarter": {"quarter", "qtr", "q", "quartal", "trimestre", "period"},
    "month": {"month", "mon", "mo", "mm", "monat", "mois", "mes"},
    "day": {"day", "dd", "dom", "mday", "tag", "jour", "dia", "día"},
    "hour": {"hour", "hr", "hh", "stunde", "heure", "hora"},
    "minute": {"minute", "min", "mi"},
}
LIMITS = {"year": YEARS, "quarter": (1, 4), "month": (1, 12), "day": (1, 31), "hour": (0, 24)}
DIGITS = {"year": "%Y", "quarter": "%q", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M"}


def pairs(data: pd.DataFrame, single: list[Times]) -> list[Times]:
    """Return pairs of a date and a time of day, or an hour."""
    dates = [it for it in single if it.precision == DAY and "%y" not in it.format]
    found = []
    for date in dates[:2]:
        for name in map(str, data):
            if not (clock := _clock_of(name, data[name])):
                continue
            day = date.format or "%Y-%m-%d"
            iso = not date.format and clock not in ("%H", "%H:%M:%S.%f")
            iso = iso and not data[name].astype(str).str.match(r"\s*24:").any()  # ISO ends at 23
            pair = [date.columns[0], name]
            whole = "" if iso and "%p" not in clock else f"{day} {clock}"
            asked = [re.sub('"(%[^"]+)"', rf'"\1 {clock}"', it) for it in date.questions]
            found.append(
                replace(date, columns=pair, format=whole, precision=CLOCK, questions=asked)
            )
    return found


def _clock_of(name: str, column: pd.Series) -> str:
    """Return the format of a column of times of day or hours, or ""."""
    if _part_of("hour", name, column):
        return "%H"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return ""
    values = column.dropna().astype(str).str.strip()
    if values.empty or not values.str.fullmatch(CLOCKS).all():
        return ""
    return clock_format(values) or ""


def parts_of(data: pd.DataFrame) -> list[Times]:
    """Return a year with the columns that hold the rest of the time."""
    parts = {
        part: [
            (str(name), found) for name in data if (found := _part_of(part, str(name), data[name]))
        ]
        for part in NAMES
    }
    if not parts["year"]:
        return []
    columns: list[str] = []
    formats: list[str] = []
    precision = YEAR
    for part in ("year", "month", "day", "hour", "minute"):
        if not parts[part]:
            break
        name, time_format = parts[part][0]
        columns, formats = [*columns, name], [*formats, time_format]
        precision = {"year": YEAR, "month": MONTH, "day": DAY}.get(part, CLOCK)
    if len(columns) == 1 and parts["quarter"]:
        name, time_format = parts["quarter"][0]
        columns, formats, precision = [*columns, name], [*formats, time_format], MONTH
    return [Times(columns, " ".join(formats), precision)] if len(columns) > 1 else []


def _part_of(part: str, name: str, column: pd.Series) -> str:
    """Return the format of a column that holds a part of a time, or ""."""
    if name.strip().lower().rpartition(".")[2] not in NAMES[part]:
        return ""
    values = column.dropna()
    if values.empty:
        return ""
    if pd.api.types.is_numeric_dtype(column.dtype):
        low, high = LIMITS.get(part, (0, 59))
        return DIGITS[part] if values.between(low, high).all() and (values % 1 == 0).all() else ""
    known = pd.Series(values.astype(str).str.strip().unique())
    if part == "month":
        return "%b" if fits(known, "%b") else ""
    if part == "quarter":
        quarters = {"Q%q": r"Q0?[1-4]", "%q": r"[1-4]"}
        return next((it for it, like in quarters.items() if known.str.fullmatch(like).all()), "")
    return ""


def in_names(data: pd.DataFrame) -> Times | None:
    """Return columns whose names are times, or months beside a column of years."""
    names = pd.Series([str(it) for it in data])
    for like, formats in (
        (r"(1[5-9]|20|21)\d\d", ["%Y"]),
        (r"\d{4}-\d\d-\d\d", [""]),
        (r"\d{4}-\d\d", ["%Y-%m"]),
        (r"\d{4} ?Q[1-4]", ["%YQ%q", "%Y Q%q"]),
        (r"\d{1,2}[/.]\d{1,2}[/.]\d{2,4}", ["%m/%d/%Y", "%m/%d/%y", "%d.%m.%Y", "%d/%m/%Y"]),
    ):
        found = names[names.str.fullmatch(like)]
        if len(found) < max(3, len(names) / 2):
            continue
        fitting = [it for it in formats if not it or fits(found, it)]
        if fitting:
            precision = YEAR if like.startswith("(") else DAY
            questions = ambiguity("the names of the columns", found, fitting)
            return Times([], fitting[0], precision, names=list(found), questions=questions)
    years = [it for it in names if _part_of("year", it, data[it])]
    found = names[parse(names, "%b").notna()] if years else names[:0]
    return Times(years[:1], "%Y %b", MONTH, names=list(found)) if len(found) == 12 else None
