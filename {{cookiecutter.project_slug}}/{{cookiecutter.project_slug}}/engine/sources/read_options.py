"""The options under `[source.read]`, which go to pandas' reader of the format."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

READERS: dict[str, Callable[..., Any]] = {
    "csv": pd.read_csv,
    "excel": pd.read_excel,
    "json": pd.json_normalize,
    "jsonl": pd.json_normalize,
}
# Options that the engine sets itself, and what to write instead.
_SET_BY = {
    "write in [source], the key path": ["filepath_or_buffer", "io", "data"],
    "write in [source], the keys time, series and value": ["usecols", "index_col"],
    "write in [source], the key missing": ["na_values"],
    "write in [source], the keys time and time_format": ["parse_dates", "date_format", "dayfirst"],
    "write in [source], the key records": ["record_path", "meta", "meta_prefix", "record_prefix"],
    "the engine sets it": [
        *["chunksize", "iterator", "nrows", "engine", "engine_kwargs", "dtype_backend"],
        *["compression", "storage_options", "memory_map", "low_memory", "cache_dates"],
        "errors",
    ],
}
OWNED = {name: instead for instead, names in _SET_BY.items() for name in names}
# What other tools call pandas' options, and the keys of [source].
ALIASES = {
    "separator": "sep",
    "delimiter": "sep",
    "skip_rows": "skiprows",
    "sheet": "sheet_name",
    "sheet_names": "sheet_name",
    "quote": "quotechar",
    "charset": "encoding",
}
RENAMED = {
    "na_values": "missing",
    "null_values": "missing",
    "date_format": "time_format",
    "parse_dates": "time",
    "tz": "timezone",
}


def misplaced(key: str) -> str:
    """Return where a key belongs that is not one of `[source]`, or ""."""
    if key in RENAMED:
        return f"{key} is not a setting: write {RENAMED[key]} instead"
    option = ALIASES.get(key, key)
    known = any(option in inspect.signature(it).parameters for it in READERS.values())
    if not known or option in OWNED:
        return ""
    return f"{key} is not a setting: write {option} under [source.read]"


def check(options: Mapping[str, Any], file_format: str) -> None:
    """Raise ValueError for an option that the reader of a format does not have or may not get."""
    if file_format == "parquet" and options:
        raise ValueError("Parquet files need no options: remove [source.read]")
    if file_format not in READERS:  # known only when the files are
        return
    known = _known(file_format)
    for name in options:
        if name in OWNED:
            raise ValueError(f"[source.read] cannot have {name}: {OWNED[name]}")
        if name not in known:
            close = difflib.get_close_matches(name, [*ALIASES, *known], 1)
            likely = ALIASES.get(close[0], close[0]) if close else ""
            remedy = f"did you mean {likely}?" if likely in known else f"it may have {_some(known)}"
            raise ValueError(f"[source.read] cannot have {name} for {file_format}: {remedy}")


def _known(file_format: str) -> list[str]:
    if file_format in ("json", "jsonl"):
        return ["encoding", "max_level"]
    names = inspect.signature(READERS[file_format]).parameters
    return [it for it in names if it not in OWNED and it not in ALIASES]


def _some(names: Iterable[str]) -> str:
    common = ("sep", "encoding", "decimal", "skiprows", "sheet_name", "max_level")
    return ", ".join(it for it in common if it in names)
