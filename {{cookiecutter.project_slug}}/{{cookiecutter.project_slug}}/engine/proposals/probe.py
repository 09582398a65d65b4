"""Finds the format of a file by its content, and how it is written."""

import io
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Any

import pandas as pd

from ..config.extras import extra
from ..data.tables import DataError
from ..sources.compression import decompressed
from ..sources.file_formats import Format, format_of
from ..sources.files import Part
from ..sources.parsers import loads
from ..sources.records import longest
from .cells import is_value, share
from .dialect import Dialect
from .layout import find_header
from .sniff import decode, sniff

START = 1_000_000  # bytes to judge the encoding by
SAMPLE = 200_000  # characters to judge the rest by
ROWS = 100  # of a sheet
FULL = 0.6  # the least share of cells in the header of a sheet
VALUES = 0.4  # the least share of numbers and times in a table
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
JSON = re.compile(r"\s*[{\[]\s*[\"{\[\]}]")


@dataclass(frozen=True)
class Probe:
    """Keys of `[source]` that say how a file is written, and what else was found."""

    settings: dict[str, Any]
    dialect: Dialect


def probe(part: Part) -> Probe:
    """Return how a file is written. Raises DataError."""
    with part.open() as file:
        content, name = decompressed(file, part.name)
        start, default = content.read(START), format_of(name) or part.default
        if start.startswith(b"SQLite format 3"):
            raise DataError(f"{name} is a database: make a project with source = sql for it")
        if start.startswith(b"PAR1"):
            return _found("parquet", default, Dialect())
        if start.startswith(EXCEL):
            return _found("excel", default, _sheet(io.BytesIO(start + content.read())))
        text, encoding = decode(start)
        if "\0" in text:
            raise DataError(f"{name} is not text, Excel or Parquet: it cannot be read")
        kind, dialect, settings = _text_kind(text), Dialect(), {}
        if kind == "csv":
            dialect = sniff(text[:SAMPLE])
            tabs = PurePath(name).suffix.lower() in (".tsv", ".tab")
            if tabs and dialect.read.get("sep") == "\t":
                del dialect.read["sep"]
        elif kind == "json":
            rest = content.read().decode(encoding or "utf-8")
            if path := longest(loads(text + rest))[1]:
                settings["records"] = path
        if encoding:
            dialect.read["encoding"] = encoding
            dialect.notes.append(f"the text is not UTF-8: {encoding} is assumed (read.encoding)")
        return _found(kind, default, dialect, settings)


def _found(
    kind: Format, default: Format, dialect: Dialect, settings: dict[str, Any] | None = None
) -> Probe:
    found = dict(settings or {})
    if kind != default:
        found = {"format": kind, **found}
    if dialect.read:
        found["read"] = dialect.read
    return Probe(found, dialect)


def _text_kind(text: str) -> Format:
    """Return whether a text is JSON, JSON lines or a table."""
    if not JSON.match(text):
        return "csv"
    lines = [it for it in text.splitlines()[:3] if it.strip()]
    for line in lines[:1] if len(lines) == 1 else lines[:2]:
        try:
            found = loads(line)
        except ValueError:
            return "json"
        if len(lines) == 1 or not isinstance(found, dict):
            return "json"
    return "jsonl"


def _sheet(file: IO[bytes]) -> Dialect:
    """Return which sheet of an Excel file has a table, and where its header is."""
    with extra("excel", "reading Excel files"):
        import python_calamine  # noqa: F401
    book = pd.ExcelFile(file, engine="calamine")
    tables = {}
    for sheet in map(str, book.sheet_names):
        cells = pd.read_excel(book, sheet_name=sheet, header=None, nrows=ROWS, dtype=object)
        rows = [["" if pd.isna(it) else str(it) for it in row] for row in cells.to_numpy()]
        if dialect := _table(rows):
            tables[sheet] = dialect
    if not tables:
        return Dialect(notes=["no sheet has a table of numbers"])
    sheet, dialect = next(iter(tables.items()))
    if sheet != book.sheet_names[0]:
        dialect.read["sheet_name"] = sheet
        dialect.notes.append(f"the sheet {sheet!r} is the first one with a table")
    if len(tables) > 1:
        others = ", ".join(map(repr, [*tables][1:]))
        dialect.questions.append(
            f"several sheets have a table: {sheet!r} is read; "
            f"for another, set read.sheet_name to {others}"
        )
    return dialect


def _table(rows: list[list[str]]) -> Dialect | None:
    """Return where the table in a sheet begins; None if there is none."""
    filled = [sum(map(bool, map(str.strip, row))) for row in rows]
    full = max(filled, default=0)
    starts = (at for at in range(len(rows) - 2) if filled[at] >= max(2, FULL * full))
    first = next((at for at in starts if _has_values(rows[at + 1 : at + 4])), None)
    if first is None:
        return None
    body = [cell for row in rows[first + 1 :] for cell in row if cell.strip()]
    if share(map(is_value, body)) < VALUES:
        return None
    layout = find_header(rows[first:])
    dialect, skip = Dialect(), list(range(first))
    if layout.units:
        skip.append(first + 1)
        named = zip(rows[first], rows[first + 1], strict=True)
        dialect.units = {name: unit.strip() for name, unit in named if unit.strip()}
        dialect.notes.append(f"row {first + 2} holds units")
    if skip:
        dialect.read["skiprows"] = len(skip) if skip == [*range(len(skip))] else skip
    if not layout.named:
        dialect.read["names"] = [f"column{it}" for it in range(1, len(rows[first]) + 1)]
    return dialect


def _has_values(rows: list[list[str]]) -> bool:
    return any(is_value(cell) for row in rows for cell in row)
