"""Writes proposed settings into config.toml, and series.csv beside them."""

import csv
import io
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Item, Table

from .labels import SEPARATOR
from .propose import Proposal

MANY = 60  # series; above that, only those that need a row get one
HEADER = ["series", "label", "unit", "warn", "critical"]


def as_toml(proposal: Proposal) -> str:
    """Return a proposal as it would stand in config.toml."""
    document = tomlkit.document()
    for section, keys in _sections(proposal).items():
        table = tomlkit.table()
        _fill(table, keys)
        document[section] = table
    return tomlkit.dumps(document).strip()


def update_config(path: Path, proposal: Proposal) -> None:
    """Set the proposed keys in a config file, and remove those that no longer apply.

    Comments and all other keys stay.
    """
    document = tomlkit.parse(path.read_bytes().decode("utf-8-sig"))
    for section, keys in _sections(proposal).items():
        if section not in document:
            document[section] = tomlkit.table()
        table = document[section]
        assert isinstance(table, Table)
        if section == "source":
            for key in [it for it in proposal.replaced if it in table and it not in keys]:
                _remove(table, key)
        _fill(table, keys)
    path.write_bytes(tomlkit.dumps(document).encode())


def _sections(proposal: Proposal) -> dict[str, dict[str, Any]]:
    found = {"source": proposal.source, "refresh": proposal.refresh, "app": proposal.app}
    return {name: keys for name, keys in found.items() if keys}


def _remove(table: Table, key: str) -> None:
    """Remove a key; a table stays, with its comment, but without its keys."""
    inner = table[key]
    if isinstance(inner, Table):
        for name in list(inner):
            del inner[name]
    else:
        del table[key]


def _fill(table: Table, keys: Mapping[str, Any]) -> None:
    tables = {key: value for key, value in keys.items() if key == "read"}
    for key, value in keys.items():
        if key not in tables:
            _set(table, key, _item(value))
    for key, value in tables.items():  # a table comes after the keys
        if not isinstance(table.get(key), Table):
            table[key] = tomlkit.table()
        inner = table[key]
        for name in [it for it in inner if it not in value]:
            del inner[name]
        for name, it in value.items():
            inner[name] = _item(it)


def _set(table: Table, key: str, value: Item) -> None:
    """Set a key; its comment stays in its column."""
    old = table[key].as_string() if key in table else ""
    table[key] = value
    if gap := table[key].trivia.comment_ws:
        table[key].trivia.comment_ws = " " * max(1, len(gap) + len(old) - len(value.as_string()))


def _item(value: Any) -> Item:
    if isinstance(value, str) and "\n" in value:
        return tomlkit.string(value, multiline=True)
    if isinstance(value, str) and "\\" in value and "'" not in value:
        return tomlkit.string(value, literal=True)
    item: Item = tomlkit.item(value)
    return item


def series_csv(old: str, names: list[str], proposal: Proposal) -> str:
    """Return the text of series.csv for some series; rows that apply to them are kept.

    If most rows apply to none of them, the file describes other data, such as the sample's: a
    series that happens to have the same name would get wrong limits.
    """
    reader = csv.DictReader(io.StringIO(old))
    header = list(reader.fieldnames or HEADER)
    before = list(reader)
    rows = [row for row in before if any(fnmatchcase(it, row["series"] or "") for it in names)]
    rows = rows if 2 * len(rows) >= len(before) else []
    known = {row["series"] for row in rows}
    rows += [row for row in _rows(names, proposal) if row["series"] not in known]
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _rows(names: list[str], proposal: Proposal) -> list[dict[str, str]]:
    described = {name: proposal.label(name) for name in names}
    if len(names) <= MANY:
        return [
            {"series": it, "label": text, "unit": unit} for it, (text, unit) in described.items()
        ]
    units = {
        f"*{SEPARATOR}{it.rpartition(SEPARATOR)[2]}": unit for it, (_, unit) in described.items()
    }
    if len(units) < len(names) and len(proposal.values) > 1:  # a unit for each column
        return [{"series": it, "unit": unit} for it, unit in units.items() if unit]
    return [
        {"series": it, "label": text, "unit": unit}
        for it, (text, unit) in described.items()
        if unit or text != it
    ]
