"""A snapshot as bytes: a line of JSON, then each table as an Arrow stream; never pickle."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from .preprocess import TABLES
from .store import NEVER, Pace, Snapshot

OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(frozen=True)
class Head:
    """The first line: all of a snapshot but its rows, and how its tables were declared."""

    version: int
    due: datetime
    created: datetime
    tables: list[str]
    declared: dict[str, Any]
    paces: dict[str, Pace] = field(default_factory=dict)
    horizon: datetime = NEVER


HEAD = TypeAdapter(Head)


def pack(snapshot: Snapshot) -> bytes:
    """Return a snapshot as bytes."""
    head = Head(
        snapshot.version,
        snapshot.due,
        snapshot.created,
        list(snapshot.tables),
        _declared(),
        dict(snapshot.paces),
        snapshot.horizon,
    )
    output = pa.BufferOutputStream()
    output.write(HEAD.dump_json(head) + b"\n")
    for data in snapshot.tables.values():
        table = pa.Table.from_pandas(data, preserve_index=False)
        with pa.ipc.new_stream(output, table.schema, options=OPTIONS) as stream:
            stream.write_table(table)
    return bytes(output.getvalue())


def unpack(data: bytes) -> Snapshot | None:
    """Make a snapshot of bytes, or None if it was made for tables that are declared otherwise.

    Raises ValueError for bytes that are no snapshot.
    """
    line, _, rest = data.partition(b"\n")
    head = HEAD.validate_json(line)
    if head.declared != _declared():
        return None
    try:
        reader, tables = pa.BufferReader(rest), {}
        for name in head.tables:
            with pa.ipc.open_stream(reader) as stream:
                tables[name] = stream.read_pandas()
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"these bytes are no snapshot: {error}") from error
    return Snapshot(head.version, head.due, head.created, tables, head.paces, head.horizon)


def _declared() -> dict[str, Any]:
    return {
        name: {
            "columns": {key: str(column.dtype) for key, column in table.schema.columns.items()},
            "key": list(table.key),
            "grows": table.grows,
        }
        for name, table in TABLES.items()
    }
