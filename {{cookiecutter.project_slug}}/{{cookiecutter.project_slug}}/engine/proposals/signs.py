"""Finds how numbers are written: their decimal, thousands, currency and percent signs."""

import re

from ..sources import numbers
from .cells import is_missing
from .dialect import Dialect

GROUPED = r"[-+]?\d{1,3}(?:\SIGN\d{3})+"


def find_signs(dialect: Dialect, header: list[str], body: list[list[str]], sep: str) -> None:
    """Find the decimal and the thousands sign in the columns of numbers, and their units."""
    for name, column in zip(header, zip(*body, strict=True), strict=False):
        units = {numbers.unit(it) if _is_number(it) else "" for it in column if not is_missing(it)}
        if len(units) == 1 and (unit := units.pop()):
            dialect.units.setdefault(name, unit)
    known = [_bare(cell) for cells in body for cell in cells if _is_number(cell)]
    commas = [it for it in known if it.count(",") == 1 and "." not in it.rpartition(",")[2]]
    proof = [it for it in commas if not re.fullmatch(GROUPED.replace("SIGN", ","), it)]
    proof += [it for it in commas if re.match(r"[-+]?0,", it)]
    points = [it for it in known if it.count(".") == 1 and "," not in it]
    if commas and (proof or (sep == ";" and not points)):
        dialect.read["decimal"] = ","
        if not proof:
            dialect.questions.append(
                f'{commas[0]!r} may be a decimal comma or thousands; read.decimal = "," is '
                'assumed: otherwise replace it with thousands = ","'
            )
    decimal = dialect.read.get("decimal", ".")
    for sign in (",", ".", "'", " ", "\u00a0"):
        grouped = [it for it in known if re.match(GROUPED.replace("SIGN", sign), it)]
        plain = sign != "." or decimal == ","  # 1.234 alone is a decimal
        if sign != decimal and grouped and plain:
            dialect.read["thousands"] = sign


def _bare(cell: str) -> str:
    """Return a cell without signs of currency and percent, and without parentheses."""
    return re.sub(f"[{numbers.CURRENCIES}%()]", "", cell).strip().replace(numbers.MINUS, "-")


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.,' \u00a0]*\d", _bare(cell)) is not None


def lossy(header: list[str], body: list[list[str]]) -> list[str]:
    """Return the columns that pandas would take for numbers, and lose something."""
    like = re.compile(r"\d{1,2}\.\d{1,2}\.\d{2,4}|0\d+")
    columns = zip(header, zip(*body, strict=True), strict=False)
    return [name for name, cells in columns if any(like.fullmatch(it.strip()) for it in cells)]
