"""The source: the same data as in the benchmark's other apps."""

import time
from datetime import datetime
from functools import lru_cache

import pandas as pd

from . import work
from .engine import Section


class Source(Section):
    """The settings in `[source]` of config.toml."""

    burn_seconds: float = 0  # CPU time to waste on each refresh
    quiet: bool = False  # return nothing new after the first read


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the new rows."""
    end = time.monotonic() + source.burn_seconds
    while time.monotonic() < end:
        sum(range(1000))
    return {"readings": _first() if source.quiet else work.rows(since.timestamp())}


@lru_cache(maxsize=1)
def _first() -> pd.DataFrame:
    return work.rows()
