"""Divides series among panels: by unit, and by size where the small ones would be flat lines."""

from itertools import pairwise

import pandas as pd

# How many times larger the largest series of a panel may be than the smallest, with and without a
# unit: with one, the comparison itself says something.
SPANS = {True: 1000.0, False: 30.0}
# Sizes divide a panel only while there are fewer than these. Four push the time axis out of a
# laptop's window; without a unit, flat lines would be worse.
PANELS = {True: 3, False: 8}
GAP = 3.0  # a panel is divided only where sizes differ at least this much from one to the next


def divide(units: pd.Series, sizes: pd.Series) -> list[int]:
    """Return the panel of each series, numbered in the order of the series.

    `sizes`: the largest absolute value of each. Series of very different sizes are divided at the
    widest gap between them, so that small changes of the data rarely move one to another panel.
    """
    groups = [_sorted(sizes[units == unit]) for unit in units.unique()]
    while True:
        gaps = [_widest(it, bool(units[it.index[0]]), len(groups)) for it in groups]
        gap, at = max(gaps, default=(0.0, 0))
        if gap < GAP:
            break
        group = groups.pop(gaps.index((gap, at)))
        groups += [group.iloc[:at], group.iloc[at:]]
    of = {name: number for number, group in enumerate(groups) for name in group.index}
    order = list(dict.fromkeys(of[name] for name in units.index))
    return [order.index(of[name]) for name in units.index]


def _sorted(sizes: pd.Series) -> pd.Series:
    """Sort sizes; a series without one, which has only zeros, counts as the smallest."""
    known = sizes.where(sizes > 0)
    return known.fillna(known.min()).fillna(1.0).sort_values(kind="stable")


def _widest(sizes: pd.Series, unit: bool, panels: int) -> tuple[float, int]:
    """Return where to divide a panel: its widest gap, as a factor, and the gap's place; or 0."""
    values = sizes.tolist()
    if panels >= PANELS[unit] or values[-1] <= SPANS[unit] * values[0]:
        return 0.0, 0
    return max((high / low, place) for place, (low, high) in enumerate(pairwise(values), 1))
