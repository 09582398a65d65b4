"""Parses times in strptime's formats and in those that strptime lacks: epochs, quarters, mail."""

import re
from email.utils import parsedate_to_datetime

import numpy as np
import pandas as pd

from ..data.tables import DataError
from .texts import as_text, join, label

TICKS = {"unix": 1e6, "unix_ms": 1e3, "unix_us": 1, "unix_ns": 1e-3}  # microseconds
LAST = 253_402_300_800 * 1_000_000  # the year 10000, in microseconds
WHOLE = ("%Y", "%m", "%d", "%H", "%q")  # directives of whole numbers
CLOCK = re.compile("%[HIMSfpcXzZ]")
SAMPLE = 100  # rows
DIRECTIVE = re.compile("(%.)")
SPACE = re.compile(r"(\\ )+")  # as re.escape writes it
DIGITS = {"%Y": r"\d{4}", "%j": r"\d{1,3}"} | {f"%{it}": r"\d{1,2}" for it in "mdyHMS"}
ZEROS = {"%M": "0+", "%S": "0+", "%f": "0+"}
MONTHS = "January February March April May June July August September October November December"
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
NAMES = {
    **{it: f"|{number:02}|" for number, it in enumerate(MONTHS.lower().split(), 1)},
    **dict.fromkeys(DAYS.lower().split(), "|"),
}
NAMES |= {name[:3]: text for name, text in NAMES.items()} | {"sept": "|09|"}


def parse(columns: pd.DataFrame, time_format: str) -> pd.Series:
    """Return times for `data.times.to_utc`: in UTC if they have a zone, and days as text.

    Several columns are joined by a space. A value that does not match the format becomes quoted
    text, so that validation shows it and sets its row aside. Raises DataError if none matches.
    """
    days = time_format not in ("", *TICKS, "rfc2822") and not CLOCK.search(time_format)
    if (
        columns.shape[1] == 1
        and (times := _ready(columns.iloc[:, 0], time_format, days)) is not None
    ):
        return times
    text = join(columns, " ")
    if not time_format:
        return _iso(pd.Series(text, columns.index))
    texts = text.categories.str.strip()
    if time_format[-2:] in WHOLE:  # a gap turns a column of years into 1950.0
        texts = texts.str.removesuffix(".0")
    parsed = _parse(texts, time_format)
    lost = np.asarray(parsed.isna())
    if len(lost) and lost.all():
        example = texts[0][:40]
        raise DataError(f'no time matches time_format = "{time_format}": one is "{example}"')
    if not days and not lost.any():
        times = parsed.take(text.codes, allow_fill=True, fill_value=pd.NaT)
        return pd.Series(times, columns.index)
    zone = "+00:00" if parsed.tz else ""
    shown = np.datetime_as_string(np.asarray(parsed.tz_localize(None)), "D" if days else "us")
    found = [
        repr(it) if bad else f"{time}{zone}"
        for it, bad, time in zip(texts, lost, shown, strict=True)
    ]
    return pd.Series(label(found, text.codes), columns.index)


def _ready(times: pd.Series, time_format: str, days: bool) -> pd.Series | None:
    """Return a column that needs no parsing as text; for `days`, a time stands for its day."""
    if pd.api.types.is_datetime64_any_dtype(times.dtype):
        if not days or isinstance(times.dtype, pd.DatetimeTZDtype):
            return times
        codes, found = pd.factorize(times)
        return pd.Series(label(np.datetime_as_string(np.asarray(found), "D"), codes), times.index)
    is_number = pd.api.types.is_numeric_dtype(times.dtype) and times.notna().any()
    if is_number and not time_format:
        example = as_text(times.dropna().iloc[0])
        raise DataError(
            f"the times are numbers, such as {example}: set time_format in [source], "
            'as in "%Y", "unix" or "unix_ms"'
        )
    if is_number and time_format in TICKS:
        found = pd.Series(_from_epoch(times, TICKS[time_format]), times.index)
        return None if (found.isna() & times.notna()).any() else found
    return None if time_format else _iso(times)


