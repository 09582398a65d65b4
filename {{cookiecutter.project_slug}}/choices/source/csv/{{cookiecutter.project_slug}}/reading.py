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
    """The section `[source]` of config.toml."""

    path: Location
    timezone: Zone = ZoneInfo("UTC")


def rows(file: str | io.BytesIO) -> pd.DataFrame:
    """Turn the file into rows: change this for another format."""
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
    return {"readings": data.copy(deep=False)}  # the cached frame must not change


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
