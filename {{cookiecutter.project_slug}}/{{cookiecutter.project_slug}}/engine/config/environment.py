"""Checks environment variables and `.env`, so that a misspelled setting does not go unnoticed."""

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
from .types import SettingError

Sections = Mapping[str, type[BaseModel]]


def read(path: Path, prefix: str, sections: Sections) -> dict[str, str]:
    """Return the settings in a `.env` file, and add its other variables to the environment.

    Raises SettingError for a variable, there or in the environment, that looks like a setting but
    is not one.
    """
    in_file = env_file.read(path, prefix)
    settings = [it for it in in_file if it.name.upper().startswith(prefix)]
    others = [it for it in in_file if it not in settings]
    for it in others:
        if meant := _meant(it.name, prefix, sections, in_file=True):
            raise SettingError(f"{it.label} is not a setting: rename it to {meant}.")
        if _begins_with(prefix, it.name):
            raise SettingError(
                f"{it.label} is not a setting: names of settings begin with {prefix}."
            )
    own = [Variable(*it, f"The environment variable {it[0]}") for it in os.environ.items()]
    for it in (*settings, *(it for it in own if it.name.upper().startswith(prefix))):
        _check(it, prefix, sections)
    for it in others:
        os.environ.setdefault(it.name, it.value)
    return {it.name: it.value for it in settings}


def near_misses(prefix: str, sections: Sections) -> dict[str, str]:
    """Map environment variables with the wrong number of underscores to the names of settings.

    They may belong to another program: Kubernetes sets MY_DASHBOARD_SERVER_PORT for a service.
    """
    names = (it for it in os.environ if _begins_with(prefix, it))
    meant = {it: _meant(it, prefix, sections, in_file=False) for it in names}
    return {name: right for name, right in meant.items() if right}


def keys(section: type[BaseModel]) -> dict[str, Any]:
    """Return the type of each key of a section."""
    return {it.alias or name: it.annotation for name, it in section.model_fields.items()}


def suggest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Return "did you mean ...?" with the most similar name, or ""."""
    similar = difflib.get_close_matches(name, list(names), 1)
    return f"did you mean {prefix}{similar[0]}?" if similar else ""


def _check(variable: Variable, prefix: str, sections: Sections) -> None:
    """Raise SettingError for an unknown setting, an empty secret or table, or invalid JSON."""
    rest = variable.name.upper().removeprefix(prefix)
    section, *path = rest.lower().split("__")
    known = sections.get(section)
    fields = keys(known) if known else {}
    is_open = known is not None and known.model_config.get("extra") == "allow"
    if not path or not all(path) or not (path[0] in fields or is_open):
        default = f"write {prefix}<SECTION>__<KEY>, with a section and a key of config.toml."
        remedy = suggest(rest, _names(sections), prefix) or default
        raise SettingError(f"{variable.label} is not a setting: {remedy}")
    kind = get_origin(fields.get(path[0])) or fields.get(path[0])
    is_table = isinstance(kind, type) and issubclass(kind, (Mapping, BaseModel))
    if (is_table or kind is SecretStr) and re.sub(r"\s", "", variable.value) in ("", "{}"):
        raise SettingError(f"{variable.label} is empty: give it a value, or remove it.")
    if is_table and not path[1:]:
        try:
            json.loads(variable.value)
        except json.JSONDecodeError as error:
            raise SettingError(f"{variable.label} is not valid JSON: {error}.") from error


def _begins_with(prefix: str, name: str) -> bool:
    """Return whether a name starts with the prefix, with any number of underscores."""
    return bool(re.match("_*".join(prefix.strip("_").split("_")) + "_", name, re.IGNORECASE))


def _names(sections: Sections) -> list[str]:
    return [f"{name}__{key}".upper() for name, section in sections.items() for key in keys(section)]


def _meant(name: str, prefix: str, sections: Sections, *, in_file: bool) -> str:
    """Return the setting that a name without the prefix probably means, or ""."""
    if name.upper().startswith(prefix):
        return ""
    for known in _names(sections):
        underscores = re.sub("_+", "_+", prefix + known)
        if re.match(rf"{underscores}(_|$)", name.upper()) or (
            in_file and re.match(rf"(.+__)?{known}(__|$)", name.upper())
        ):
            return prefix + known
    return ""
