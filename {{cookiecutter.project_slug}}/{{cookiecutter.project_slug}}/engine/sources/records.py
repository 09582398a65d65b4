"""Finds the rows in a JSON document, and makes a table of them."""

from typing import Any

import orjson
import pandas as pd

from ..config.environment import suggest
from ..data.tables import DataError

SHOWN = 10  # names in an error


def table(document: Any, records: str, name: str, max_level: int | None = None) -> pd.DataFrame:
    """Return the rows at the path `records`, such as "data.items"; nested names are joined by ".".

    Rows are a list of objects or of lists, an object of columns, or one object.
    Raises DataError, which calls the document `name`.
    """
    rows = _at(document, records, name)
    if _are_columns(rows):
        return _flat(pd.DataFrame(rows))
    if isinstance(rows, dict):
        length, path = longest(rows, records)
        if length and not records:
            raise DataError(f'{name} has its rows further inside: set records = "{path}"')
        rows = [rows]
    if not isinstance(rows, list):
        raise DataError(f"{name} has no rows at records = {records!r}: set it to their path")
    if rows and all(isinstance(it, dict) for it in rows):
        return _flat(pd.json_normalize(rows, max_level=max_level))
    return _flat(pd.DataFrame(rows))


def _at(document: Any, records: str, name: str) -> Any:
    """Return what is at a path; a list on the way is followed in each of its items."""
    known = ""
    for key in filter(None, records.split(".")):
        parents = document if isinstance(document, list) else [document]
        found = [it[key] for it in parents if isinstance(it, dict) and key in it]
        if not found:
            keys = list(parents[0]) if parents and isinstance(parents[0], dict) else []
            there = ", ".join(map(repr, keys[:SHOWN])) or "no names"
            likely = suggest(key, keys, known) or f"{known or 'its top level'} has {there}"
            raise DataError(f"{name} has nothing at records = {records!r}: {likely}")
        nested = [row for it in found for row in (it if isinstance(it, list) else [it])]
        document = nested if isinstance(document, list) else found[0]
        known += f"{key}."
    return document


def longest(value: Any, path: str = "") -> tuple[int, str]:
    """Return the length and the path of the longest list of rows in an object."""
    if _are_columns(value):
        return len(next(iter(value.values()))), path
    if isinstance(value, dict):
        deeper = [longest(it, f"{path}.{key}".strip(".")) for key, it in value.items()]
        return max(deeper, default=(0, ""))
    is_rows = isinstance(value, list) and value and isinstance(value[0], dict)
    return (len(value), path) if is_rows else (0, "")


def _are_columns(value: Any) -> bool:
    """Return whether a value is an object of columns, which are lists of the same length."""
    if not isinstance(value, dict) or not value:
        return False
    columns = list(value.values())
    if not all(isinstance(it, list) and len(it) == len(columns[0]) for it in columns):
        return False
    return bool(columns[0]) and not any(isinstance(it[0], (dict, list)) for it in columns)


def _flat(rows: pd.DataFrame) -> pd.DataFrame:
    """Write lists and objects inside a cell as JSON text, and name the columns by text."""
    for column in [it for it in rows if rows[it].dtype == object]:
        nested = rows[column].map(lambda it: isinstance(it, (list, dict)))
        if nested.any():
            text = rows[column][nested].map(lambda it: orjson.dumps(it).decode())
            rows[column] = rows[column].mask(nested, text)
    return rows.rename(columns=str)
