"""Encodes a snapshot: its manifest is a checksum and a line of JSON, its rows are Arrow streams."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic import TypeAdapter

from .snapshot import NEVER, Pace, Snapshot
from .tables import Table

OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
CHECKSUM = len(b"00000000\n")  # the length of the first line
MISMATCH = "its checksum does not match"


@dataclass(frozen=True)
class Segment:
    """The rows of a table from `start` until the next segment begins.

    With `names`, it has all categories of the table at that time; without, only those of its rows.
    """

    version: int  # of the snapshot that it was made for
    table: int  # its position in that snapshot
    checksum: int
    start: int
    names: bool

    @property
    def name(self) -> str:
        """Its name in the store, which other rows never have."""
        return f"{self.version}-{self.table}-{self.checksum:08x}"


@dataclass(frozen=True)
class Parts:
    """The segments of a table; rows before `first` are older than the history."""

    first: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Manifest:
    """Everything except the rows, plus the declarations of the tables.

    Older releases stored the rows of `tables` after the manifest.
    """

    version: int
    due: datetime
    created: datetime
    tables: list[str]
    declared: dict[str, Any]
    paces: dict[str, Pace] = field(default_factory=dict)
    horizon: datetime = NEVER
    history: timedelta | None = None
    parts: dict[str, Parts] = field(default_factory=dict)


MANIFEST = TypeAdapter(Manifest)


class DamagedSegment(ValueError):
    """The bytes of a segment are damaged or missing."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


def encode(snapshot: Snapshot, declared: Mapping[str, Table], parts: Mapping[str, Parts]) -> bytes:
    """Encode the manifest of a snapshot; `declared` are the tables it was made for."""
    manifest = Manifest(
        snapshot.version,
        snapshot.due,
        snapshot.created,
        [],
        _describe(declared),
        dict(snapshot.paces),
        snapshot.horizon,
        snapshot.history,
        dict(parts),
    )
    content = MANIFEST.dump_json(manifest) + b"\n"
    return b"%08x\n" % zlib.crc32(content) + content


def decode(
    data: bytes, declared: Mapping[str, Table]
) -> tuple[Snapshot, Mapping[str, Parts]] | None:
    """Decode a manifest; return the snapshot, still without the rows of its parts, and the parts.

    Return None if it was made by another release or for other tables. Raises ValueError for damaged
    bytes. pyarrow does not check them: it would crash or return wrong data.
    """
    if data.startswith(b"{"):  # from a release without checksums
        return None
    if data[:CHECKSUM] != b"%08x\n" % zlib.crc32(memoryview(data)[CHECKSUM:]):
        raise ValueError(MISMATCH)
    start = data.index(b"\n", CHECKSUM) + 1
    manifest = MANIFEST.validate_json(data[CHECKSUM:start])
    described = _describe(declared)
    if manifest.declared not in (described, described["tables"]):
        return None
    reader, tables = pa.BufferReader(memoryview(data)[start:]), {}
    for name in manifest.tables:
        tables[name] = _read(reader)
    made = Snapshot(manifest.version, manifest.due, manifest.created, tables, manifest.paces)
    made = replace(made, horizon=manifest.horizon, history=manifest.history)
    return made, manifest.parts


def encode_rows(data: pd.DataFrame) -> tuple[bytes, int]:
    """Encode rows; also return their checksum.

    A CRC finds every flipped bit at a quarter of the cost of a cryptographic hash. A hash would not
    protect any better: whoever can write to the store can write the hash too.
    """
    output, table = pa.BufferOutputStream(), pa.Table.from_pandas(data, preserve_index=False)
    with pa.ipc.new_stream(output, table.schema, options=OPTIONS) as stream:
        stream.write_table(table)
    content = output.getvalue().to_pybytes()
    return content, zlib.crc32(content)


def decode_rows(data: bytes, segment: Segment) -> pd.DataFrame:
    """Decode rows. Raises ValueError for damaged bytes."""
    if zlib.crc32(data) != segment.checksum:
        raise DamagedSegment(MISMATCH, segment.name)
    return _read(pa.BufferReader(data))


def _read(reader: pa.BufferReader) -> pd.DataFrame:
    try:
        with pa.ipc.open_stream(reader) as stream:
            return stream.read_pandas(split_blocks=True)  # without copying numbers
    except Exception as error:  # another version of pyarrow may have written it
        raise ValueError(f"pyarrow cannot read it: {error}") from error


def _describe(tables: Mapping[str, Table]) -> dict[str, Any]:
    described = {
        name: {
            "columns": {key: str(column.dtype) for key, column in table.schema.columns.items()},
            "key": list(table.key),
            "mode": table.mode,
        }
        for name, table in tables.items()
    }
    return {"format": 2, "tables": described}  # older releases set it aside
