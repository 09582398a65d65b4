"""Tests that the data of your source match your tables: change them with `preprocess.py`."""

from {{cookiecutter.project_slug}}.engine import Snapshot
from {{cookiecutter.project_slug}}.preprocess import TABLES


def test_the_rows_read_match_the_tables(snapshot: Snapshot) -> None:
    assert any(map(len, snapshot.tables.values()))
    for name, rows in snapshot.tables.items():
        assert set(rows) == set(TABLES[name].schema.columns)
