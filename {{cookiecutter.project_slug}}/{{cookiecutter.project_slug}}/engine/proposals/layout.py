"""Finds where a table begins among rows of cells, some of which may be prose."""

import re
from collections import Counter
from dataclasses import dataclass

from .cells import is_missing, is_value, share

YEAR = re.compile(r"(1[5-9]|20|21)\d\d")


@dataclass
class Layout:
    """Where the header is among rows, and how many columns there are."""

    header: int  # index among the rows; the first row of data if there is no header
    named: bool
    units: bool
    width: int


def find_header(rows: list[list[str]]) -> Layout:
    """Return where a table begins among rows of cells, some of which may be prose."""
    width, last = usual_width(rows)[0], len(rows) - 1

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
    valued = [share(is_cell(it[at]) for it in below) >= 0.8 for at in range(width)]

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


def is_cell(text: str) -> bool:
    """Return whether a cell is one of a table's body: a number, a time or a missing value."""
    return is_value(text) or is_missing(text)


def _has_years(cells: list[str]) -> bool:
    """Return whether a row is a header whose names are years."""
    years = share(bool(YEAR.fullmatch(it.strip())) for it in cells[1:])
    return len(cells) > 4 and not is_value(cells[0]) and years > 0.8


def usual_width(rows: list[list[str]]) -> tuple[int, float]:
    """Return the usual number of cells in a row, and how usual it is; prose comes first."""
    body = rows[len(rows) // 3 :]
    width, count = Counter(map(len, body)).most_common(1)[0]
    return width, count / len(body)
