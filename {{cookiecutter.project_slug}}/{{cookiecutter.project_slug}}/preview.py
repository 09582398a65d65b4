"""What reading.py reads, shown before anything is started: `python -m` this or the reading."""

import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from . import pipeline, reading, setting
from .log import redact
from .setting import SettingError
from .tables import DataError

ROWS = 10


def main() -> int:
    """Read once, as the first refresh does, and show the first rows; 1 if they do not fit."""
    try:
        settings = setting.load(setting.CONFIG, reading.Source, {})
        raw = reading.read(settings, None)
        if isinstance(raw, Mapping):
            print("\n\n".join(show(name, data) for name, data in raw.items()))
        rows = sum(map(len, pipeline.clean(raw, settings).values()))
    except (SettingError, DataError) as error:
        print(error, file=sys.stderr)
        return 1
    except Exception as error:  # whatever a user's code and its source may raise
        print(f"{_where(error)}{type(error).__name__}: {redact(str(error))}", file=sys.stderr)
        return 1
    if not rows:
        print("\nThere are no rows that it could show: look at [source] in config.toml.")
        return 1
    print("\nThat fits preprocess.py: the dashboard can show it.")
    return 0


def show(name: str, data: object) -> str:
    """Return a table's size, its columns with their types, and its first rows."""
    if not isinstance(data, pd.DataFrame):
        return f"{name}: {data!r}"
    columns = ", ".join(f"{column} ({kind})" for column, kind in data.dtypes.items())
    first = data.head(ROWS).to_string(index=False)
    return f"{name}: {len(data):,} rows, with {columns}\n\n{first}"


def _where(error: Exception) -> str:
    """Return the line of reading.py that an error came from."""
    file = str(reading.__file__)
    lines = [it.lineno for it in traceback.extract_tb(error.__traceback__) if it.filename == file]
    return f"{Path(file).name}, line {lines[-1]}: " if lines else ""


if __name__ == "__main__":
    sys.exit(main())
