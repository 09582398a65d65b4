"""Where the data come from: a CSV file or URL, read again when it has changed."""

import io
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from .setting import Settings
from .web import Web


class Source(BaseModel, extra="forbid"):
    """What `[source]` in config.toml may say."""

    path: str


def rows(file: str | io.BytesIO) -> pd.DataFrame:
    """Make rows of the file: here is what to change for another one."""
    return pd.read_csv(file, dtype={"series": str})


def read(settings: Settings, since: datetime | None) -> dict[str, pd.DataFrame]:
    """Return the rows of the file; its columns are time, series and value.

    A file that has not changed gives back the same frame, which the pipeline knows and skips. Of
    one that has, new and corrected rows take effect; one that is gone stays until a restart.
    """
    path = Source(**settings.source).path
    if path.startswith(("http://", "https://")):
        return {"readings": _parse(_web().get(path).content)}
    stat = Path(path).stat()
    return {"readings": _read(path, stat.st_mtime_ns, stat.st_size)}


@lru_cache(maxsize=1)
def _read(path: str, *_state: int) -> pd.DataFrame:
    return rows(path)


@lru_cache(maxsize=1)
def _parse(content: bytes) -> pd.DataFrame:
    return rows(io.BytesIO(content))


@lru_cache(maxsize=1)
def _web() -> Web:
    return Web()


if __name__ == "__main__":  # python -m … shows what would be read
    from .preview import main

    raise SystemExit(main())