def is_iso(values: pd.Series) -> pd.Series:
    """Return which values are times that need no format."""
    values = values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values
    return pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True).notna()


def _iso(times: pd.Series) -> pd.Series:
    """Return times as they are. Raises DataError if none needs no format."""
    if times.isna().all() or is_iso(times.iloc[:SAMPLE]).any() or is_iso(times).any():
        return times
    example = as_text(times.dropna().iloc[0])[:40]
    raise DataError(
        f'no time is ISO 8601, and one is "{example}": set time_format in [source], '
        'as in "%d.%m.%Y %H:%M"'
    )


def _parse(texts: pd.Index, time_format: str) -> pd.DatetimeIndex:
    """Return the times that texts stand for, NaT where one does not match the format."""
    if time_format in TICKS:
        numbers = pd.to_numeric(texts.to_series(), errors="coerce")
        return _from_epoch(numbers, TICKS[time_format])
    if time_format == "rfc2822":
        return pd.DatetimeIndex([_from_mail(it) for it in texts], dtype="datetime64[us, UTC]")
    if re.search("%[aAbB]", time_format):  # strptime expects the names of the locale
        texts = texts.str.replace(r"[A-Za-z]{3,}", _number, regex=True)
        time_format = re.sub("%[bB]", "|%m|", re.sub("%[aA]", "|", time_format))
    if "%q" in time_format:
        pattern = _pattern(time_format, "%q", "0?([1-4])", DIGITS)
        texts = texts.str.replace(pattern, _first_month, regex=True)
        time_format = time_format.replace("%q", "|%m|")
    if time_format.endswith("Z") and not time_format.endswith("%Z"):
        time_format = f"{time_format[:-1]}%z"
    times = _strptime(texts, time_format)
    if "%H" in time_format and times.hasnans:  # hour 24 is the end of the day
        pattern = _pattern(time_format, "%H", "(24)", {**DIGITS, **ZEROS})
        ends = times.isna() & texts.str.fullmatch(pattern)
        starts = _strptime(texts[ends].str.replace(pattern, r"\g<1>00\3", regex=True), time_format)
        values = times.to_series(index=range(len(times)))
        values[ends] = starts + pd.Timedelta(days=1)
        times = pd.DatetimeIndex(values)
    return times


def _strptime(texts: pd.Index, time_format: str) -> pd.DatetimeIndex:
    zoned = re.search("%[zZ]", time_format) is not None
    times = pd.to_datetime(texts, format=time_format, errors="coerce", utc=zoned)
    return pd.DatetimeIndex(times).as_unit("us")


def _from_epoch(numbers: pd.Series, tick: float) -> pd.DatetimeIndex:
    values = numbers.to_numpy(dtype=float, na_value=np.nan) * tick
    valid = np.abs(values) < LAST
    ticks = np.where(valid, np.round(np.where(valid, values, 0)), 0).astype("M8[us]")
    return pd.DatetimeIndex(np.where(valid, ticks, np.datetime64("NaT", "us")), tz="UTC")


def _from_mail(text: str) -> pd.Timestamp:
    try:
        time = pd.Timestamp(parsedate_to_datetime(text))
    except ValueError:
        return pd.NaT
    return time.tz_convert("UTC") if time.tzinfo else time.tz_localize("UTC")


def _number(word: re.Match[str]) -> str:
    return NAMES.get(word[0].lower(), word[0])


def _first_month(match: re.Match[str]) -> str:
    return f"{match[1]}|{3 * int(match[2]) - 2:02}|{match[3]}"


def _pattern(
    time_format: str, directive: str, target: str, fields: dict[str, str]
) -> re.Pattern[str]:
    """Return a pattern with three groups: before a directive, its target, and after it."""
    before, _, after = time_format.partition(directive)
    first, last = (
        "".join(
            fields.get(it, ".+?") if DIRECTIVE.fullmatch(it) else SPACE.sub(r"\\s+", re.escape(it))
            for it in DIRECTIVE.split(part)
        )
        for part in (before, after)
    )
    return re.compile(f"^({first}){target}({last})$", re.IGNORECASE)
