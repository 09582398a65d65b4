"""Converts times to UTC; a time without a zone is in the source's zone, and a date is a day."""

import re
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]
DAY = 86_400_000_000  # microseconds
OFFSET = re.compile(r"[T ]\d.*(Z|[+-]\d\d(:?\d\d)?)$")  # of an ISO 8601 time
# pandas replaces these with the current time: such data would never be stale.
WORDS = ["now", "today"]
ISO: dict[str, Any] = {"format": "ISO8601", "errors": "coerce"}


def to_utc(
    times: pd.Series, zone: tzinfo, day_zone: tzinfo, series: pd.DataFrame | None = None
) -> tuple[pd.Series, pd.Series]:
    """Return times as datetime64[us, UTC], and the reason for each row that has no valid time.

    A time without a zone is in `zone`; a date without a time is midnight in `day_zone`. When clocks
    are set back, the order of the rows distinguishes the two hours, separately for each series
    (`series` has the columns that identify one). The reasons have the index of their rows.
    """
    if isinstance(times.dtype, pd.DatetimeTZDtype) and not times.hasnans:
        return times.astype("datetime64[us, UTC]"), pd.Series(dtype=object)
    wall, aware = _parse(times, zone)
    utc, twice = wall.tz_localize("UTC"), np.zeros(len(wall), bool)
    days = _days(times, wall) if {str(zone), str(day_zone)} != {"UTC"} else np.array([], int)
    naive = ~aware
    naive[days] = False
    if str(zone) != "UTC" and naive.any():
        local, twice = _localize(wall.where(naive), zone, series)
        utc = utc.where(~naive, local)
    if len(days):  # where the zone skips midnight, the day begins an hour later
        first = np.ones(len(days), bool)
        starts = wall[days].tz_localize(day_zone, ambiguous=first, nonexistent="shift_forward")
        utc = utc.to_series(index=range(len(utc)))
        utc.iloc[days] = starts.tz_convert("UTC")
        utc = pd.DatetimeIndex(utc)
    result = pd.Series(utc, index=times.index, name=times.name)
    return result, _reasons(times, wall, np.flatnonzero(utc.isna()), twice, zone)


def has_no_zone(times: pd.Series) -> bool:
    """Return whether any of these are times (not days) without a zone."""
    if pd.api.types.is_datetime64_any_dtype(times.dtype):
        return not isinstance(times.dtype, pd.DatetimeTZDtype) and bool(times.notna().any())
    return any(
        isinstance(it, (str, datetime)) and not _is_day(it) and not _is_aware(it)
        for it in times.dropna()
    )


def read_from(since: datetime, zone: tzinfo) -> datetime:
    """Return the time in `zone`; within an hour that occurs twice, a time before both.

    The source then returns all rows of both hours, and their order distinguishes them.
    """
    local = since.astimezone(zone).replace(fold=0)
    shift = (local.utcoffset() or timedelta()) - (local.replace(fold=1).utcoffset() or timedelta())
    return (local.replace(tzinfo=None) - shift).replace(tzinfo=zone)


def _parse(times: pd.Series, zone: tzinfo) -> tuple[pd.DatetimeIndex, Flags]:
    """Return naive times, converted to UTC where a row has a zone, and which rows have one."""
    if isinstance(times.dtype, pd.CategoricalDtype):
        times = times.astype(times.cat.categories.dtype)
    if pd.api.types.is_numeric_dtype(times.dtype):  # the unit and the epoch are unknown
        times = pd.Series(pd.NaT, index=times.index)
    elif times.dtype == object and pd.api.types.infer_dtype(times) != "string":
        numbers = np.fromiter((isinstance(it, (int, float)) for it in times), bool, len(times))
        times = times.mask(numbers)
    has_times = pd.api.types.is_datetime64_any_dtype(times.dtype)
    if not has_times and (words := times.isin(WORDS)).any():
        times = times.mask(words)
    some = np.zeros(len(times), bool)
    if str(zone) != "UTC" or has_times:
        try:
            parsed = pd.DatetimeIndex(pd.to_datetime(times, **ISO))
            if parsed.tz is None:
                return parsed.as_unit("us"), some
            return parsed.tz_convert("UTC").tz_localize(None).as_unit("us"), ~some
        except ValueError:  # zones are mixed, or only some rows have one
            some = np.fromiter(map(_is_aware, times), bool, len(times))
    parsed = pd.DatetimeIndex(pd.to_datetime(times, utc=True, **ISO))
    return parsed.tz_localize(None).as_unit("us"), some


