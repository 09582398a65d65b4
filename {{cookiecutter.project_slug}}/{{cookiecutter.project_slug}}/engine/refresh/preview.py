"""Previews what `read` returns, without starting a server or schedule."""

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
from ..settings import AnySettings
from . import pipeline
from .hints import hints
from .pipeline import Pipeline

ROWS = 10
WIDTH = 60  # characters; longer values are cut


def preview(settings_type: type[AnySettings], it: Pipeline) -> int:
    """Read like the first refresh, and print the first rows; return 1 if they are invalid."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe on Windows may not encode every character
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        settings, now = settings_type.load(), now_utc()
        redaction.hide(secret_values.find(settings))
        span = pipeline.span(None, it.tables, settings.refresh, now)
        raw = pipeline.read_source(it.read, settings.source, span)
        print("\n\n".join(show(name, data) for name, data in raw.items()))
        rows = pipeline.apply_clean(it.clean, raw)
        batch, update = pipeline.first_update(it, settings, rows, now)
    except (SettingError, DataError) as error:
        print(redact(str(error)), file=sys.stderr)
        return 1
    except Exception as error:  # the user's code and the source may raise anything
        print(f"{_where(error, it)}{describe(error)}", file=sys.stderr)
        return 1
    for hint in hints(it, settings, rows, batch, update):
        print(f"\n{hint}")
    if not update.rows:
        print("\nThere are no rows to show: check [source] in config.toml.")
        return 1
    left_out = f"; left out: {update.note}" if update.note else ""
    print(f"\nThis matches preprocess.py: the dashboard can show {counted(update.rows)}{left_out}.")
    return 0


def show(name: str, data: object) -> str:
    """Return a table's size, columns, types and first rows as text."""
    if not isinstance(data, pd.DataFrame):
        return f"{name}: {data!r}"
    columns = ", ".join(f"{column} ({kind})" for column, kind in data.dtypes.items())
    first = data.head(ROWS).to_string(index=False, max_colwidth=WIDTH)
    return f"{name}: {counted(len(data))}, with {columns}\n\n{first}"


def _where(error: Exception, it: Pipeline) -> str:
    """Return which line of the user's reading module an error came from."""
    file = it.read.__code__.co_filename
    lines = [it.lineno for it in traceback.extract_tb(error.__traceback__) if it.filename == file]
    return f"{Path(file).name}, line {lines[-1]}: " if lines else ""
