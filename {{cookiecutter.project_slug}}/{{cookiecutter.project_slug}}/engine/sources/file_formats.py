"""The formats of files, and how each becomes a table of raw rows."""

import re
from dataclasses import replace
from pathlib import PurePath
from typing import IO, Any, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from ..data.tables import DataError
from . import read_options
from .compression import decompressed, start_of, without_ending
from .parsers import PARSERS
from .shape import Shape
from .wanted import EVERYTHING, Wanted

Format = Literal["", "csv", "json", "jsonl", "excel", "parquet"]
ENDINGS: dict[str, Format] = {
    **dict.fromkeys([".csv", ".tsv", ".tab", ".txt", ".dat", ".log"], "csv"),
    **dict.fromkeys([".json", ".geojson"], "json"),
    **dict.fromkeys([".jsonl", ".ndjson"], "jsonl"),
    **dict.fromkeys([".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"], "excel"),
    **dict.fromkeys([".parquet", ".pq"], "parquet"),
}
# Parts of a Content-Type; the first match counts.
TYPES: dict[str, Format] = {"ndjson": "jsonl", "jsonl": "jsonl", "json": "json", "csv": "csv"}
CHECK = {
    "csv": "check sep, skiprows and comment under [source.read]",
    "json": 'check records, or set format = "jsonl" if each line is an object',
    "jsonl": 'set format = "json" if the whole file is one document',
    "excel": "check sheet_name and skiprows under [source.read]",
    "parquet": "check format",
}
LONGEST = 150  # characters of pandas' own message
HEAD = 100  # rows
# How a file begins that is not text, and what to do if it is read as CSV or JSON.
MARKS = {
    b"PAR1": 'it is Parquet: set format = "parquet"',
    b"PK\x03\x04": 'it is Excel: set format = "excel"',
    b"\xd0\xcf\x11\xe0": 'it is Excel: set format = "excel"',
    b"SQLite format 3": "it is a database: make a project with source = sql for it",
    b"%PDF": "it is a PDF file, which cannot be read",
    b"\xff\xfe": 'it is UTF-16 text: set encoding = "utf-16" under [source.read]',
    b"\xfe\xff": 'it is UTF-16 text: set encoding = "utf-16" under [source.read]',
}
JSON = re.compile(rb"(\xef\xbb\xbf)?\s*(\{\s*\"|\[\s*[\{\[])")
HTML = re.compile(rb"\s*<(!doctype|html)", re.IGNORECASE)


class Formatted(Shape):
    """How the content of files or responses becomes rows: their format, and its options."""

    format: Format = ""
    records: str = ""
    read: dict[str, Any] = Field({})

    @property
    def signs(self) -> tuple[str, str]:
        return self.read.get("decimal", "."), self.read.get("thousands") or ""

    @model_validator(mode="before")
    @classmethod
    def _misplaced(cls, values: Any) -> Any:
        for key in values if isinstance(values, dict) else ():
            if key not in cls.model_fields and (said := read_options.misplaced(key)):
                raise ValueError(said)
        return values

    @model_validator(mode="after")
    def _options(self) -> Self:
        read_options.check(self.read, self.format or format_of(str(getattr(self, "path", ""))))
        return self


def format_of(name: str) -> Format:
    """Return the format that the ending of a name stands for, or ""."""
    return ENDINGS.get(PurePath(without_ending(name)).suffix.lower(), "")


def format_of_type(content_type: str) -> Format:
    """Return the format that a Content-Type stands for, or ""."""
    return next((it for name, it in TYPES.items() if name in content_type.lower()), "")


def parse(
    file: IO[bytes],
    name: str,
    source: Formatted,
    wanted: Wanted = EVERYTHING,
    default: Format = "",
) -> pd.DataFrame:
    """Return the rows of a file. Raises DataError.

    `default` is the format of a file whose name does not say. If a needed column is missing, the
    first rows are returned with all columns, so that the error can name those.
    """
    content, inside = decompressed(file, name)
    kind = source.format or format_of(inside) or default
    if not kind:
        raise DataError(f'{name} does not say what it is: set format, as in format = "csv"')
    if not (start := start_of(content)):
        raise DataError(f"{name} is empty: check what writes it")
    try:
        read_options.check(source.read, kind)
        if kind in ("csv", "json", "jsonl"):
            _check_text(start, name, kind, source)
        rows = PARSERS[kind](content, inside, source, wanted)
    except UnicodeError as error:
        used = source.read.get("encoding", "UTF-8")
        raise DataError(
            f'{name} is not {used} text: set encoding = "cp1252", or another, under [source.read]'
        ) from error
    except (ValueError, TypeError, LookupError) as error:
        said = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise DataError(
            f"{name} cannot be read as {kind}: {said[:LONGEST]}: {CHECK[kind]}"
        ) from error
    rows.columns = [_text(it) for it in rows.columns]
    if not wanted.only or wanted.needed <= set(rows):
        return rows
    file.seek(0)
    return parse(file, name, source, replace(wanted, only=False, head=HEAD), default)


def _check_text(start: bytes, name: str, kind: str, source: Formatted) -> None:
    """Raise DataError if a file that is read as text is something else."""
    for mark, remedy in MARKS.items():
        if start.startswith(mark) and not (b"\xff" in mark and "encoding" in source.read):
            raise DataError(f"{name} is not {kind}: {remedy}")
    if HTML.match(start):
        raise DataError(f"{name} is a web page, not {kind}: check its address, and any login")
    if kind == "csv" and JSON.match(start):
        raise DataError(f'{name} is not csv: it is JSON: set format = "json" (or "jsonl")')


def _text(name: object) -> str:
    """Return the name of a column; one of several header rows has the words of all of them."""
    return " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
