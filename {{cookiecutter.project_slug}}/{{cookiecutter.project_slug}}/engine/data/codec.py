"""Encodes a snapshot: a checksum, a line of JSON, then each table as an Arrow stream."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from .snapshot import NEVER, Pace, Snapshot
from .tables import Table

OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
CHECKSUM = len(b"00000000\n")  # the length of the first line


@dataclass(frozen=True)
class Head:
    """The line of JSON: everything except the rows, plus the declarations of the tables."""

    version: int
    due: datetime
    created: datetime
    tables: list[str]
    declared: dict[str, Any]
    paces: dict[str, Pace] = field(default_factory=dict)
    horizon: datetime = NEVER
    history: timedelta | None = None


HEAD = TypeAdapter(Head)


def encode(snapshot: Snapshot, declared: Mapping[str, Table]) -> bytes:
    """Encode a snapshot; `declared` are the tables it was made for."""
    head = Head(
        snapshot.version,
        snapshot.due,
        snapshot.created,
        list(snapshot.tables),
        _describe(declared),
        dict(snapshot.paces),
        snapshot.horizon,
        snapshot.history,
    )
    output = pa.BufferOutputStream()
    output.write(HEAD.dump_json(head) + b"\n")
    for data in snapshot.tables.values():
        table = pa.Table.from_pandas(data, preserve_index=False)
        with pa.ipc.new_stream(output, table.schema, options=OPTIONS) as stream:
            stream.write_table(table)
    content = memoryview(output.getvalue())
    return b"".join((_checksum(content), content))


def decode(data: bytes, declared: Mapping[str, Table]) -> Snapshot | None:
    """Decode a snapshot; return None if it was made by another release or for other tables.

    Raises ValueError for damaged bytes. pyarrow does not check them: it would crash or return wrong
    data.
    """
    if data.startswith(b"{"):  # from a release without checksums
        return None
    if data[:CHECKSUM] != _checksum(memoryview(data)[CHECKSUM:]):
        raise ValueError("its checksum does not match")
    start = data.index(b"\n", CHECKSUM) + 1
    head = HEAD.validate_json(data[CHECKSUM:start])
    if head.declared != _describe(declared):
        return None
    reader, tables = pa.BufferReader(memoryview(data)[start:]), {}
    try:
        for name in head.tables:
            with pa.ipc.open_stream(reader) as stream:
                tables[name] = stream.read_pandas()
    except Exception as error:  # another version of pyarrow may have written it
        raise ValueError(f"pyarrow cannot read it: {error}") from error
    made = Snapshot(head.version, head.due, head.created, tables, head.paces, head.horizon)
    return replace(made, history=head.history)


def _checksum(content: memoryview) -> bytes:
    # A CRC finds every flipped bit at a quarter of the cost of a cryptographic hash. A hash would
    # not protect any better: whoever can write to the store can write the hash too.
    return b"%08x\n" % zlib.crc32(content)


def _describe(tables: Mapping[str, Table]) -> dict[str, Any]:
    return {
        name: {
            "columns": {key: str(column.dtype) for key, column in table.schema.columns.items()},
            "key": list(table.key),
            "mode": table.mode,
        }
        for name, table in tables.items()
    }
