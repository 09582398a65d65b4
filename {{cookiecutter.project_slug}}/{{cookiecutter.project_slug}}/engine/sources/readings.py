"""Turns the rows of any source into readings, states or a ranking, as `[source]` describes."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from . import columns, events, numbers
from .shape import Scalar, Shape
from .texts import as_text, as_texts, constant, join, label, only_used
from .time_formats import parse

MANY = 50  # a state has at most so many different texts
SEPARATOR = " · "  # between the names that make a series
HEADER, CELL = "(header)", "(cell)"  # columns of a table whose times stand in its header


@dataclass(frozen=True)
class Shaped:
    """The tables, and what is not in them.

    `read` is the number of values that were read: rows times columns of values. Without
    aggregation, it is the sum of the tables' rows and of `left_out`, which counts by reason.
    """

    tables: dict[str, pd.DataFrame]
    read: int
    left_out: Mapping[str, int]


def to_tables(
    raw: pd.DataFrame,
    shape: Shape,
    first: datetime | None = None,
    rows: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the tables that the rows of a source become: see `shape_rows`.

    `rows`, if given, changes the raw rows first. The tables' `attrs` say how many values were
    read, and how many were left out and why.
    """
    shaped = shape_rows(rows(raw) if rows else raw, shape, first)
    for data in shaped.tables.values():
        data.attrs = {"read": shaped.read, "left_out": dict(shaped.left_out)}
    return shaped.tables


def shape_rows(raw: pd.DataFrame, shape: Shape, first: datetime | None = None) -> Shaped:
    """Return `readings` and `states`, or without a time `ranking`, and count what is left out.

    A series of text is a state if it has no number and few different texts. Other text stays
    in the readings, where validation sets it aside. `first` is the start of what was read if
    that is not everything: `events.aggregate` needs it. Raises DataError for missing columns.
    """
    raw = columns.with_names(raw)
    values, left_out = columns.value_columns(raw, shape), Counter[str]()
    width = max(len(values), 1)
    read = len(raw) * width
    wanted = _wanted(raw, shape.where)
    if not wanted.all():
        left_out["excluded by where"] = int((~wanted).sum()) * width
        raw = raw[wanted].reset_index(drop=True)
    long = bool(shape.keys) and (len(values) == 1 or shape.columns == "time")
    parts, gaps = [], []
    for rows, empty in _parts(raw, shape, values):
        is_gap = empty & (rows["value"].isna() & _reports_gaps(shape, values))
        gaps.append(rows[is_gap])
        if count := int((empty & ~is_gap).sum()):
            left_out["empty"] += count
        parts.append(rows[~empty] if empty.any() else rows)
    if "item" in parts[0]:
        return Shaped(
            {"ranking": _concat([_ranked(it, shape, left_out) for it in parts])}, read, left_out
        )
    if shape.aggregate:
        rows = _concat([_only_numbers(it, shape, left_out) for it in parts])
        readings, more = events.aggregate(rows, shape, first)
        left_out.update(more)
        states = readings.iloc[:0].rename(columns={"value": "state"})
        return Shaped({"readings": readings, "states": states}, read, left_out)
    split = [_split(it, shape, long) for it in parts]
    readings, states = (_concat([it[at] for it in split]) for at in (0, 1))
    readings = _concat([readings, *(it.assign(value=np.nan) for it in gaps if len(it))])
    return Shaped({"readings": readings, "states": states}, read, left_out)


def _reports_gaps(shape: Shape, values: list[str]) -> bool:
    """Return whether validation is to set aside rows without a value.

    Not in a wide table, where a cell may well be empty, nor if the settings expect missing values.
    """
    is_long = shape.columns == "series" and bool(shape.keys and shape.times) and len(values) == 1
    return is_long and not shape.missing and not shape.aggregate


def _wanted(raw: pd.DataFrame, where: Mapping[str, Scalar | list[Scalar]]) -> pd.Series:
    wanted = pd.Series(True, raw.index)
    for column, values in where.items():
        texts = map(as_text, values if isinstance(values, list) else [values])
        wanted &= as_texts(raw[column]).isin([*texts])
    return wanted


def _parts(
    raw: pd.DataFrame, shape: Shape, values: list[str]
) -> Iterator[tuple[pd.DataFrame, pd.Series]]:
    """Yield the rows of each column of values, and which of them are empty."""
    times, labels = shape.times, values
    if shape.columns == "time":
        raw = raw.melt([*dict.fromkeys([*times, *shape.keys])], values, HEADER, CELL)
        times, values, labels = [*times, HEADER], [CELL], ["value"]
    keys = join(raw[shape.keys], SEPARATOR, sort=True) if shape.keys else None
    time = parse(raw[times], shape.time_format) if times else None
    for group in _groups(raw, values):
        names = labels if len(labels) == 1 else group or ["count"]
        cells = pd.Series(1.0, raw.index) if not group else _below(raw[group])
        under = None if time is None else keys
        series = keys if under is not None and len(values) < 2 else _named(under, names, len(raw))
        first = {"item": keys} if time is None else {"time": time}
        repeated = {name: _repeated(it, len(names)) for name, it in first.items()}
        rows = pd.DataFrame({**repeated, "series": series, "value": cells}, copy=False)
        yield rows, _empty(cells, shape)