def _is_aware(time: object) -> bool:
    if isinstance(time, str):
        return OFFSET.search(time) is not None
    return getattr(time, "tzinfo", None) is not None


def _days(times: pd.Series, wall: pd.DatetimeIndex) -> Numbers:
    """Return the positions of dates without a time."""
    if pd.api.types.is_datetime64_any_dtype(times.dtype):
        return np.array([], int)
    midnights = np.flatnonzero((wall.asi8 % DAY == 0) & ~wall.isna())
    found = np.fromiter(map(_is_day, times.iloc[midnights]), bool, len(midnights))
    days: Numbers = midnights[found]
    return days


def _is_day(time: object) -> bool:
    if isinstance(time, str):
        return len(time) <= len("2026-01-31")  # with a time it would be longer
    return isinstance(time, date) and not isinstance(time, datetime)


def _localize(
    wall: pd.DatetimeIndex, zone: tzinfo, series: pd.DataFrame | None
) -> tuple[pd.DatetimeIndex, Flags]:
    """Return local times as UTC, and which rows are ambiguous."""
    utc = wall.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").tz_convert("UTC")
    odd = np.flatnonzero(utc.isna() & ~wall.isna())
    if not len(odd):
        return utc, np.zeros(len(wall), bool)
    first, second = (
        wall[odd].tz_localize(zone, ambiguous=np.full(len(odd), dst), nonexistent="NaT").asi8
        for dst in (True, False)
    )
    fold = np.zeros(len(wall), int)  # how far apart the two times are; 0 for an unambiguous row
    fold[odd] = second - first  # also 0 for a skipped time, which has neither
    later, twice = _order(wall.asi8, fold, series)
    values = utc.asi8.copy()
    values[odd] = np.where(later[odd], second, first)
    values[twice] = pd.NaT.value
    return pd.DatetimeIndex(values.view("M8[us]")).tz_localize("UTC"), twice


def _order(wall: Numbers, fold: Numbers, series: pd.DataFrame | None) -> tuple[Flags, Flags]:
    """Return which rows belong to the later hour, and which stay ambiguous.

    A series runs through the hour, goes back, and runs through it again.
    """
    group = np.zeros(len(wall), int)
    if series is not None and len(series.columns):
        group = series.groupby(list(series), dropna=False, observed=True).ngroup().to_numpy()
    order = np.argsort(group, kind="stable")
    data = pd.DataFrame({"wall": wall, "fold": fold, "group": group}).iloc[order]
    data = data[data["wall"] != pd.NaT.value]
    data["step"] = data.groupby("group")["wall"].diff()
    inside = data["fold"] > 0
    distance = data["step"].where(data["step"] > 0).groupby(data["group"]).transform("median")
    repeats = ((data["step"] == 0) & ~inside).groupby(data["group"]).transform("any")
    goes_on = inside & inside.shift(fill_value=False) & (data["step"].abs() <= data["fold"])
    data["run"] = (~goes_on).cumsum()
    data = data.assign(distance=distance, repeats=repeats)[inside]

    # A small step back is a late row; one that leaves no unusual gap is the clock change.
    gap = data["fold"] + data["step"]
    usual = (1.5 * data["distance"]).fillna(data["fold"])
    back = (data["step"] < 0) | ((data["step"] == 0) & ~data["repeats"])
    back &= (gap <= np.maximum(data["fold"] / 2, usual)) & goes_on[inside]
    runs = data.assign(back=back).groupby("run")
    number, count = runs["back"].cumsum(), runs["back"].transform("sum")
    # Alternatively, each time occurs twice, as in a sorted table.
    times = data.groupby(["run", "wall"])
    pairs = (times["wall"].transform("size") == 2).groupby(data["run"]).transform("all")
    pairs &= ~data["repeats"]
    is_later = ((count == 1) & (number == 1)).mask(pairs, times.cumcount() == 1)
    later, twice = np.zeros(len(wall), bool), np.zeros(len(wall), bool)
    later[data.index[is_later]] = True
    twice[data.index[(count > 1) & ~pairs]] = True
    return later, twice


def _reasons(
    times: pd.Series, wall: pd.DatetimeIndex, lost: Numbers, twice: Flags, zone: tzinfo
) -> pd.Series:
    reasons = np.full(len(lost), "not a time", object)
    reasons[times.iloc[lost].isna()] = "missing"
    reasons[~wall[lost].isna()] = f"does not exist in {zone}"
    reasons[twice[lost]] = f"happens twice in {zone}"
    return pd.Series(reasons, index=times.index[lost], dtype=str)
