"""Counts, sums or averages events in buckets of time."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

import numpy as np
import pandas as pd

from ..data.tables import DataError
from ..data.times import to_utc
from .shape import Shape
from .texts import label, only_used

DAY = timedelta(days=1)
MONDAY = np.datetime64("1969-12-29", "us")  # buckets of several days begin here: weeks on Mondays
MONTHS = {"month": 1, "quarter": 3, "year": 12}
SHORTEST = timedelta(days=28)  # a month
STARTS = {"month": "MS", "quarter": "QS", "year": "YS"}  # pandas' names
FILLED = ("count", "sum")
MOST = 10_000_000  # rows


def start_of_bucket(since: datetime, shape: Shape) -> datetime:
    """Return the start of the bucket that `since` falls into, or `since` without aggregation.

    A source that reads rows newer than a time must read from here: a bucket that lacks its first
    rows would replace the whole one. Pass the same time to `aggregate` as `first`.
    """
    if not shape.aggregate:
        return since
    start = _starts(pd.DatetimeIndex([since]).tz_convert("UTC").as_unit("us"), shape)
    if start.tz is None:
        first = np.array([True])
        start = start.tz_localize(shape.timezone, ambiguous=first, nonexistent="shift_forward")
    found: datetime = start[0].to_pydatetime()
    return found.astimezone(since.tzinfo)


def aggregate(
    rows: pd.DataFrame, shape: Shape, first: datetime | None = None
) -> tuple[pd.DataFrame, Mapping[str, int]]:
    """Return one row for each bucket and series, and how many rows have no bucket, by reason.

    `rows` has `time`, `series` (a categorical) and `value` (a number). Buckets are aligned in
    the source's timezone; those of whole days come out as days. Between the first and the last
    bucket, a count or sum is 0 where a series has no row. Buckets that begin before `first`,
    the start of what was read, are left out, since their first rows may be missing.
    """
    zone = shape.timezone
    times, reasons = to_utc(rows["time"], zone, zone, rows[["series"]])
    left_out = {f"time: {why}": int(count) for why, count in reasons.value_counts().items()}
    usable = (times.notna() & rows["series"].notna()).to_numpy()
    if count := len(rows) - len(reasons) - int(usable.sum()):
        left_out["series is missing"] = count
    if not usable.all():
        rows, times = rows[usable], times[usable]
    starts = _starts(pd.DatetimeIndex(times), shape)
    if first and len(starts):
        limit = pd.Timestamp(first).tz_convert(zone)
        whole = starts >= (limit if starts.tz else limit.tz_localize(None))
        if count := int((~whole).sum()):
            left_out["in a bucket that begins before what was read"] = count
            rows, starts = rows[whole], starts[whole]
    return _group(rows, starts, shape), left_out


def _starts(utc: pd.DatetimeIndex, shape: Shape) -> pd.DatetimeIndex:
    """Return the start of each time's bucket: in UTC, or local and naive for whole days."""
    every, zone = shape.every, shape.timezone
    local = np.asarray(utc.tz_convert(zone).tz_localize(None).as_unit("us"))
    if isinstance(every, str):
        months = local.astype("M8[M]").astype(int)
        return pd.DatetimeIndex((months // MONTHS[every] * MONTHS[every]).astype("M8[M]")).as_unit(
            "us"
        )
    step = np.timedelta64(every)
    starts = pd.DatetimeIndex((local - MONDAY) // step * step + MONDAY)
    return starts if every % DAY == timedelta(0) else _localize(starts, utc, zone)


def _localize(starts: pd.DatetimeIndex, utc: pd.DatetimeIndex, zone: tzinfo) -> pd.DatetimeIndex:
    """Return local starts in UTC; of an hour that occurs twice, each is a bucket."""
    if str(zone) == "UTC":
        return starts.tz_localize("UTC")
    early, late = (
        starts.tz_localize(
            zone, ambiguous=np.full(len(starts), dst), nonexistent="shift_forward"
        ).tz_convert("UTC")
        for dst in (True, False)
    )
    return late.where(late <= utc, early)


def _group(rows: pd.DataFrame, starts: pd.DatetimeIndex, shape: Shape) -> pd.DataFrame:
    series = only_used(rows["series"]).cat
    names, filled = series.categories, shape.aggregate in FILLED
    buckets = starts.unique().sort_values()
    if filled and len(buckets):
        buckets = buckets.union(between(buckets, shape, len(names)))
    keys = buckets.get_indexer(starts) * len(names) + series.codes.to_numpy()
    values = pd.Series(rows["value"].to_numpy()).groupby(keys).agg(shape.aggregate).astype(float)
    if filled:
        values = values.reindex(range(len(buckets) * len(names)), fill_value=0.0)
    bucket, code = np.divmod(values.index.to_numpy(dtype=int), max(len(names), 1))
    days = starts.tz is None
    times = (
        label(np.datetime_as_string(np.asarray(buckets), "D"), bucket) if days else buckets[bucket]
    )
    found = {"time": times, "series": pd.Categorical.from_codes(code, names)}
    return pd.DataFrame({**found, "value": values.to_numpy()})


def between(buckets: pd.DatetimeIndex, shape: Shape, series: int) -> pd.DatetimeIndex:
    """Return all buckets from the first to the last. Raises DataError if they are too many.

    A wrong time in the future does not fill the years until then.
    """
    first, last, every = buckets[0], buckets[-1], shape.every
    last = min(last, max(first, pd.Timestamp.now(last.tz)))
    length = every if isinstance(every, timedelta) else SHORTEST * MONTHS[every]
    count = int((last - first) / length) + 1
    if count * series > MOST:
        raise DataError(
            f"{series:,} series in {count:,} buckets are too many: set a longer every in [source]"
        )
    if isinstance(every, str):
        return pd.date_range(first, last, freq=STARTS[every]).as_unit("us")
    if last.tz is None:
        return pd.date_range(first, last, freq=every).as_unit("us")
    # Half steps, so that no bucket is skipped where clocks change.
    return _starts(pd.date_range(first, last, freq=every / 2).as_unit("us"), shape).unique()
