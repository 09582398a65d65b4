"""TEMP stand-in until the branch `sources` is merged."""

from zoneinfo import ZoneInfo

import pandas as pd


def to_utc(times: pd.Series, zone: ZoneInfo, day_zone: ZoneInfo) -> tuple[pd.Series, pd.Series]:
    """Return UTC times and the reasons of those that have none."""
    utc = pd.to_datetime(times, utc=True, format="ISO8601", errors="coerce")
    bad = utc.isna()
    reasons = times[bad].map(lambda it: "missing" if pd.isna(it) else "not a time")
    return utc.astype("datetime64[us, UTC]"), reasons
