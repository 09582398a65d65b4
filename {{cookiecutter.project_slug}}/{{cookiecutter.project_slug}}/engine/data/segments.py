"""Splits the tables of a snapshot into segments, so that a store receives only what is new.

A new segment begins at the first row that differs from the previous snapshot, or earlier, so that
it replaces small ones. There are never many, and a row is rarely written twice.
"""

from collections.abc import Mapping
from itertools import takewhile, zip_longest
from typing import Any

import pandas as pd

from . import codec
from .codec import Parts, Segment
from .frames import Grown, array, extend
from .growing import common
from .snapshot import Snapshot
from .tables import Table, has_time

GROWTH = 4  # a segment stays while it has more than this many times the rows after it
WHOLE = Parts(0, ()), 0, True


def split(
    snapshot: Snapshot,
    declared: Mapping[str, Table],
    held: Snapshot | None,
    known: Mapping[str, Parts],
) -> tuple[dict[str, Parts], dict[str, bytes]]:
    """Return the parts of a snapshot's tables, and the new segments by name.

    `known` are the parts of `held`, the snapshot that the store has.
    """
    parts, new = dict[str, Parts](), dict[str, bytes]()
    for number, (name, data) in enumerate(snapshot.tables.items()):
        plan: tuple[Parts, int | None, bool] = WHOLE
        if held is not None and name in known:
            plan = _plan(held.tables[name], data, known[name], has_time(declared[name]))
        parts[name], start, names = plan
        if start is None:
            continue
        rows = data.iloc[start - parts[name].first :]
        content, checksum = codec.encode_rows(rows if names else _without_unused(rows))
        segment = Segment(snapshot.version, number, checksum, start, names)
        parts[name] = Parts(parts[name].first, (*parts[name].segments, segment))
        new[segment.name] = content
    return parts, new


def lacking(parts: Mapping[str, Parts], known: Mapping[str, Parts]) -> list[Segment]:
    """Return the segments that a process with the parts `known` still has to read."""
    return [
        segment
        for name, its in parts.items()
        for segment in its.segments[_shared(its, known.get(name)) :]
    ]


def join(
    parts: Mapping[str, Parts],
    new: Mapping[str, bytes],
    held: Snapshot | None,
    known: Mapping[str, Parts],
) -> tuple[dict[str, pd.DataFrame], dict[str, Grown | None]]:
    """Return the tables made of these parts, and what `frames.extend` needs to append to them.

    `new` are the segments that `lacking` returned, by name. Raises ValueError for damaged bytes.
    """
    tables, grown = dict[str, pd.DataFrame](), dict[str, Grown | None]()
    for name, its in parts.items():
        shared, pieces, before = _shared(its, known.get(name)), list[pd.DataFrame](), None
        if shared and held is not None:
            pieces.append(held.tables[name].iloc[its.first - known[name].first :])
            before = held.grown.get(name)
        names = pieces[0] if pieces else None
        read = its.segments[shared:]
        for segment, following in zip_longest(read, read[1:]):
            rows = codec.decode_rows(new[segment.name], segment)
            end = following.start - segment.start if following else None
            names = rows if segment.names or names is None else names
            pieces.append(rows.iloc[max(its.first - segment.start, 0) : end])
        assert names is not None
        first, *more = (_with_names(it, names) for it in pieces)
        if not more:  # pandas cannot change the memory of pyarrow
            tables[name] = first.reset_index(drop=True).copy(deep=not shared)
            grown[name] = before
            continue
        start = max(its.segments[max(shared, 1)].start - its.first, 0)
        tables[name], grown[name] = extend(first, start, pd.concat(more), before)
    return tables, grown


def _shared(parts: Parts, known: Parts | None) -> int:
    """Return how many of the first segments are known, with all their rows and names."""
    if known is None or parts.first < known.first:
        return 0
    pairs = zip(parts.segments, known.segments, strict=False)
    count = sum(1 for _ in takewhile(lambda it: it[0] == it[1], pairs))
    new, replaced = parts.segments[count:], known.segments[count:]
    if replaced:  # by new ones, unless the store was set back meanwhile
        if not new or new[0].start > replaced[0].start:
            return 0
        if any(it.names for it in replaced) and not any(it.names for it in new):
            return 0
    return count


def _plan(
    old: pd.DataFrame, new: pd.DataFrame, parts: Parts, is_sorted: bool
) -> tuple[Parts, int | None, bool]:
    """Return the parts that stay, and where a new segment begins and whether it has all names.

    It begins at None if nothing is new.
    """
    gone, same = _common(old, new, is_sorted)
    if not same:
        return WHOLE
    first = parts.first + gone
    start, end = first + same, first + len(new)
    names = any(_have_names(new[it]) and not _same_names(old[it], new[it]) for it in new)
    if not names and start == end == parts.first + len(old):
        return Parts(first, parts.segments), None, False
    if names and start == end:
        start -= 1  # Arrow writes no names without a row
    kept = [*parts.segments]
    while kept and start - max(kept[-1].start, first) <= GROWTH * (end - start):
        last = kept.pop()
        start, names = max(min(start, last.start), first), names or last.names
    return (Parts(first, tuple(kept)), start, names) if kept else WHOLE


def _common(old: pd.DataFrame, new: pd.DataFrame, is_sorted: bool) -> tuple[int, int]:
    """Return how many rows were dropped from the start, and how many after them are the same."""
    if list(old) != list(new) or old.empty or new.empty:
        return 0, 0
    gone = int(old["time"].searchsorted(new["time"].iloc[0])) if is_sorted else 0
    same = min(len(old) - gone, len(new))
    for column in old:
        one, other = old[column].iloc[gone : gone + same], new[column].iloc[:same]
        if one.dtype != other.dtype and not _have_names(one, other):
            return 0, 0
        same = common([_numbers(one, other)], [_numbers(other, one)])
    return gone, same


def _numbers(column: pd.Series, other: pd.Series) -> Any:
    """Return numbers that equal those of the other column where the values are equal."""
    found = None if _have_names(column) and not _same_names(column, other) else array(column)
    if found is None:
        found = pd.util.hash_pandas_object(column, index=False).to_numpy()
    return found


def _same_names(one: pd.Series, other: pd.Series) -> bool:
    """Whether text columns have the same names in the same order, which pandas ignores."""
    same = one.dtype == other.dtype and one.cat.categories.equals(other.cat.categories)
    return bool(same)


def _have_names(*columns: pd.Series) -> bool:
    return all(isinstance(it.dtype, pd.CategoricalDtype) for it in columns)


def _without_unused(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out names that no row has."""
    used = {
        name: column.cat.remove_unused_categories()
        for name, column in rows.items()
        if _have_names(column)
    }
    return rows.assign(**used)


def _with_names(rows: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """Give the text columns all names, in the same order as in `names`."""
    all_names = {
        name: column.cat.set_categories(names[name].cat.categories)
        for name, column in rows.items()
        if _have_names(column) and not _same_names(column, names[name])
    }
    return rows.assign(**all_names)
