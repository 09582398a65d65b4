"""Where the data come from: a CSV file or URL, read again when it has changed."""

import io
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from .engine import Location, Section, Zone
from .engine.sources.web import Web


class Source(Section):
    """What `[source]` in config.toml may say."""

    path: Location
    timezone: Zone = ZoneInfo("UTC")


def rows(file: str | io.BytesIO) -> pd.DataFrame:
    """Make rows of the file: here is what to change for another one."""
    return pd.read_csv(file, dtype={"series": str})


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows of the file, whose columns are time, series and value.

    The file is read in full, whatever `since` is, but parsed again only when it has changed.
    """
    if source.path.startswith(("http://", "https://")):
        data = _parse(_web().get(source.path).content)
    else:
        stat = Path(source.path).stat()
        data = _read(source.path, stat.st_mtime_ns, stat.st_size)
    return {"readings": data.copy(deep=False)}  # what is kept here must stay as it is


@lru_cache(maxsize=1)
def _read(file: str, *_state: int) -> pd.DataFrame:
    return rows(file)


@lru_cache(maxsize=1)
def _parse(content: bytes) -> pd.DataFrame:
    return rows(io.BytesIO(content))


@lru_cache(maxsize=1)
def _web() -> Web:
    return Web()


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.serve import cli

    raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))
