"""Tests of reading a small file: change them with `reading.py`."""

from pathlib import Path

from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.engine import EPOCH
from {{cookiecutter.project_slug}}.reading import Source

ROWS = "time,series,value\n2026-01-01T00:00:00Z,a,1\n"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "readings.csv"
    source = Source(path=str(file))
    for content, values in ((ROWS, [1]), (ROWS + "2026-01-02T00:00:00Z,a,2\n", [1, 2])):
        file.write_text(content, "utf-8")
        assert list(reading.read(source, EPOCH)["readings"]["value"]) == values
