"""Reads Parquet in files, folders and object stores: only the columns and rows that are needed."""

from datetime import datetime
from typing import Any

import pandas as pd

from ..config.extras import extra
from ..data.times import read_from
from .shape import Shape
from .wanted import Wanted


def dataset(path: str | list[str]) -> Any:
    """Return the dataset of a path, a URL or several files."""
    with extra("parquet", "reading Parquet files"):
        import pyarrow.dataset
    return pyarrow.dataset.dataset(path, format="parquet")


def state(data: Any) -> tuple[tuple[str, int, int], ...]:
    """Return the name, time and size of each file of a dataset."""
    found = data.filesystem.get_file_info(data.files)
    return tuple((it.path, it.mtime_ns, it.size) for it in found)


def rows(data: Any, source: Shape, wanted: Wanted, since: datetime | None = None) -> pd.DataFrame:
    """Return rows of a dataset; with `since`, no parts are read that are older."""
    import pyarrow

    known = data.schema.names
    columns = None
    if wanted.only and wanted.needed <= set(known):
        columns = [it for it in known if it in wanted.needed]
    elif wanted.only:  # the error names all columns
        return to_pandas(data.head(0), source)
    if wanted.head is not None:
        return to_pandas(data.head(wanted.head, columns=columns), source)
    newer = _newer(data.schema, source, since) if since else None
    found = to_pandas(data.to_table(columns, newer), source)
    pyarrow.default_memory_pool().release_unused()  # it would keep as much as the table took
    return found


def to_pandas(table: Any, source: Shape) -> pd.DataFrame:
    """Return a table's rows; names of series become categories, which take little memory."""
    import pyarrow as pa

    texts = {it.name for it in table.schema if pa.types.is_string(it.type)}
    categories = [it for it in source.keys if it in texts]
    return table.to_pandas(categories=categories, ignore_metadata=True)


def _newer(schema: Any, source: Shape, since: datetime) -> Any:
    """Return the condition for newer rows; dates and text cannot be compared with a time."""
    import pyarrow as pa
    import pyarrow.dataset

    if len(source.times) != 1 or source.times[0] not in schema.names:
        return None
    kind = schema.field(source.times[0]).type
    if not pa.types.is_timestamp(kind):
        return None
    start = read_from(since, source.timezone)
    start = start if kind.tz else start.replace(tzinfo=None)
    return pyarrow.dataset.field(source.times[0]) > pa.scalar(start).cast(kind, safe=False)
