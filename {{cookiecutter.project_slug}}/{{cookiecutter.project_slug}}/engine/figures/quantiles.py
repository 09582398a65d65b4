"""Quantiles of many values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

MANY, SAMPLE = 20_000, 1000  # values
BINS = 4096


def quantiles(values: Any, shares: Sequence[float]) -> Any:
    """Return the same as np.quantile, which takes several times as long for many values.

    It counts the values in bins first, so that only those in a few bins need sorting.
    """
    last = len(values) - 1
    if last < MANY or np.isnan(values.min()):
        return np.quantile(values, shares)
    sample = np.sort(values[:: len(values) // SAMPLE])
    low, high = sample[[SAMPLE // 100, -SAMPLE // 100]]  # the outer bins take the rest
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        scale = BINS / (high - low)
        if not 0 < scale < np.inf:
            return np.quantile(values, shares)
        bins = np.clip((values - low) * scale, 0, BINS - 1).astype("int16")
    until = np.bincount(bins, minlength=BINS).cumsum()
    places = last * np.array(shares)
    before = np.floor(places).astype(int)
    around = np.array([before, np.minimum(before + 1, last)])
    ends, of = np.empty(around.shape), until.searchsorted(around, "right")
    for it in np.unique(of):
        own, here = values[bins == it], of == it
        at = around[here] - until[it] + len(own)
        own.partition(at)
        ends[here] = own[at]
    # np.quantile of the two values around each place does the rest, and rounds in the same way.
    return np.quantile(ends, places - before, axis=0).diagonal()
