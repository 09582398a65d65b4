"""Finds how the text of a table is written: separator, header, rows to skip, decimal sign."""

import csv
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .cells import is_missing, is_value, share

Row = tuple[int, list[str]]  # the number of rows before it, as pandas counts them; its cells

LOG = re.compile(r'\S+ \S+ .*?\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "')
# A browser's name may hold a quote without its end, so quotes are no quotes here.
LOG_SEP = r' \[|\] "|(?<!\\)" "|(?<!\\)" (?=\d{3} )|(?<=" \d{3}) | "|"$'
LOG_COLUMNS = ["client", "time", "request", "status", "bytes", "referrer", "agent"]
SEPARATORS = [",", ";", "\t", "|", " "]
SPACES = 0.6  # prose has spaces, too
LEAST = 0.35  # a lower score is no table
BODY = 200  # rows to judge by
YEAR = re.compile(r"(1[5-9]|20|21)\d\d")
GROUPED = r"[-+]?\d{1,3}(?:\SIGN\d{3})+"


@dataclass
class Dialect:
    """pandas' options for reading a text (those that differ from its defaults), and more.

    `units`: the unit of each column, from a row below the header; `texts`: the columns that only
    look like numbers, such as 01.02.2026 and 007.
    """

    read: dict[str, Any] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)


@dataclass
class Layout:
    """Where the header is among rows, and how many columns there are."""

    header: int  # index among the rows; the first row of data if there is no header
    named: bool
    units: bool
    width: int


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
    _signs(dialect, body, sep)
    header = rows[layout.header][1] if layout.named else dialect.read["names"]
    dialect.texts = _texts(header, body)
    return dialect


def find_header(rows: list[list[str]]) -> Layout:
    """Return where a table begins among rows of cells, some of which may be prose."""
    width, last = _width(rows)[0], len(rows) - 1

    def fits(at: int) -> bool:
        cells = rows[at]
        trailing = len(cells) == width + 1 and not cells[-1].strip()
        # R leaves out the name of the row names.
        names = at == 0 and len(cells) == width - 1 and any(map(is_value, rows[min(1, last)]))
        return len(cells) == width or trailing or names

    starts = (at for at in range(len(rows)) if fits(at) and (at == last or fits(at + 1)))
    header = next(starts, 0)
    body = [it for it in rows[header + 1 : header + 60] if len(it) == width]
    below = body[2:] or body
    valued = [share(_is_cell(it[at]) for it in below) >= 0.8 for at in range(width)]

    def textual(cells: list[str]) -> bool:
        return not any(value and is_value(it) for value, it in zip(valued, cells, strict=False))

    first = rows[header]
    named = textual(first) and (any(valued) or len(rows) == 1) and any(map(str.strip, first))
    named = named or _has_years(first)
    units = named and len(body) > 2 and textual(body[0]) and any(valued)
    units = units and not all(
        is_missing(it) for it, value in zip(body[0], valued, strict=True) if value
    )
    return Layout(header, named, units, width)


def _is_cell(text: str) -> bool:
    return is_value(text) or is_missing(text)


def _has_years(cells: list[str]) -> bool:
    """Return whether a row is a header whose names are years."""
    years = share(bool(YEAR.fullmatch(it.strip())) for it in cells[1:])
    return len(cells) > 4 and not is_value(cells[0]) and years > 0.8


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


def _width(rows: list[list[str]]) -> tuple[int, float]:
    """Return the usual number of cells in a row, and how usual it is; prose comes first."""
    body = rows[len(rows) // 3 :]
    width, count = Counter(map(len, body)).most_common(1)[0]
    return width, count / len(body)


def _score(rows: list[Row], sep: str) -> float:
    """Rate a separator: by the share of rows of equal length, and of cells that are values."""
    width, regular = _width([cells for _, cells in rows])
    if width < 2:
        return 0
    body = [cells for _, cells in rows[len(rows) // 3 :] if len(cells) == width][:BODY]
    values = share(_is_cell(cell) for cells in body for cell in cells)
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
        read["names"], read["header"] = ["row", *header], 0


def _signs(dialect: Dialect, body: list[list[str]], sep: str) -> None:
    """Find the decimal and the thousands sign in the columns of numbers."""
    cells = [cell.strip() for cells in body for cell in cells]
    numbers = [it for it in cells if re.fullmatch(r"[-+]?[\d.,' \u00a0]*\d", it)]
    commas = [it for it in numbers if it.count(",") == 1 and "." not in it.rpartition(",")[2]]
    proof = [it for it in commas if not re.fullmatch(GROUPED.replace("SIGN", ","), it)]
    proof += [it for it in commas if re.match(r"[-+]?0,", it)]
    points = [it for it in numbers if it.count(".") == 1 and "," not in it]
    if commas and (proof or (sep == ";" and not points)):
        dialect.read["decimal"] = ","
        if not proof:
            dialect.questions.append(
                f'{commas[0]!r} may be a decimal comma or thousands; read.decimal = "," is '
                'assumed: otherwise replace it with thousands = ","'
            )
    decimal = dialect.read.get("decimal", ".")
    for sign in (",", ".", "'", " ", "\u00a0"):
        grouped = [it for it in numbers if re.match(GROUPED.replace("SIGN", sign), it)]
        plain = sign != "." or any("," in it for it in grouped)  # 1.234 alone is a decimal
        if sign != decimal and grouped and plain:
            dialect.read["thousands"] = sign


def _texts(header: list[str], body: list[list[str]]) -> list[str]:
    """Return the columns that pandas would take for numbers, and lose something."""
    like = re.compile(r"\d{1,2}\.\d{1,2}\.\d{2,4}|0\d+")
    columns = zip(header, zip(*body, strict=True), strict=False)
    return [name for name, cells in columns if any(like.fullmatch(it.strip()) for it in cells)]


def _splits(lines: list[str]) -> bool:
    """Return whether a separator divides all lines into the same number of values."""
    for sep in SEPARATORS[:-1]:
        width, regular = _width([it.split(sep) for it in lines])
        values = share(_is_cell(cell) for it in lines[1:] for cell in it.split(sep))
        if width > 1 and regular > 0.9 and values > 0.9:
            return True
    return False


def _log(lines: list[str]) -> Dialect:
    width = _width([re.split(LOG_SEP, it) for it in lines])[0]
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
