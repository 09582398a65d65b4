"""Finds which columns hold the values, and whether rows are measurements, events or a ranking."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from .guess_keys import drop_attributes, find_keys, find_unique, is_regular, steps
from .roles import FEW, Roles
from .time_columns import CLOCK, DAY, Times

BUCKETS = 400  # at most, for events
GOOD, BEST, MOST = range(2, 31), 12, 250  # how many series of events there should be
FREE = 5  # different texts that are states, even if each occurs only once
FILLED = 0.8  # the least share of rows with a name
COUNTS = {"count", "counts", "n", "number", "events", "hits", "requests", "anzahl"}
DAY_LONG, MONTH_LONG = 86_400, 2_629_800  # seconds
EVERY = {
    "1m": 60, "10m": 600, "1h": 3600, "6h": 21_600, "1d": DAY_LONG, "7d": 604_800,
    "month": MONTH_LONG, "quarter": 7_889_400, "year": 31_557_600,
}  # fmt: skip


@dataclass
class Shaping:
    """Keys of `[source]` for the shape of the rows, the columns of values, and remarks."""

    settings: dict[str, Any] = field(default_factory=dict)
    values: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def guess_shape(
    data: pd.DataFrame, time: Times | None, roles: Roles, times: pd.Series | None
) -> Shaping:
    """Return how rows become series; `times` are the parsed times. Changes the roles."""
    if time is None or times is None:
        return _ranking(data, roles)
    if time.names:
        return _across(data, time, roles)
    keys, twice = find_keys(data, time, roles, times)
    irregular = not is_regular(times)
    described = any(data[it].nunique() > FEW for it in roles.texts)
    nothing = not roles.numbers and not roles.texts
    if keys is None or (not keys and (nothing or (irregular and described))):
        return _events(data, time, roles, times, twice)
    if not keys and irregular and len(roles.numbers) == 1 and _is_count(roles.numbers[0]):
        return _sums(roles, times)
    shaping = Shaping()
    names = [it for it in roles.texts if data[it].nunique() > 1]
    if not keys and irregular and names and roles.numbers:
        keys = names[:1]
        shaping.questions.append(
            f'{names[0]} names the series or is a state; series = "{names[0]}" is assumed: '
            'for a state, set series = ""'
        )
    grow = [it for it in roles.numbers if time.precision == CLOCK and _only_grows(data[it])]
    if grow and not keys:
        shaping.notes.append(
            f"{_some(grow)} never fall{'s' * (len(grow) == 1)}: to show how fast a counter grows, "
            "compute its rate in the function rows of reading.py"
        )
    if twice:
        shaping.notes.append(f"{twice:.2%} of the rows share their time and series with another")
    drop_attributes(data, keys, roles)
    texts = [it for it in roles.texts if it not in keys]
    states = [it for it in texts if _is_state(data[it], bool(keys))]
    shaping.values = roles.numbers + states
    for name in texts:
        if name not in states:
            roles.dropped[name] = "text that differs from row to row"
    for name in roles.codes:
        if name not in keys:
            roles.dropped[name] = "codes"
    shaping.settings["series"] = _plain(keys)
    _set_values(shaping, data, [*time.columns, *keys])
    return shaping


def _is_state(column: pd.Series, has_keys: bool) -> bool:
    """Return whether a column of text has few different ones, perhaps beside series of numbers."""
    texts = column.dropna().astype(str)
    if has_keys and not pd.api.types.is_bool_dtype(column.dtype):
        texts = texts[pd.to_numeric(texts, errors="coerce").isna()]
    return bool(texts.nunique() <= min(FEW, max(FREE, len(texts) / 2)))


def _set_values(shaping: Shaping, data: pd.DataFrame, used: list[str]) -> None:
    """Set the columns of values: one by its name, several by "*" without others, or by a list."""
    values = shaping.values
    others = [it for it in map(str, data) if it not in [*used, *values]]
    if len(values) == 1:
        shaping.settings["value"] = values[0]
    elif len(others) > len(values):
        shaping.settings["value"] = values
    else:
        shaping.settings["value"] = "*"
        if others:
            shaping.settings["drop"] = others


def _only_grows(column: pd.Series) -> bool:
    known = pd.to_numeric(column, errors="coerce").dropna()
    if known.nunique() < len(known) / 2 or (known % 1 != 0).any():
        return False
    return bool((known.diff().dropna() >= 0).mean() > 0.9)


def _is_count(name: str) -> bool:
    return name.lower().strip() in COUNTS


def _events(
    data: pd.DataFrame, time: Times, roles: Roles, times: pd.Series, twice: float
) -> Shaping:
    """Count the rows by time and by the best column of names."""
    names = [it for it in [*roles.texts, *roles.codes] if data[it].notna().mean() > FILLED]
    likely = [it for it in names if data[it].nunique() in GOOD]
    likely.sort(key=lambda it: data[it].nunique() > BEST)
    likely = likely or [it for it in names if 1 < data[it].nunique() <= min(MOST, len(data) / 10)]
    every = _every(times, time.precision)
    settings = {"series": _plain(likely[:1]), "value": "", "aggregate": "count", "every": every}
    why = f"{twice:.0%} share their time with another" if twice else "irregular times"
    said = (
        f"the rows look like events ({why}), so they are counted: "
        f'aggregate = "count", every = "{every}"'
    )
    if likely[1:]:
        said += f"; series can also be {_some(likely[1:])}"
    if roles.numbers:
        said += f'; for sums or means, set value to {_some(roles.numbers)} and aggregate = "sum"'
    return Shaping(settings, questions=[said])


def _sums(roles: Roles, times: pd.Series) -> Shaping:
    """Add up counts, so that a time without a row counts as zero."""
    lengths = steps(times)
    fitting = [it for it, long in EVERY.items() if long <= DAY_LONG and (lengths % long == 0).all()]
    every, name = (fitting or ["1d"])[-1], roles.numbers[0]
    settings = {"series": "", "value": name, "aggregate": "sum", "every": every}
    said = (
        f"{name} seems to count events, so a time without a row means zero: the counts are added "
        f'up (aggregate = "sum", every = "{every}"); otherwise, remove aggregate and every'
    )
    return Shaping(settings, [name], [said])


def _every(times: pd.Series, precision: int) -> str:
    """Return the shortest bucket that leaves a readable number of them."""
    span = (times.max() - times.min()).total_seconds()
    least = 60 if precision == CLOCK else DAY_LONG if precision == DAY else MONTH_LONG
    fitting = (it for it, long in EVERY.items() if long >= least and span / long <= BUCKETS)
    return next(fitting, "year")


def _across(data: pd.DataFrame, time: Times, roles: Roles) -> Shaping:
    """Return the shape of a table whose columns are times."""
    others = [*roles.texts, *roles.codes]
    keys = find_unique(data, others, time.columns)
    for name in [*roles.numbers, *others]:
        if name not in keys:
            roles.dropped[name] = "its name is not a time"
    shaping = Shaping({"series": _plain(keys), "columns": "time"}, list(time.names))
    _set_values(shaping, data, [*time.columns, *keys])
    return shaping


def _ranking(data: pd.DataFrame, roles: Roles) -> Shaping:
    """Return the shape of a table without a time: an item in each row."""
    columns = [*roles.texts, *roles.codes]
    unique = [it for it in columns if data[it].nunique() >= 0.95 * len(data)]
    readable = [it for it in unique if data[it].astype(str).str.contains("[a-z]").mean() > 0.5]
    items = (readable or unique)[:1] or find_unique(data, columns, [])
    numbered = [it for it, why in roles.dropped.items() if why == "row numbers"]
    shaping = Shaping({}, roles.numbers)
    shaping.notes.append("no column holds times: the rows are a ranking, without a time")
    if not items:
        items = numbered[:1] or roles.texts[:1]
        known = f"{items[0] or 'the first column'} is assumed" if items else "none is likely"
        shaping.questions.append(f"no column names each row of the ranking; {known}: set series")
        for name in items:
            roles.dropped.pop(name, None)
    shaping.settings |= {"time": "", "series": _plain(items)}
    for name in columns:
        if name not in items:
            roles.dropped[name] = "not a number to rank by"
    _set_values(shaping, data, items)
    return shaping


def _plain(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names or ""


def _some(names: list[str]) -> str:
    more = len(names) - 4
    return ", ".join(names[:4]) + (f" and {more} more" if more > 0 else "")
