"""Tests that the data of your source match your tables: change them with `preprocess.py`."""

from {{cookiecutter.project_slug}}.engine import Snapshot
from {{cookiecutter.project_slug}}.preprocess import TABLES


def test_the_rows_read_match_the_tables(snapshot: Snapshot) -> None:
    for name, table in TABLES.items():
        rows = snapshot.tables[name]
        assert len(rows)
        assert set(rows) == set(table.schema.columns)
