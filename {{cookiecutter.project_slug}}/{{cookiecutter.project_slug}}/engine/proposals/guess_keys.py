"""Finds the columns that name the series: with the time, they tell rows apart."""

from itertools import combinations

import pandas as pd

from .roles import FEW, Roles
from .time_columns import Times

DENSE = 0.3  # the least share of times at which a series of a table has a row
TWICE = 0.02  # at most, the share of rows with the time and series of another row
KEYS = 3  # at most
CANDIDATES = 8
STEADY = 0.4  # the least share of steps that are about as long as the usual one
ROWS = 50_000  # to judge by


def find_keys(
    data: pd.DataFrame, time: Times, roles: Roles, times: pd.Series
) -> tuple[list[str] | None, float]:
    """Return the columns that name the series, and the share of rows that are overwritten.

    `times` are the parsed times of the rows. None if no columns do: the rows are events.
    """
    data, times = data.head(ROWS), times.head(ROWS)
    most = TWICE * len(data)
    twice = int(data.duplicated(time.columns).sum())
    if twice <= most:
        return [], twice / len(data)
    columns = [*roles.texts, *roles.codes]
    named = [it for it in columns if 1 < data[it].nunique() <= len(data) / 2]
    for size in range(1, KEYS + 1):
        for keys in combinations(named[:CANDIDATES], size):
            count = int(data.duplicated([*time.columns, *keys]).sum())
            if count <= most and _are_series(data, time, list(keys), times, len(data) - count):
                return list(keys), count / len(data)
    return None, twice / len(data)


def find_unique(data: pd.DataFrame, columns: list[str], keys: list[str]) -> list[str]:
    """Return the fewest columns that, with the keys, tell all rows apart; none if none do."""
    for size in range(KEYS + 1):
        for more in combinations(columns[:CANDIDATES], size):
            both = [*keys, *more]
            if both and not data.duplicated(both).any():
                return list(more)
    return []


def steps(times: pd.Series) -> pd.Series:
    """Return the seconds between the different times, in order."""
    known = times.dropna().drop_duplicates().sort_values()
    return known.diff().dropna().dt.total_seconds().reset_index(drop=True)


def is_regular(times: pd.Series, least: float = STEADY) -> bool:
    """Return whether many steps are about as long as the usual one."""
    lengths = steps(times)
    if len(lengths) < 2:
        return True
    return bool((lengths / lengths.median()).between(0.8, 1.25).mean() > least)


def drop_attributes(data: pd.DataFrame, keys: list[str], roles: Roles) -> None:
    """Leave out columns that only describe a series, as a region describes a country."""
    columns = [*roles.numbers, *roles.texts, *roles.codes]
    rest = [it for it in columns if it not in keys and data[it].nunique() > 1]
    data = data.head(ROWS)
    if not keys or data.duplicated(keys).mean() < 0.5:
        return
    # Each key for itself, too: an age group has its first year, whatever the country.
    for by in dict.fromkeys([*((it,) for it in keys), tuple(keys)]):
        for name in rest:
            pairs = data[[*by, name]].drop_duplicates()
            if name not in roles.dropped and pairs.groupby(list(by)).size().max() == 1:
                roles.dropped[name] = f"the same for each {' · '.join(by)}"
    for role in (roles.numbers, roles.texts, roles.codes):
        role[:] = [it for it in role if it not in roles.dropped]


def _are_series(
    data: pd.DataFrame, time: Times, keys: list[str], times: pd.Series, rows: int
) -> bool:
    """Return whether the series have rows at many of the times, or at regular ones."""
    numbers = data.groupby(keys, sort=False, dropna=False).ngroup()
    sizes = numbers.value_counts()
    if len(sizes) > len(data) / 2:
        return False
    if rows >= DENSE * len(sizes) * len(data[time.columns].drop_duplicates()):
        return True
    return len(sizes) <= FEW and is_regular(times[numbers == sizes.index[0]], 0.7)
