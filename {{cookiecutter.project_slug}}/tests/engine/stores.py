"""Stores of each kind, and snapshots to put into them."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import redis
import toy
from helpers import tables_of

from {{cookiecutter.project_slug}}.engine.data import codec, segments
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import Pace, Snapshot
from {{cookiecutter.project_slug}}.engine.data.store import Store, open_store
from {{cookiecutter.project_slug}}.engine.data.stored import Change
from {{cookiecutter.project_slug}}.engine.data.tables import Table

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
Open = Callable[..., Store]  # opens the same store again, as another process would


def snapshot(version: int = 1, rows: int = 3) -> Snapshot:
    start = pd.Timestamp("2026-01-01", tz="UTC")
    times = [start + timedelta(seconds=row) for row in range(rows)]
    tables = tables_of(*((it, f"series {row % 2}", row / 3) for row, it in enumerate(times)))
    paces = {"readings": Pace(times[-1].to_pydatetime(), timedelta(seconds=2))}
    return Snapshot(version, NOW, NOW, tables, paces, NOW, history=timedelta(days=3))


def change(made: Snapshot, declared: Mapping[str, Table] = toy.TABLES) -> Change:
    """Return what a store writes for a snapshot as a whole."""
    parts, new = segments.split(made, toy.TABLES, None, {})
    return Change(made.version, codec.encode(made, declared, parts), new, set(), set())


def older(made: Snapshot) -> tuple[bytes, bytes]:
    """Encode a snapshot as older releases did; return the head and the rows."""
    (line,) = codec.encode(made, toy.TABLES, {}).splitlines()[1:]
    manifest = codec.MANIFEST.validate_json(line)
    manifest = replace(manifest, tables=list(made.tables), declared=manifest.declared["tables"])
    head = codec.MANIFEST.dump_json(manifest, exclude={"parts"}) + b"\n"
    output = pa.BufferOutputStream()
    for data in made.tables.values():
        table = pa.Table.from_pandas(data, preserve_index=False)
        with pa.ipc.new_stream(output, table.schema, options=codec.OPTIONS) as stream:
            stream.write_table(table)
    return head, output.getvalue().to_pybytes()


def with_checksum(content: bytes) -> bytes:
    return b"%08x\n" % zlib.crc32(content) + content


def opened(url: str, tables: Mapping[str, Table] = toy.TABLES) -> Store:
    return open_store(url, toy.NAME, tables)


def opener(kind: str, request: pytest.FixtureRequest, folder: Path) -> Open:
    """Return a function that opens a store of one kind, which is empty at first."""
    if kind == "memory":
        only = MemoryStore()
        return lambda: only
    if kind == "file":
        url = (folder / "a folder" / "store").as_uri().replace("%20", " ")
    else:
        url = request.getfixturevalue("redis_url")
        redis.Redis.from_url(url).flushall()
    return lambda tables=toy.TABLES: opened(url, tables)
