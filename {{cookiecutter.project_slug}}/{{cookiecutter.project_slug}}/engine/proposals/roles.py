"""Finds what the columns of a table are: numbers, states, names, codes, or nothing to show."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..sources import numbers
from .cells import MISSING, SENTINELS
from .time_columns import Times

CODE = re.compile(
    r"(^|[^a-z])(id|ids|code|zip|zipcode|fips|uuid|guid|lat|latitude|lon|lng|longitude|tz|pid|"
    r"flight|status|version|index|row|no|nr|number|key)([^a-z]|$)",
    re.I,
)
CODE_AT_END = re.compile(r"[a-z](ID|Id|Code)$")
FEW = 50  # a state has at most so many different texts
UNNAMED = re.compile(r"|Unnamed: \d+|index|row|rownames|level_\d")
NUMERIC = 0.5  # the least share of numbers in a column of numbers and marks of missing values
MOST = 0.9  # the least share if there is other text, which is set aside


@dataclass
class Roles:
    """The columns by what they hold; `dropped`: why a column is not shown.

    `texts` are names or states; `codes` are numbers that say nothing by their size.
    """

    numbers: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)
    missing: list[float | str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_roles(
    data: pd.DataFrame, time: Times | None, others: list[Times], signs: Mapping[str, str]
) -> Roles:
    """Return the roles of the columns that are not the time.

    `signs`: the decimal and the thousands sign of text that may be numbers.
    """
    roles = Roles()
    used = {*(time.columns if time else ()), *(time.names if time else ())}
    for name in time.names if time else ():
        _marks(roles, name, data[name], signs)
    elsewhere = {name for it in others for name in it.columns} - used
    for name in map(str, data):
        if name in used:
            continue
        column = data[name]
        known = column.dropna()
        if known.empty:
            roles.dropped[name] = "empty"
        elif name in elsewhere:
            roles.dropped[name] = "another time"
        elif _is_row_number(name, column):
            roles.dropped[name] = "row numbers"
        elif pd.api.types.is_bool_dtype(known.infer_objects().dtype):
            roles.texts.append(name)
        elif pd.api.types.is_numeric_dtype(column.dtype):
            _number(roles, name, known)
        elif pd.api.types.is_datetime64_any_dtype(column.dtype):
            roles.dropped[name] = "another time"
        else:
            _text(roles, name, known.astype(str), signs)
    if len(data) < 2:
        return roles
    for name in [it for it in roles.texts if data[it].nunique() < 2]:
        roles.texts.remove(name)
        roles.dropped[name] = "the same in all rows"
    return roles


def is_code(name: str) -> bool:
    """Return whether a column of numbers is called like one of codes."""
    return bool(CODE.search(name) or CODE_AT_END.search(name))


def _is_row_number(name: str, column: pd.Series) -> bool:
    if not UNNAMED.fullmatch(name) or not pd.api.types.is_numeric_dtype(column.dtype):
        return False
    return bool((column.diff().dropna() == 1).all())


def _number(roles: Roles, name: str, known: pd.Series) -> None:
    whole = bool((known % 1 == 0).all())
    if is_code(name) and (whole or re.search(r"lat|lon|lng", name, re.I)):
        roles.codes.append(name)
    elif known.nunique() < 2 and len(known) > 1 and whole and 1500 < known.iloc[0] < 2200:
        roles.dropped[name] = "the same in all rows"
    else:
        roles.numbers.append(name)
        _sentinels(roles, known)


def _sentinels(roles: Roles, known: pd.Series) -> None:
    """Find numbers that stand for missing values: far from all others, and often there."""
    for value in (known.min(), known.max()):
        rest = known[known != value]
        if value not in SENTINELS or rest.empty or value in roles.missing:
            continue
        spread = max(float(rest.max() - rest.min()), 1e-9)
        away = min(abs(value - rest.min()), abs(value - rest.max()))
        if away > 3 * spread or (value < 0 <= rest.min() and away > spread):
            roles.missing.append(int(value) if value == int(value) else float(value))


def _marks(roles: Roles, name: str, column: pd.Series, signs: Mapping[str, str]) -> bool:
    """Return whether a column of text holds numbers, and note its marks of missing values."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        _sentinels(roles, column.dropna())
        return True
    texts = column.dropna().astype(str).str.strip()
    different = pd.Index(texts.unique())
    found = numbers.parse(different, signs.get("decimal", "."), signs.get("thousands", ""))
    others = different[np.isnan(found)]
    share = 1 - texts.isin(others).mean()
    marks = [it for it in others if it.lower() in MISSING]
    if share < NUMERIC or (len(marks) < len(others) and share < MOST):
        return False
    roles.missing += [it for it in marks if it and it not in roles.missing]
    if any(it.startswith("(") for it in different.difference(others)):
        roles.notes.append(f"{name}: numbers in parentheses are negative")
    return True


def _text(roles: Roles, name: str, known: pd.Series, signs: Mapping[str, str]) -> None:
    if known.str.fullmatch(r"0\d+").any():
        roles.codes.append(name)
    elif known.str.match(r"\s*[\[{]").all():
        roles.dropped[name] = "nested; to read what is inside, set records"
    elif _marks(roles, name, known, signs):
        (roles.codes if is_code(name) else roles.numbers).append(name)
    else:
        roles.texts.append(name)
