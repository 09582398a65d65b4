"""Where the data come from: a JSON API, at first Open-Meteo's weather."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pandas as pd
from pydantic import Field

from .engine import Section, Zone
from .engine.sources.web import Web

SETTINGS = "source.url, source.params and source.headers"  # what a refusal may be due to


class Source(Section, coerce_numbers_to_str=True):
    """What `[source]` in config.toml may say."""

    url: str
    params: dict[str, bool | int | float | str] = Field({})
    headers: dict[str, str] = Field({})
    timeout: float = 10  # seconds
    timezone: Zone = ZoneInfo("UTC")


def rows(page: Any) -> pd.DataFrame:
    """Make rows of a page: here is what to change for another API."""
    hours = pd.DataFrame(page["hourly"])
    return hours.melt("time", var_name="series").dropna(subset="value")  # an empty cell is no row


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows of all pages; an API that can filter by time may be sent `since`."""
    web = _web(source.timeout, *source.headers.items())
    data = _read(*web.pages(source.url, source.params))
    return {"readings": data.copy(deep=False)}  # what is kept here must stay as it is


@lru_cache(maxsize=1)
def _web(timeout: float, *headers: tuple[str, str]) -> Web:
    return Web(timeout, dict(headers), SETTINGS, "source.timeout")


@lru_cache(maxsize=1)
def _read(*pages: bytes) -> pd.DataFrame:
    """Parse pages, unless they are those of the last time."""
    return pd.concat([rows(orjson.loads(page)) for page in pages], ignore_index=True)


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.serve import cli

    raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))
