"""Stores of each kind, and snapshots to put into them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import redis
import toy
from helpers import tables_of

from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import Pace, Snapshot
from {{cookiecutter.project_slug}}.engine.data.store import Store, open_store
from {{cookiecutter.project_slug}}.engine.data.tables import Table

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
Open = Callable[..., Store]  # opens the same store again, as another process would


def snapshot(version: int = 1, rows: int = 3) -> Snapshot:
    start = pd.Timestamp("2026-01-01", tz="UTC")
    times = [start + timedelta(seconds=row) for row in range(rows)]
    tables = tables_of(*((it, f"series {row % 2}", row / 3) for row, it in enumerate(times)))
    paces = {"readings": Pace(times[-1].to_pydatetime(), timedelta(seconds=2))}
    return Snapshot(version, NOW, NOW, tables, paces, NOW, history=timedelta(days=3))


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
