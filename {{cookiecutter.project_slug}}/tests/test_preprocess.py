"""What your source gives fits your tables: change these tests with `preprocess.py`."""

from {{cookiecutter.project_slug}}.engine.refresh import pipeline
from {{cookiecutter.project_slug}}.engine.settings import Settings
from {{cookiecutter.project_slug}}.preprocess import TABLES


def test_what_is_read_fits_the_tables(settings: Settings) -> None:
    batch = pipeline.fetch(settings, None)
    assert not batch.rejected
    for name, data in batch.tables.items():
        assert len(data)
        assert set(data) == set(TABLES[name].schema.columns)
