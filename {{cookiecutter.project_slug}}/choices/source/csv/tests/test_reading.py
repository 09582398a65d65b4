"""Tests that your source can be read: change them with `reading.py`."""

from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.engine import EPOCH
from {{cookiecutter.project_slug}}.setting import Settings


def test_the_source_has_rows_and_is_read_the_same_again(settings: Settings) -> None:
    first, second = (reading.read(settings.source, EPOCH) for _ in range(2))
    assert any(len(rows) for rows in first.values())
    assert all(rows.equals(second[name]) for name, rows in first.items())
