"""Chooses the time ranges that fit the data."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd

LADDER = [
    *(timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6)),
    *(timedelta(days=it) for it in (1, 7, 30, 365, 5 * 365, 10 * 365, 30 * 365)),
]
MOST = 4
LEAST = 5  # readings in a range


def fitting(span: timedelta, pace: timedelta) -> list[timedelta]:
    """Return up to four ranges, each shorter than the data's span and with a few readings.

    `pace`: the usual time between two readings of a series; if it is 0, there are no ranges.
    """
    # 1.02, because of leap years.
    found = [it for it in LADDER if LEAST * pace <= 1.02 * it and it < span] if pace else []
    places = np.linspace(0, len(found) - 1, min(MOST, len(found))).round().astype(int)
    return [found[it] for it in places]


def of_data(times: pd.Series, usual: Sequence[int]) -> list[timedelta]:
    """Return the ranges for sorted times; `usual`: each series' usual interval in microseconds."""
    paces = sorted(it for it in usual if it)
    if not paces or not len(times):
        return []
    pace = timedelta(microseconds=int(paces[len(paces) // 2]))
    return fitting((times.iloc[-1] - times.iloc[0]).to_pytimedelta(), pace)
