"""Where the data come from: a JSON API (Open-Meteo's weather, until you change it)."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pandas as pd
from pydantic import Field

from .engine import Section, Zone
from .engine.sources.web import Web

SETTINGS = "source.url, source.params and source.headers"  # named in errors as what to check


class Source(Section, coerce_numbers_to_str=True):
    """The section `[source]` of config.toml."""

    url: str
    params: dict[str, bool | int | float | str] = Field({})
    headers: dict[str, str] = Field({})
    timeout: float = 10  # seconds
    timezone: Zone = ZoneInfo("UTC")


def rows(page: Any) -> pd.DataFrame:
    """Turn one page of the API into rows: change this for another API."""
    hours = pd.DataFrame(page["hourly"])
    return hours.melt("time", var_name="series").dropna(subset="value")  # no rows for empty cells


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows of all pages; an API that can filter by time may be sent `since`."""
    web = _web(source.timeout, *source.headers.items())
    data = _read(*web.pages(source.url, source.params))
    return {"readings": data.copy(deep=False)}  # the cached frame must not change


@lru_cache(maxsize=1)
def _web(timeout: float, *headers: tuple[str, str]) -> Web:
    return Web(timeout, dict(headers), SETTINGS, "source.timeout")


@lru_cache(maxsize=1)
def _read(*pages: bytes) -> pd.DataFrame:
    """Parse the pages, unless they are the same as last time."""
    return pd.concat([rows(orjson.loads(page)) for page in pages], ignore_index=True)


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.serve import cli

    raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))
