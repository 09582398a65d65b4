"""Previews what a source gives, without starting a server or schedule; proposes settings for it."""

import inspect
import io
import sys
import traceback
from pathlib import Path

import pandas as pd

from ..config import secret_values
from ..config.types import SettingError
from ..data.snapshot import now_utc
from ..data.tables import DataError, counted
from ..diagnostics import redaction
from ..diagnostics.errors import describe
from ..diagnostics.redaction import redact
from ..figures.catalog import read_series
from ..settings import CONFIG, AnySettings
from . import pipeline
from .hints import hints
from .pipeline import Pipeline
from .summary import Described, left_out, summarize

ROWS = 10
WIDTH = 60  # characters; longer values are cut
SERIES = Path("assets", "static_data", "series.csv")  # beside the user's reading module


def preview(
    settings_type: type[AnySettings],
    it: Pipeline,
    config: Path = CONFIG,
    location: str = "",
    write: bool = False,
) -> int:
    """Read like the first refresh, and print the first rows; return 1 if they are invalid.

    With a location, propose settings for it and preview those; with `write`, also set them.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe on Windows may not encode every character
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        settings = settings_type.load(config)
        redaction.hide(secret_values.find(settings))
        series = Path(inspect.getfile(it.read)).parent / SERIES
        if location or write:
            return _propose(it, settings, series, location, write)
        return 0 if show_tables(it, settings, _described(series)) is not None else 1
    except (SettingError, DataError) as error:
        print(redact(str(error)), file=sys.stderr)
    except Exception as error:  # the user's code and the source may raise anything
        print(f"{_where(error, it)}{describe(error)}", file=sys.stderr)
    return 1


def _propose(it: Pipeline, settings: AnySettings, series: Path, location: str, write: bool) -> int:
    """Print a proposal and what it would show; perhaps write it."""
    from ..proposals import steps  # a process that only refreshes does not need it

    proposal = steps.propose(settings, location)
    print(redact(steps.show(proposal)))
    names = show_tables(it, steps.apply(settings, proposal), proposal.label)
    if names is None:
        return 1
    if write:
        print(steps.write(settings, series, proposal, names))
    else:
        print("\nNothing was changed: add --write to set this.")
    return 0


def show_tables(it: Pipeline, settings: AnySettings, described: Described) -> list[str] | None:
    """Print what the dashboard would show; return the names of the series, None without rows."""
    now = now_utc()
    span = pipeline.span(None, it.tables, settings.refresh, now)
    raw = pipeline.read_source(it.read, settings.source, span)
    print("\n\n".join(show(name, data) for name, data in raw.items() if _has_rows(data)))
    rows = pipeline.apply_clean(it.clean, raw)
    batch, update = pipeline.first_update(it, settings, rows, now)
    tables = update.snapshot.tables
    for text in (summarize(tables, described, settings.app.timezone), left_out(raw)):
        print(f"\n{text}" * bool(text), end="\n" * bool(text))
    for hint in hints(it, settings, rows, batch, update):
        print(f"\n{hint}")
    if not update.rows:
        print("\nThere are no rows to show: check [source] in config.toml.")
        return None
    note = f"; left out: {update.note}" if update.note else ""
    print(f"\nThis matches preprocess.py: the dashboard can show {counted(update.rows)}{note}.")
    found = [data["series"].astype(str).unique() for data in tables.values() if "series" in data]
    return list(dict.fromkeys(name for names in found for name in names))


def show(name: str, data: object) -> str:
    """Return a table's size, columns, types and first rows as text."""
    if not isinstance(data, pd.DataFrame):
        return f"{name}: {data!r}"
    columns = ", ".join(f"{column} ({kind})" for column, kind in data.dtypes.items())
    first = data.head(ROWS).to_string(index=False, max_colwidth=WIDTH)
    return f"{name}: {counted(len(data))}, with {columns}\n\n{first}"


def _has_rows(data: object) -> bool:
    return not (isinstance(data, pd.DataFrame) and data.empty and data.attrs)


def _described(path: Path) -> Described:
    """Return the labels and units of series.csv, if there is one."""
    if not path.is_file():
        return lambda name: (name, "")
    known = read_series(path).reindex(columns=["label", "unit"]).fillna("").to_dict("index")
    return lambda name: (known[name]["label"], known[name]["unit"]) if name in known else (name, "")


def _where(error: Exception, it: Pipeline) -> str:
    """Return which line of the user's reading module an error came from."""
    file = it.read.__code__.co_filename
    lines = [it.lineno for it in traceback.extract_tb(error.__traceback__) if it.filename == file]
    return f"{Path(file).name}, line {lines[-1]}: " if lines else ""
