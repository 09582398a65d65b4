"""Finds the columns of a table that hold its time, and their format."""

import re

import pandas as pd

from ..sources.time_formats import TICKS
from .guess_formats import ambiguity, of_text
from .guess_parts import NAMES, YEARS, in_names, pairs, parts_of
from .time_columns import CLOCK, DAY, MONTH, UNKNOWN, YEAR, Times

SAMPLE = 2_000  # different values of a column to judge by
UNITS = {
    "unix": "seconds",
    "unix_ms": "milliseconds",
    "unix_us": "microseconds",
    "unix_ns": "nanoseconds",
}
DIGITS = (
    (14, "%Y%m%d%H%M%S", CLOCK),
    (12, "%Y%m%d%H%M", CLOCK),
    (8, "%Y%m%d", DAY),
    (6, "%Y%m", MONTH),
)
SECONDS = (1e8, 4.2e9)  # 1973 to 2103 as seconds since 1970
LIKELY = re.compile(r"time|date|datum|stamp|(^|[^a-z])(ts|dt|epoch|period|zeit)([^a-z]|$)", re.I)
UNLIKELY = re.compile(r"updat|creat|modif|load|birth|expir|end", re.I)  # of another moment
NUMBERED = re.compile(r"column\d+")  # of a table without a header


def guess_times(data: pd.DataFrame) -> list[Times]:
    """Return the columns that may hold the time, the best first."""
    single = [it for name in data if (it := _column(str(name), data[name]))]
    found = [*single, *pairs(data, single), *parts_of(data)]
    found = [it for it in found if not _is_constant(data, it)]
    found += [it for it in [in_names(data)] if it and (it.columns or not found)]
    return sorted(found, key=lambda it: -_rank(it))


def _rank(times: Times) -> float:
    if times.format == UNKNOWN:
        return -10
    name = "".join(times.columns[:1]).rpartition(".")[2]
    likely = 0.5 * bool(LIKELY.search(name)) - 5 * bool(UNLIKELY.search(name))
    exact = 0.25 * (name.lower() in ("time", "timestamp", "date", "datetime"))
    return times.precision + 2 * times.aware + likely + exact


def _is_constant(data: pd.DataFrame, times: Times) -> bool:
    """Return whether all rows have the same time; a column that is called so may."""
    same = all(data[it].nunique() < 2 for it in times.columns) and len(data) > 1
    return same and not (LIKELY.search(times.columns[0]) and times.precision == CLOCK)


def _column(name: str, column: pd.Series) -> Times | None:
    """Return how a column holds times, if it does."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        aware = isinstance(column.dtype, pd.DatetimeTZDtype)
        days = not aware and (column.dropna() == column.dropna().dt.normalize()).all()
        return Times([name], "", DAY if days else CLOCK, aware)
    values = column.dropna()
    if values.empty or pd.api.types.is_bool_dtype(column.dtype):
        return None
    if values.dtype == object:  # lists, and dates that are no text
        values = values.astype(str)
    values = pd.Series(values.unique())
    if pd.api.types.is_numeric_dtype(column.dtype):
        return _number(name, values)
    values = values.astype(str).str.strip()
    values = values[values != ""]
    found = of_text(name, values.iloc[:: max(1, len(values) // SAMPLE)])
    if found and found.questions and len(values) > SAMPLE:  # one of the others may be the proof
        return of_text(name, values) or found
    return found


def _number(name: str, values: pd.Series) -> Times | None:
    """Return how numbers hold times: as epochs, as digits, or as years."""
    low, high, likely = values.min(), values.max(), bool(LIKELY.search(name))
    whole = bool((values % 1 == 0).all())
    is_year = name.strip().lower() in NAMES["year"]
    if YEARS[0] <= low and high <= YEARS[1] and (likely or is_year):
        if whole:
            return Times([name], "%Y", YEAR)
        said = (
            f"{name} holds years with a fraction, as in {values.iloc[0]:g}, which no time_format "
            "describes: convert it in the function rows of reading.py"
        )
        return Times([name], UNKNOWN, YEAR, questions=[said])
    if not whole:
        return _epoch(name, low, high) if likely else None
    for digits, time_format, precision in DIGITS:
        text = values.astype("int64").astype(str)
        if text.str.len().eq(digits).all() and text.str[:4].astype(int).between(*YEARS).all():
            parsed = pd.to_datetime(text, format=time_format, errors="coerce")
            if parsed.notna().all() and (likely or (digits >= 8 and len(text) > 20)):
                return Times([name], time_format, precision)
    if (likely or NUMBERED.fullmatch(name)) and len(values) > 20 and high < 1_000_000:
        return _short_years(name, values)
    return _epoch(name, low, high) if likely else None


def _epoch(name: str, low: float, high: float) -> Times | None:
    """Return how numbers count from 1970, if they do: their size tells the unit."""
    for time_format, unit in UNITS.items():
        ticks = 1e6 / TICKS[time_format]
        if SECONDS[0] * ticks <= low and high <= SECONDS[1] * ticks:
            note = f"{name} counts {unit} since 1970"
            return Times([name], time_format, CLOCK, aware=True, notes=[note])
    return None


def _short_years(name: str, values: pd.Series) -> Times | None:
    """Return how numbers such as 580329 hold days, if they do."""
    texts = values.astype("int64").astype(str).str.zfill(6)
    parsed = pd.to_datetime(texts, format="%y%m%d", errors="coerce")
    if parsed.isna().any():
        return None
    if parsed.max() <= pd.Timestamp.now():
        questions = ambiguity(name, texts, ["%y%m%d"])
        return Times([name], "%y%m%d", DAY, questions=questions)
    said = (
        f"{name} holds years of two digits, as in {texts.iloc[0]}, and some would be in the "
        "future: convert it in the function rows of reading.py"
    )
    return Times([name], UNKNOWN, DAY, questions=[said])
