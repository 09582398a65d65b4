"""Where the data come from: what the benchmark's other apps show too."""

import time
from datetime import datetime
from functools import lru_cache

import pandas as pd

from . import work
from .engine import Section


class Source(Section):
    """What `[source]` in config.toml may say."""

    burn_seconds: float = 0  # of the CPU, at each refresh
    quiet: bool = False  # whether it has nothing new after the first read


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows that are new."""
    end = time.monotonic() + source.burn_seconds
    while time.monotonic() < end:
        sum(range(1000))
    return {"readings": _first() if source.quiet else work.rows(since.timestamp())}


@lru_cache(maxsize=1)
def _first() -> pd.DataFrame:
    return work.rows()
