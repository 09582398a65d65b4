"""A snapshot as bytes: a line of JSON, then each table as an Arrow stream; never pickle."""

from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from .preprocess import TABLES
from .store import EPOCH, Snapshot

OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def pack(snapshot: Snapshot) -> bytes:
    """Return a snapshot as bytes."""
    head = {
        "version": snapshot.version,
        "due": snapshot.due,
        "created": snapshot.created,
        "tables": list(snapshot.tables),
        "declared": _declared(),
    }
    output = pa.BufferOutputStream()
    output.write(orjson.dumps(head) + b"\n")
    for data in snapshot.tables.values():
        table = pa.Table.from_pandas(data, preserve_index=False)
        with pa.ipc.new_stream(output, table.schema, options=OPTIONS) as stream:
            stream.write_table(table)
    return bytes(output.getvalue())


def unpack(data: bytes) -> Snapshot:
    """Make a snapshot of bytes; one without tables, and due, if they were declared otherwise then.

    Raises ValueError for bytes that are no snapshot.
    """
    line, _, rest = data.partition(b"\n")
    try:
        head = orjson.loads(line)
        version, created = int(head["version"]), datetime.fromisoformat(head["created"])
        if head["declared"] != _declared():
            return Snapshot(version, EPOCH, created, {})
        reader, tables = pa.BufferReader(rest), {}
        for name in head["tables"]:
            with pa.ipc.open_stream(reader) as stream:
                tables[name] = stream.read_pandas()
        return Snapshot(version, datetime.fromisoformat(head["due"]), created, tables)
    except (LookupError, TypeError, OSError, pa.ArrowException) as error:
        raise ValueError(f"these bytes are no snapshot: {error}") from error


def _declared() -> dict[str, Any]:
    columns = {name: table.schema.columns for name, table in TABLES.items()}
    return {
        name: {key: str(column.dtype) for key, column in of.items()} for name, of in columns.items()
    }
