"""Chooses the series to show when there are too many."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from . import lines

RANKS = {"critical": 0, "warn": 1}
FEW = 6  # cards that can be taken in at a glance, whatever their order


def most_important(
    readings: pd.DataFrame,
    known: pd.DataFrame,
    rate: Callable[[float, float, float], str],
    count: int,
) -> list[str]:
    """Return the names of at most `count` series: beyond their limits, then with large changes.

    The change is that from the first to the last reading, relative to the larger one; of equal
    ones, it is compared with those in the same panel. Both are rounded, and otherwise the order
    decides, so that few series come and go with each refresh.
    """
    if len(known) <= count:
        return list(known.index)
    points = lines.points(readings)
    ends = np.array([points[name].value[[0, -1]] for name in known.index])
    largest = np.abs(ends).max(axis=1)
    changes = np.abs(np.diff(ends / np.where(largest > 0, largest, 1)[:, None])[:, 0]).round(1)
    size = pd.Series(np.abs(ends[:, 1] - ends[:, 0]))
    share = size / size.groupby(known["panel"].to_numpy()).transform("max")
    shares = np.floor(np.log2(share.fillna(0).clip(lower=2.0**-20)))
    limits: Any = zip(ends[:, 1], known["warn"], known["critical"], strict=True)
    ranks = np.array([RANKS.get(rate(*it), 2) for it in limits])
    chosen = np.lexsort((-shares, -changes, ranks))[:count]
    return [known.index[it] for it in sorted(chosen)]


def worst_first(figures: list[Any]) -> list[Any]:
    """Sort KPIs by their state if there are many; otherwise keep their order."""
    if len(figures) <= FEW:
        return figures
    return sorted(figures, key=lambda it: RANKS.get(it.state, 2))
