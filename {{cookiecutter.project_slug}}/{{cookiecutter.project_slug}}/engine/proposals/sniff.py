"""Finds how the text of a table is written: separator, header, rows to skip, decimal sign."""

import csv
import re
from collections import Counter
from contextlib import suppress
from typing import Any

from .cells import is_value, share
from .dialect import Dialect
from .layout import Layout, find_header, is_cell, usual_width
from .signs import find_signs, lossy

Row = tuple[int, list[str]]  # the number of rows before it, as pandas counts them; its cells

LOG = re.compile(r'\S+ \S+ .*?\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "')
# A browser's name may hold a quote without its end, so quotes are no quotes here.
LOG_SEP = r' \[|\] "|(?<!\\)" "|(?<!\\)" (?=\d{3} )|(?<=" \d{3}) | "|"$'
LOG_COLUMNS = ["client", "time", "request", "status", "bytes", "referrer", "agent"]
SEPARATORS = [",", ";", "\t", "|", " "]
SPACES = 0.6  # prose has spaces, too
LEAST = 0.35  # a lower score is no table
BODY = 200  # rows to judge by


def decode(data: bytes) -> tuple[str, str]:
    """Return the text, and its encoding if it is not UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "ignore"), "utf-16"
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":  # the sample ends within a character
            return data[: error.start].decode("utf-8-sig"), ""
        return data.decode("cp1252", "replace"), "cp1252"


def sniff(text: str) -> Dialect:
    """Return how a text is written; it may end within a row."""
    if not (lines := [it for it in text.splitlines()[:50] if it.strip()]):
        return Dialect(notes=["the file is empty"])
    if share(bool(LOG.match(it)) for it in lines) > 0.9:
        return _log(lines)
    if share(is_value(it) for it in lines[1:] or lines) > 0.9 and not _splits(lines):
        return _one_column(lines)
    dialect, comment = Dialect(), "#" if text.lstrip()[:1] == "#" else ""
    found = [
        (_score(rows, sep), sep, rows) for sep in SEPARATORS if (rows := _rows(text, sep, comment))
    ]
    score, sep, rows = max(found, key=lambda it: it[0])
    if score < LEAST:
        dialect.notes.append("no separator makes a table of this text: read as one column")
        return dialect
    if sep != ",":
        dialect.read["sep"] = r"\s+" if sep == " " else sep
    layout = find_header([cells for _, cells in rows])
    _skip(dialect, text, rows, layout, comment)
    start = layout.header + layout.named + layout.units
    body = [cells for _, cells in rows[start : start + BODY] if len(cells) == layout.width]
    header = rows[layout.header][1] if layout.named else dialect.read["names"]
    if layout.named:
        header = _names(dialect, header)
    find_signs(dialect, header, body, sep)
    dialect.texts = lossy(header, body)
    return dialect


def _rows(text: str, sep: str, comment: str) -> list[Row]:
    lines = text.splitlines(keepends=True)
    if sep == " " and '"' not in text:
        parts = ((at, it.split()) for at, it in enumerate(lines))
        return [it for it in parts if it[1] and not (comment and it[1][0].startswith(comment))]
    rows: list[Row] = []
    reader = csv.reader(lines, delimiter=sep, skipinitialspace=sep == " ")
    with suppress(csv.Error):
        for at, cells in enumerate(reader):  # a quoted cell may have several lines
            if cells and not (comment and cells[0].startswith(comment)):
                rows.append((at, cells))
    return rows


def _score(rows: list[Row], sep: str) -> float:
    """Rate a separator: by the share of rows of equal length, and of cells that are values."""
    width, regular = usual_width([cells for _, cells in rows])
    if width < 2:
        return 0
    body = [cells for _, cells in rows[len(rows) // 3 :] if len(cells) == width][:BODY]
    values = share(is_cell(cell) for cells in body for cell in cells)
    return regular * (0.5 + values) * (SPACES if sep == " " else 1)


def _skip(dialect: Dialect, text: str, rows: list[Row], layout: Layout, comment: str) -> None:
    """Say which lines to skip, and what the columns are called."""
    line, header = rows[layout.header]
    read, skip = dialect.read, list(range(line))
    if comment:
        lines = text.splitlines()
        if any("#" in it.lstrip()[1:] for it in lines[:BODY] if it.lstrip()[:1] != "#"):
            skip = [at for at in range(line) if lines[at].lstrip()[:1] == "#"]
        else:
            read["comment"], skip = comment, []
            dialect.notes.append("lines that begin with # are comments")
    if layout.units:
        at, cells = rows[layout.header + 1]
        skip = [*skip, at]
        named = zip(header, cells, strict=False)
        dialect.units = {name: unit.strip() for name, unit in named if unit.strip()}
        dialect.notes.append(f"row {at + 1} holds units")
    if skip:
        read["skiprows"] = len(skip) if skip == list(range(len(skip))) else skip
        if line and not comment:
            dialect.notes.append(f"the table begins in row {line + 1}; the text above is skipped")
    if not layout.named:
        read["names"] = [f"column{number + 1}" for number in range(layout.width)]
        dialect.notes.append("there is no header: columns are numbered; rename them in read.names")
    elif len(header) == layout.width - 1:
        ends = [cells[-1].strip() for _, cells in rows[layout.header + 1 :] if cells[len(header) :]]
        read["names"] = (
            ["row", *header] if any(ends) else [*header, "empty"]
        )  # a separator too many
        read["header"] = 0


def _names(dialect: Dialect, header: list[str]) -> list[str]:
    """Return the names of the columns as pandas will read them."""
    if header[1:] and all(it[:1] == " " for it in header[1:]):
        dialect.read["skipinitialspace"] = True
        header = [it.lstrip() for it in header]
    if twice := [it for it, count in Counter(header).items() if count > 1 and it.strip()]:
        dialect.notes.append(
            f"several columns are called {twice[0]!r}: the second becomes {twice[0] + '.1'!r}"
        )
    return header


def _splits(lines: list[str]) -> bool:
    """Return whether a separator divides all lines into the same number of values."""
    for sep in SEPARATORS[:-1]:
        width, regular = usual_width([it.split(sep) for it in lines])
        values = share(is_cell(cell) for it in lines[1:] for cell in it.split(sep))
        if width > 1 and regular > 0.9 and values > 0.9:
            return True
    return False


def _log(lines: list[str]) -> Dialect:
    width = usual_width([re.split(LOG_SEP, it) for it in lines])[0]
    names = [*LOG_COLUMNS, *(f"rest{it}" for it in range(1, width))]
    read = {"sep": LOG_SEP, "names": names[:width]}
    return Dialect(read, notes=["an access log of a web server"])


def _one_column(lines: list[str]) -> Dialect:
    read: dict[str, Any] = {}
    if any("," in it for it in lines):
        read["sep"] = "\t"  # a separator that does not occur
    if is_value(lines[0]):
        read["names"] = ["time" if re.search("[-/:]", lines[0]) else "value"]
    return Dialect(read, notes=["one column"])
