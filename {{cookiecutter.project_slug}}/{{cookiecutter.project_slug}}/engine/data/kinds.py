"""Keeps a series in its table: numbers that turn into text are a fault, not a new state."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from .snapshot import Snapshot
from .status import Rejected
from .tables import Batch, Table, describe_row, unusable


def keep_apart(batch: Batch, previous: Snapshot | None, tables: Mapping[str, Table]) -> Batch:
    """Set aside rows of series that so far were in another table with the same key.

    Raises DataError if no other rows of a table are left.
    """
    if previous is None:
        return batch
    found, rejected = dict(batch.tables), list(batch.rejected)
    for name, new in batch.tables.items():
        for other, old in previous.tables.items():
            alike = other != name and tables[other].key == tables[name].key and "series" in new
            if not alike or new.empty or old.empty:
                continue
            moved = _moved(new, old, previous.tables.get(name))
            if not moved.any():
                continue
            reason = (
                f"the series was in {other} before: if that is right, start with an empty store"
            )
            example = describe_row(new[moved].iloc[0])
            if moved.all():
                raise unusable(name, len(new), reason, example)
            rejected.append(Rejected(name, reason, int(moved.sum()), example))
            found[name] = new[~moved].reset_index(drop=True)
    return replace(batch, tables=found, rejected=tuple(rejected))


def _moved(new: pd.DataFrame, other: pd.DataFrame, own: pd.DataFrame | None) -> pd.Series:
    """Return which rows have a series that only the other table has known."""
    known = set(other["series"].unique())
    if own is not None:
        known -= set(own["series"].unique())
    return new["series"].isin(known)
