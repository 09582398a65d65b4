"""Finds the columns that the settings name, and says which are missing."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

import pandas as pd

from ..data.columns import listed, similar
from ..data.tables import DataError
from .shape import ALL, Shape
from .texts import as_text, as_texts
from .time_formats import SAMPLE, is_iso

SHORT = 40  # characters
TIMES = re.compile("time|date|day|year|month|period|quarter|stamp", re.IGNORECASE)


def with_names(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with names of columns as text. Raises DataError if two are the same."""
    if not all(isinstance(it, str) for it in raw.columns):
        raw = raw.set_axis([as_text(it) for it in raw.columns], axis="columns")
    if not raw.columns.is_unique:
        twice = _listed([raw.columns[raw.columns.duplicated()][0]])
        raise DataError(f"several columns are called {twice}: give each its own name")
    return raw.reset_index(drop=True)


def value_columns(raw: pd.DataFrame, shape: Shape) -> list[str]:
    """Return the columns of values. Raises DataError if the settings name missing columns."""
    values = [] if shape.values == [ALL] else shape.values
    named = {"time": shape.times, "series": shape.keys, "value": values, "where": [*shape.where]}
    missing = {key: [it for it in them if it not in raw] for key, them in named.items()}
    missing = {key: them for key, them in missing.items() if them}
    if missing:
        names = [it for them in missing.values() for it in them]
        are = f"{_listed(names)} {'is' if len(names) == 1 else 'are'}"
        has, remedy = _listed([*raw.columns]), _remedy(raw, named, [*missing])
        raise DataError(f"{are} missing; the source has {has}: {remedy}")
    if shape.values != [ALL]:
        return values
    used = {*shape.times, *shape.keys, *shape.where}
    found = [
        it for it in raw if it not in used and not any(fnmatchcase(it, no) for no in shape.drop)
    ]
    if not found:
        raise DataError('value = "*" finds no column: all are used otherwise, or in drop')
    return found


def _remedy(raw: pd.DataFrame, named: Mapping[str, list[str]], keys: list[str]) -> str:
    """Return the settings that name the likely columns: similar names first, then by kind."""
    free = [it for it in raw if not any(it in them for them in named.values())]
    found = {}
    for key in keys:
        likely = [it if it in raw else similar(it, free) for it in named[key]]
        if None not in likely:
            found[key] = [str(it) for it in likely]
            free = [it for it in free if it not in likely]
    found = {**_kinds(raw[free[:SAMPLE]].head(SAMPLE)), **found}
    settings = [f"{key} = {_setting(key, found[key])}" for key in keys if key in found]
    if not settings or sum(map(len, settings)) > 3 * SHORT:
        return f"correct {', '.join(keys)} in [source]"
    rest = [key for key in keys if key not in found]
    return f"set {', '.join(settings)}" + f", and correct {', '.join(rest)}" * bool(rest)


def _kinds(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Return the columns that hold times, names and numbers, as far as that can be seen."""
    times = [it for it in rows if _is_time(rows[it])] or [it for it in rows if TIMES.search(it)]
    others = [it for it in rows if it not in times[:1]]
    numbers = [it for it in others if pd.api.types.is_numeric_dtype(rows[it].dtype)]
    others = [it for it in others if it not in numbers]
    few = max(len(rows) // 2, 2)  # names of series occur more than once
    texts = [it for it in others if len(as_texts(rows[it]).categories) < few]
    found = {"series": texts[:1]}
    if times:
        found["time"] = times[:1]
    if numbers:
        found["value"] = numbers if len(numbers) == 1 else [ALL]
    return found


def _setting(key: str, names: list[str]) -> str:
    quoted = [f'"{it}"' for it in names] or ['""']
    if key == "where":
        return f"{{ {', '.join(f'{it} = …' for it in quoted)} }}"
    return quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"


def _is_time(values: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(values.dtype) or values.isna().all():
        return False
    return bool(is_iso(values.dropna()).all())


def _listed(names: list[str]) -> str:
    return listed(names, "`{}`".format, 2 * SHORT) if names else "no columns"
