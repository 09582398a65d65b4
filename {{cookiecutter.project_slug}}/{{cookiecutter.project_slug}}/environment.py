"""Settings from the environment and `.env`; what cannot be understood is refused, not skipped."""

import difflib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel, SecretStr

from . import env_file
from .env_file import Variable
from .setting_types import SettingError

Sections = Mapping[str, type[BaseModel]]


def read(path: Path, prefix: str, sections: Sections) -> dict[str, Any]:
    """Return the settings in the environment and in the `.env` at a path, by section and key.

    The other variables of `.env` are added to the environment. Raises SettingError.
    """
    in_file = list(env_file.read(path, prefix))
    own = [Variable(*it, f"The environment variable {it[0]}") for it in os.environ.items()]
    values = merge(
        nest(in_file, prefix, sections, in_file=True), nest(own, prefix, sections, in_file=False)
    )
    for it in in_file:
        if not it.name.upper().startswith(prefix):
            os.environ.setdefault(it.name, it.value)
    return values


def nest(
    variables: Iterable[Variable], prefix: str, sections: Sections, *, in_file: bool
) -> dict[str, Any]:
    """Return variables as tables. Raises SettingError for one that names no setting."""
    values: dict[str, Any] = {}
    seen: set[str] = set()
    for it in sorted(variables, key=lambda it: it.name.upper()):  # a table before its keys
        name = it.name.upper()
        if not name.startswith(prefix):
            if meant := _meant(name, prefix, sections, in_file):
                raise SettingError(f"{it.label} is not read: rename it to {meant}.")
            continue
        if name in seen:
            raise SettingError(f"{it.label} is set twice: remove one of them.")
        seen.add(name)
        section, *path = name.removeprefix(prefix).lower().split("__")
        fields = keys(sections[section]) if section in sections else {}
        if not path or not all(path) or not (path[0] in fields or _is_open(sections.get(section))):
            rest = name.removeprefix(prefix)
            guess = suggest(rest, _names(sections), prefix)
            default = f"write {prefix}<SECTION>__<KEY>, with a section and a key of config.toml."
            raise SettingError(f"{it.label} names no setting: {guess or default}")
        table: Any = it.value if path[1:] else _decode(it, fields.get(path[0]))
        for part in reversed(path):
            table = {part: table}
        values = merge(values, {section: table})
    return values


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables with those of `over` laid over them, key by key."""
    merged = dict(under)
    for key, value in over.items():
        known = merged.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            value = merge(known, value)
        merged[key] = value
    return merged


def keys(section: type[BaseModel]) -> dict[str, Any]:
    """Return the type of each key of a section."""
    return {it.alias or name: it.annotation for name, it in section.model_fields.items()}


def suggest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Return "did you mean ...?" with the most similar of some names, or nothing."""
    similar = difflib.get_close_matches(name, list(names), 1)
    return f"did you mean {prefix}{similar[0]}?" if similar else ""


def _names(sections: Sections) -> list[str]:
    return [f"{name}__{key}".upper() for name, section in sections.items() for key in keys(section)]


def _meant(name: str, prefix: str, sections: Sections, in_file: bool) -> str:
    """Return the setting that a name without the prefix is close to, or nothing.

    The environment belongs to other programs too: there only underscores may be wrong.
    """
    for known in _names(sections):
        underscores = re.sub("_+", "_+", prefix + known)
        if re.match(rf"{underscores}(_|$)", name) or (
            in_file and re.match(rf"(.+__)?{known}(__|$)", name)
        ):
            return prefix + known
    return ""


def _is_open(section: type[BaseModel] | None) -> bool:
    return section is not None and section.model_config.get("extra") == "allow"


def _decode(variable: Variable, annotation: Any) -> Any:
    """Return the value of a variable: JSON if it is a table, or a list in brackets."""
    kind, value = get_origin(annotation) or annotation, variable.value.strip()
    is_table = isinstance(kind, type) and issubclass(kind, (Mapping, BaseModel))
    if (is_table or kind is SecretStr) and value in ("", "{}"):
        raise SettingError(f"{variable.label} is empty: give it a value, or remove it.")
    if not is_table and not (kind is list and value.startswith("[")):
        return variable.value
    try:  # numbers stay as they are written: 1.50, 1e3
        return json.loads(value, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise SettingError(f"{variable.label} is not valid JSON: {error}.") from error
