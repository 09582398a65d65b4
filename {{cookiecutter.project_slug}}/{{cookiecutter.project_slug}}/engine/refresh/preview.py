"""What reading.py reads, shown before anything is started: `python -m` this or the reading."""

import io
import sys
import traceback
from pathlib import Path

import pandas as pd

from . import pipeline
from .... import reading
from ..diagnostics import redaction
from ..config import secret_values
from .. import settings
from ..data import merge
from ..diagnostics.errors import describe
from ..diagnostics.redaction import redact
from ..config.types import SettingError
from ..data.snapshot import now_utc
from ..data.tables import DataError, counted

ROWS = 10
WIDTH = 60  # characters of a value that are shown


def main() -> int:
    """Read once, as the first refresh does, and show the first rows; 1 if they do not fit."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe on Windows cannot take every character
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        settings = setting.load(setting.CONFIG, reading.Source, {})
        redaction.hide(secret_values.find(settings, reading.Source))
        raw = pipeline.read(settings, None)
        print("\n\n".join(show(name, data) for name, data in raw.items()))
        batch, now = pipeline.clean(raw, settings), now_utc()
        update = snapshots.append(None, batch, now, now, settings.refresh)
    except (SettingError, DataError) as error:
        print(redact(str(error)), file=sys.stderr)
        return 1
    except Exception as error:  # whatever a user's code and its source may raise
        print(f"{_where(error)}{describe(error)}", file=sys.stderr)
        return 1
    for it in batch.rejected:
        print(f"\n{it.table}: {counted(it.count)} set aside: {it.reason}, as in {it.example}")
    if not update.rows:
        print("\nThere are no rows to show: look at [source] in config.toml.")
        return 1
    left_out = f"; left out: {update.note}" if update.note else ""
    print(f"\nThat fits preprocess.py: the dashboard can show {counted(update.rows)}{left_out}.")
    return 0


def show(name: str, data: object) -> str:
    """Return a table's size, its columns with their types, and its first rows."""
    if not isinstance(data, pd.DataFrame):
        return f"{name}: {data!r}"
    columns = ", ".join(f"{column} ({kind})" for column, kind in data.dtypes.items())
    first = data.head(ROWS).to_string(index=False, max_colwidth=WIDTH)
    return f"{name}: {counted(len(data))}, with {columns}\n\n{first}"


def _where(error: Exception) -> str:
    """Return the line of reading.py that an error came from."""
    file = str(reading.__file__)
    lines = [it.lineno for it in traceback.extract_tb(error.__traceback__) if it.filename == file]
    return f"{Path(file).name}, line {lines[-1]}: " if lines else ""


if __name__ == "__main__":
    sys.exit(main())
