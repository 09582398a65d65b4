"""Adds the zeros of counts and sums that are read in parts."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from .events import DAY, between
from .shape import Shape
from .texts import label


def zeros(known: pd.DataFrame, new: pd.DataFrame, shape: Shape, day_zone: ZoneInfo) -> pd.DataFrame:
    """Return a row of 0 for each bucket, up to the newest, that a series has in neither table.

    `known` and `new` are valid readings: those before, and those that were just read, which do not
    know of a series that had no event meanwhile. A day begins in `day_zone`.
    """
    if known.empty or new.empty:
        return new[:0]
    is_day = isinstance(shape.every, str) or not shape.every % DAY
    before, after = (_buckets(it["time"], day_zone if is_day else None) for it in (known, new))
    newest = before.to_series().groupby(known["series"].array, observed=True).max()
    names = newest.index.astype(str).union(new["series"].astype(str).unique())
    newest = newest.set_axis(newest.index.astype(str)).reindex(names)
    start = before[0] if newest.isna().any() else newest.min()  # a new series has no bucket yet
    buckets = between(pd.DatetimeIndex([start, after.max()]), shape, len(names))
    number, at = np.divmod(np.arange(len(names) * len(buckets)), max(len(buckets), 1))
    is_known = buckets[at] <= pd.DatetimeIndex(newest)[number]
    is_known |= pd.MultiIndex.from_arrays([names[number], buckets[at]]).isin(
        pd.MultiIndex.from_arrays([new["series"].astype(str), after])
    )
    times = buckets[at[~is_known]]
    texts = times.strftime("%Y-%m-%d") if is_day else times
    return pd.DataFrame({"time": texts, "series": label(names, number[~is_known]), "value": 0.0})


def _buckets(times: pd.Series, day_zone: ZoneInfo | None) -> pd.DatetimeIndex:
    """Return the buckets that begin at some times: in UTC, or naive if they are whole days."""
    found = pd.DatetimeIndex(times).as_unit("us")
    return found.tz_convert(day_zone).tz_localize(None).normalize() if day_zone else found
