"""Turns the rows of any source into readings, states or a ranking, as `[source]` describes."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from . import columns, events
from .shape import Scalar, Shape
from .texts import as_text, as_texts, constant, join, only_used
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
    parts = [*_parts(raw, shape, values, left_out)]
    if "item" in parts[0]:
        return Shaped({"ranking": _concat([_ranked(it, left_out) for it in parts])}, read, left_out)
    if shape.aggregate:
        rows = _concat([_only_numbers(it, shape, left_out) for it in parts])
        readings, more = events.aggregate(rows, shape, first)
        left_out.update(more)
        states = readings.iloc[:0].rename(columns={"value": "state"})
        return Shaped({"readings": readings, "states": states}, read, left_out)
    long = bool(shape.keys) and (len(values) == 1 or shape.columns == "time")
    split = [_split(it, long) for it in parts]
    readings, states = (_concat([it[at] for it in split]) for at in (0, 1))
    return Shaped({"readings": readings, "states": states}, read, left_out)


def _wanted(raw: pd.DataFrame, where: Mapping[str, Scalar | list[Scalar]]) -> pd.Series:
    wanted = pd.Series(True, raw.index)
    for column, values in where.items():
        texts = map(as_text, values if isinstance(values, list) else [values])
        wanted &= as_texts(raw[column]).isin([*texts])
    return wanted


def _parts(
    raw: pd.DataFrame, shape: Shape, values: list[str], left_out: Counter[str]
) -> Iterator[pd.DataFrame]:
    """Yield the rows of each column of values, without its empty cells."""
    times, labels = shape.times, values
    if shape.columns == "time":
        raw = raw.melt([*dict.fromkeys([*times, *shape.keys])], values, HEADER, CELL)
        times, values, labels = [*times, HEADER], [CELL], ["value"]
    keys = join(raw[shape.keys], SEPARATOR, sort=True) if shape.keys else None
    time = parse(raw[times], shape.time_format) if times else None
    for column, label in zip(values or [""], labels or ["count"], strict=True):
        cells = raw[column] if values else pd.Series(1.0, raw.index)
        series = constant(label, len(raw))
        if time is not None and keys is not None:
            series = _under(keys, label) if len(values) > 1 else keys
        first = {"item": keys} if time is None else {"time": time}
        rows = pd.DataFrame({**first, "series": series, "value": cells}, copy=False)
        empty = _empty(cells, shape)
        if count := int(empty.sum()):
            left_out["empty"] += count
            rows = rows[~empty]
        yield rows


def _under(keys: pd.Categorical, label: str) -> pd.Categorical:
    return keys.rename_categories([f"{key}{SEPARATOR}{label}" for key in keys.categories])


def _empty(cells: pd.Series, shape: Shape) -> pd.Series:
    """Return which cells hold nothing, or a mark of a missing value."""
    empty = cells.isna()
    if not pd.api.types.is_numeric_dtype(cells.dtype):
        return empty | as_texts(cells).isin(["", *map(as_text, shape.missing)])
    marks = pd.to_numeric(pd.Series(shape.missing, dtype=object), errors="coerce").dropna()
    return empty | cells.isin(marks) if len(marks) else empty


def _numbers(cells: pd.Series) -> pd.Series:
    """Return cells as float; what is not a number is missing."""
    if pd.api.types.is_bool_dtype(cells.dtype) or cells.dtype.kind in "mM":
        return pd.Series(np.nan, cells.index)
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return cells.astype(float)
    if cells.dtype == object:
        numbers = pd.to_numeric(cells, errors="coerce").astype(float)
        bools = (isinstance(it, (bool, np.bool_)) for it in cells)
        return numbers.mask(np.fromiter(bools, bool, len(cells)))
    texts = as_texts(cells)  # often few different ones
    found = pd.to_numeric(texts.categories.to_series(), errors="coerce").to_numpy(float)
    return pd.Series(np.append(found, np.nan)[texts.codes], cells.index)


def _split(rows: pd.DataFrame, long: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the readings and the states; in a long table, each series is one or the other."""
    numbers = _numbers(rows["value"])
    text, empty = numbers.isna(), constant("", 0)
    if not text.any():
        states = rows[:0].drop(columns="value").assign(state=empty)
        return rows.assign(value=numbers), states
    texts = pd.Series(as_texts(rows["value"].where(text)), rows.index)
    series = rows["series"].cat.codes if long else pd.Series(0, rows.index)
    different = pd.DataFrame({"series": series, "text": texts.cat.codes}).drop_duplicates()
    by = different.groupby("series")["text"]  # -1 stands for numbers
    state = series.isin(by.size().index[(by.size() <= MANY) & (by.min() >= 0)])
    states = rows[state].drop(columns="value").assign(state=texts[state])
    if text[~state].any():
        numbers = numbers.astype(object).mask(text, texts.astype(object))
    return rows[~state].assign(value=numbers[~state]), states


def _only_numbers(rows: pd.DataFrame, shape: Shape, left_out: Counter[str]) -> pd.DataFrame:
    """Return the rows as numbers that can be aggregated."""
    if shape.aggregate == "count":
        return rows.assign(value=1.0)
    cells = rows["value"]
    is_bool = pd.api.types.is_bool_dtype(cells.dtype)
    numbers = cells.astype(float) if is_bool else _numbers(cells)
    if count := int(numbers.isna().sum()):
        left_out["not a number"] += count
    return rows.assign(value=numbers).dropna(subset="value")


def _ranked(rows: pd.DataFrame, left_out: Counter[str]) -> pd.DataFrame:
    """Return the rows of a column, none if it has no number: a ranking does not show text."""
    numbers = _numbers(rows["value"])
    if len(rows) and numbers.isna().all():
        left_out["text"] += len(rows)
        return rows[:0].assign(value=numbers[:0])
    return _split(rows, False)[0]


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