def _groups(raw: pd.DataFrame, values: list[str]) -> Iterator[list[str]]:
    """Yield the columns of values; neighbours that hold numbers are converted together.

    Thousands of columns would otherwise take a minute.
    """
    kinds = {
        it: isinstance(raw[it].dtype, np.dtype) and raw[it].dtype.kind in "iuf" for it in values
    }
    for are_numbers, found in groupby(values, kinds.__getitem__):
        group = [*found]
        yield from [group] if are_numbers else ([it] for it in group)
    if not values:
        yield []


def _below(columns: pd.DataFrame) -> pd.Series:
    """Return the cells of columns below each other."""
    if columns.shape[1] == 1:
        return columns.iloc[:, 0]
    return pd.Series(columns.to_numpy(float).ravel("F"))


def _repeated(values: Any, count: int) -> Any:
    """Return a series or a categorical several times."""
    if values is None or count == 1:
        return values
    found = values.take(np.tile(np.arange(len(values)), count))
    return found.reset_index(drop=True) if isinstance(found, pd.Series) else found


def _named(keys: pd.Categorical | None, names: list[str], count: int) -> pd.Categorical:
    """Return the series of `count` rows of each column: its name, after the keys if any."""
    codes = np.repeat(np.arange(len(names)), count)
    if keys is None:
        return label(names, codes)
    texts = [f"{key}{SEPARATOR}{name}" for name in names for key in keys.categories]
    within = np.tile(keys.codes, len(names))
    return label(texts, np.where(within < 0, -1, codes * len(keys.categories) + within))


def _empty(cells: pd.Series, shape: Shape) -> pd.Series:
    """Return which cells hold nothing, or a mark of a missing value."""
    empty = cells.isna()
    if not pd.api.types.is_numeric_dtype(cells.dtype):
        return empty | as_texts(cells).isin(["", *map(as_text, shape.missing)])
    marks = pd.to_numeric(pd.Series(shape.missing, dtype=object), errors="coerce").dropna()
    return empty | cells.isin(marks) if len(marks) else empty


def _numbers(cells: pd.Series, shape: Shape) -> pd.Series:
    """Return cells as float; what is not a number is missing."""
    if pd.api.types.is_bool_dtype(cells.dtype) or cells.dtype.kind in "mM":
        return pd.Series(np.nan, cells.index)
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return cells.astype(float)
    if cells.dtype == object:
        is_text = np.fromiter((isinstance(it, str) for it in cells), bool, len(cells))
        is_bool = np.fromiter((isinstance(it, (bool, np.bool_)) for it in cells), bool, len(cells))
        found = pd.to_numeric(cells.mask(is_text | is_bool), errors="coerce").astype(float)
        return found.mask(is_text, _numbers(cells.where(is_text).astype(str), shape))
    texts = as_texts(cells)  # often few different ones
    found = numbers.parse(texts.categories, *shape.signs)
    return pd.Series(np.append(found, np.nan)[texts.codes], cells.index)


def _split(rows: pd.DataFrame, shape: Shape, long: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the readings and the states; in a long table, each series is one or the other."""
    found = _numbers(rows["value"], shape)
    text, empty = found.isna(), constant("", 0)
    if not text.any():
        states = rows[:0].drop(columns="value").assign(state=empty)
        return rows.assign(value=found), states
    texts = pd.Series(as_texts(rows["value"].where(text)), rows.index)
    series = rows["series"].cat.codes if long else pd.Series(0, rows.index)
    different = pd.DataFrame({"series": series, "text": texts.cat.codes}).drop_duplicates()
    by = different.groupby("series")["text"]  # -1 stands for numbers
    state = series.isin(by.size().index[(by.size() <= MANY) & (by.min() >= 0)])
    states = rows[state].drop(columns="value").assign(state=texts[state])
    if text[~state].any():
        found = found.astype(object).mask(text, texts.astype(object))
    return rows[~state].assign(value=found[~state]), states


def _only_numbers(rows: pd.DataFrame, shape: Shape, left_out: Counter[str]) -> pd.DataFrame:
    """Return the rows as numbers that can be aggregated."""
    if shape.aggregate == "count":
        return rows.assign(value=1.0)
    cells = rows["value"]
    is_bool = pd.api.types.is_bool_dtype(cells.dtype)
    found = cells.astype(float) if is_bool else _numbers(cells, shape)
    if count := int(found.isna().sum()):
        left_out["not a number"] += count
    return rows.assign(value=found).dropna(subset="value")


def _ranked(rows: pd.DataFrame, shape: Shape, left_out: Counter[str]) -> pd.DataFrame:
    """Return the rows of a column, none if it has no number: a ranking does not show text."""
    found = _numbers(rows["value"], shape)
    if len(rows) and found.isna().all():
        left_out["text"] += len(rows)
        return rows[:0].assign(value=found[:0])
    return _split(rows, shape, False)[0]


def _concat(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Put parts below each other, and keep categories, which pandas would turn into text."""
    parts = [it for it in parts if len(it)] or parts[:1]
    names = [it for it in ("item", "series", "state") if it in parts[0]]
    parts = [it.assign(**{name: only_used(it[name]) for name in names}) for it in parts]
    if len(parts) == 1:
        return parts[0].reset_index(drop=True)
    for name in names:
        every = dict.fromkeys(text for it in parts for text in it[name].cat.categories)
        texts = pd.Index([*every], dtype=str)
        parts = [it.assign(**{name: it[name].cat.set_categories(texts)}) for it in parts]
    return pd.concat(parts, ignore_index=True)
