"""Finds the formats of times that are written as text."""

import re
from email.utils import parsedate_to_datetime

import pandas as pd

from ..data.tables import DataError
from ..sources import time_formats
from .cells import CLOCK as CLOCKS
from .cells import TIME, ZONE
from .time_columns import CLOCK, DAY, MONTH, YEAR, Times

PARTS = re.compile(rf"(\[?)(.*?\d.*?)(?:([T:, ]{{1,2}})({CLOCKS})( ?)({ZONE})?)?(\]?)")
MOST = 0.95  # the least share of values that are times
PLAIN = re.compile(r"1[5-9]\d\d|2[01]\d\d")


def of_text(name: str, values: pd.Series) -> Times | None:
    """Return how texts hold times."""
    if values.empty or not TIME.fullmatch(values.iloc[0]):
        return None
    if _is_rfc2822(values):
        return Times([name], "rfc2822", CLOCK, aware=True)
    parts = values.str.extract(f"^{PARTS.pattern}$")
    parts = parts[parts[1].notna()]
    if len(parts) < MOST * len(values):
        return None
    clock = clock_format(parts[3].dropna())
    if clock is None or (parts[3].notna().any() and not parts[3].notna().all()):
        return _iso(name, values, None, parts)
    zone = "%z" if parts[5].notna().all() else ""
    dates = parts[1]
    if found := _iso(name, values, clock, parts):
        return found
    formats = _date_formats(dates)
    if not formats:
        return None
    precision = CLOCK if clock else _precision(formats[0])
    start, _, gap, _, space, _, end = parts.iloc[0].fillna("")
    whole = [f"{start}{it}{gap}{clock}{space * bool(zone)}{zone}{end}" for it in formats]
    questions = ambiguity(name, values, whole)
    return Times([name], whole[0], precision, bool(zone), questions=questions)


def _is_rfc2822(values: pd.Series) -> bool:
    if not re.match(r"[A-Z][a-z]{2}, \d", values.iloc[0]):
        return False
    try:
        return all(parsedate_to_datetime(it) for it in values)
    except ValueError:
        return False


def _iso(name: str, values: pd.Series, clock: str | None, parts: pd.DataFrame) -> Times | None:
    """Return times as ISO 8601, which needs no format."""
    if not re.match(r"\d{4}-?\d\d-?\d\d|\d{4}/\d\d/\d\d|\d{4}-\d\d", values.iloc[0]):
        return None
    if pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True).notna().mean() < MOST:
        return None
    has_clock = parts[3].notna().any()
    months = not has_clock and values.str.fullmatch(r"\d{4}-\d\d").all()
    precision = CLOCK if has_clock else MONTH if months else DAY
    return Times([name], "", precision, parts[5].notna().all())


def clock_format(clocks: pd.Series) -> str | None:
    """Return the format of times of day; None if they differ."""
    if clocks.empty:
        return ""
    shapes = set(clocks.map(lambda it: re.sub(r"\d+", "0", it).upper().replace("AM", "PM")))
    if len(shapes) > 1:
        return None
    shape = shapes.pop()
    half = "PM" in shape
    parts = ["%I" if half else "%H", "%M", "%S"][: shape.count(":") + 1]
    return ":".join(parts) + ".%f" * ("." in shape) + " " * (" PM" in shape) + "%p" * half


def _date_formats(dates: pd.Series) -> list[str]:
    """Return the formats that fit all dates and read them differently, the likeliest first."""
    known = pd.Series(dates.unique())
    first = known.iloc[0]
    if first.isdecimal() and not PLAIN.fullmatch(first):
        return []
    gap = "".join(re.findall(r"[^\w,.]|\.(?! )", first)[:1])
    candidates = [
        it.replace("-", gap)
        for it in (
            "%Y-%m-%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%m-%Y",
            "%Y-%m", "%b-%d-%Y", "%b-%d,-%Y", "%d-%b-%Y", "%d-%b-%y", "%Y-%b-%d", "%Y-%b",
            "%b-%Y", "%b-%y", "%d.-%b-%Y", "%Y-Q%q", "Q%q-%Y", "%Y",
        )
    ]  # fmt: skip
    readings: dict[str, pd.Series] = {}
    for it in dict.fromkeys(candidates):
        if fits(known.iloc[:1], it) and fits(known, it):
            times = parse(known, it)
            if not any(times.equals(other) for other in readings.values()):
                readings[it] = times
    return list(readings)


def fits(texts: pd.Series, time_format: str) -> bool:
    """Return whether all texts match a format."""
    return bool(parse(texts, time_format).notna().all())


def parse(texts: pd.Series, time_format: str) -> pd.Series:
    """Return the times that texts stand for, missing where one does not match the format."""
    try:
        found = time_formats.parse(texts.to_frame(), time_format)
    except DataError:  # none matches
        return pd.Series(pd.NaT, texts.index)
    return pd.to_datetime(found.astype(object), format="ISO8601", errors="coerce", utc=True)


def _precision(date_format: str) -> int:
    if "%d" in date_format:
        return DAY
    return MONTH if re.search("%[mbBq]", date_format) else YEAR


def ambiguity(name: str, values: pd.Series, formats: list[str]) -> list[str]:
    """Name two readings of the same dates; puts the one with the more regular steps first."""
    questions = []
    if len(formats) > 1:
        formats.sort(key=lambda it: _unevenness(values, it))
        differs = parse(values, formats[0]) != parse(values, formats[1])
        example = values[differs].iloc[0] if differs.any() else values.iloc[0]
        readings = [f"{parse(pd.Series([example]), it).iloc[0]:%d %B %Y}" for it in formats[:2]]
        questions.append(
            f"{name}: {example!r} is {readings[0]} or {readings[1]}; "
            f'time_format = "{formats[0]}" is assumed: otherwise set "{formats[1]}"'
        )
    if "%y" in formats[0]:
        times = parse(values, formats[0])
        questions.append(
            f"{name} has years of two digits, read as {times.min():%Y} to {times.max():%Y} "
            "(69 to 99 as 19…): if that is wrong, convert them in the function rows of reading.py"
        )
    return questions


def _unevenness(values: pd.Series, time_format: str) -> float:
    """Return how much the steps between times differ."""
    steps = parse(values, time_format).drop_duplicates().sort_values().diff().dt.total_seconds()
    return float(steps.std() / steps.mean()) if len(steps) > 2 else 0.0
