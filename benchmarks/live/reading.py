"""Where the data come from: what the benchmark's other apps show too."""

import time
from datetime import datetime

import pandas as pd
from pydantic import BaseModel

from . import work
from .setting import Settings


class Source(BaseModel, extra="forbid"):
    """What `[source]` in config.toml may say."""

    burn_seconds: float = 0  # of the CPU, at each refresh


def read(settings: Settings, since: datetime | None) -> dict[str, pd.DataFrame]:
    """Return the rows that are new."""
    end = time.monotonic() + Source(**settings.source).burn_seconds
    while time.monotonic() < end:
        sum(range(1000))
    return {"readings": work.rows(since.timestamp() if since else None)}
