"""Appends rows to a table without copying the others."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from . import shown
from .growing import Growing


def concat(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Concatenate two tables and keep categories, which pandas would turn into text."""
    return pd.concat(_alike(first, second), ignore_index=True)


@dataclass(frozen=True)
class Grown:
    """A table to which rows can be appended."""

    rows: Growing
    whole: pd.DataFrame  # including the spare room; tables are slices of it

    def table(self) -> pd.DataFrame:
        """Return the table; as `whole` exists, pandas copies a column before it changes it."""
        return self.whole.iloc[self.rows.start : self.rows.end].reset_index(drop=True)


def extend(
    data: pd.DataFrame, start: int, new: pd.DataFrame, grown: Grown | None
) -> tuple[pd.DataFrame, Grown | None]:
    """Replace the rows from `start` on; also return what the next call needs to append rows.

    `grown`: what the call that returned `data` returned with it.
    """
    data, new = _alike(data, new)
    columns, more = _arrays(data), _arrays(new)
    if columns is None or more is None or [it.dtype for it in columns] != [it.dtype for it in more]:
        return pd.concat([data.iloc[:start], new], ignore_index=True), None
    replaced = len(data) - start
    before = grown.rows if grown and grown.rows.ends_with(columns) else None
    if not (before and before.has_room(len(new) - replaced)):
        shown.release()  # so that the copy does not raise the peak of memory
    if before:
        rows = before.extended(before.end - before.start - len(data), replaced, more)
    else:
        rows = Growing.copied([it[:start] for it in columns], more)
    if not (grown and grown.rows.room is rows.room):
        grown = Grown(rows, _frame(data.dtypes, rows.room.columns))
    grown = replace(grown, rows=rows)
    return grown.table(), grown


def _alike(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give two tables the same categories.

    pandas cannot unite categories of different types, as when all new values are missing.
    """
    for column, dtype in first.dtypes.items():
        if dtype == "category" and dtype != second[column].dtype:
            names, new = first[column].cat.categories, second[column].cat.categories
            # Drop unused names only when adding new ones, because that scans every row.
            if not new.isin(names).all():
                used = first[column].cat.remove_unused_categories().cat.categories
                names = used.union(new, sort=False)
                first = first.assign(**{column: first[column].cat.set_categories(names)})
            second = second.assign(**{column: second[column].cat.set_categories(names)})
    return first, second


def _arrays(data: pd.DataFrame) -> list[Any] | None:
    """Return the columns as arrays, without copying them; None if one is of another kind."""
    found = [array(column) for _, column in data.items()]
    return None if any(it is None for it in found) else found


def array(column: pd.Series) -> Any:
    """Return numbers, times in UTC or codes without copying them; None for any other kind."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return column.array.codes
    if isinstance(dtype, pd.DatetimeTZDtype):
        return column.to_numpy(f"datetime64[{dtype.unit}]").view("int64")
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf" and dtype.itemsize <= 8:
        return column.to_numpy()
    return None


def _frame(dtypes: pd.Series, columns: list[Any]) -> pd.DataFrame:
    """Return arrays as a table with these types, without copying them."""
    found = {}
    for (name, dtype), column in zip(dtypes.items(), columns, strict=True):
        if isinstance(dtype, pd.CategoricalDtype):
            column = pd.Categorical.from_codes(column, dtype=dtype, validate=False)
        elif isinstance(dtype, pd.DatetimeTZDtype):
            column = pd.array(column, dtype, copy=False)
        found[name] = column
    return pd.DataFrame(found, copy=False)
