"""Where the data come from: a JSON API, at first Open-Meteo's weather."""

from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
import pandas as pd
from pydantic import BaseModel

from .setting import Settings
from .web import Web


class Source(BaseModel, extra="forbid", coerce_numbers_to_str=True):
    """What `[source]` in config.toml may say."""

    url: str
    params: dict[str, str | float] = {}
    headers: dict[str, str] = {}
    timeout: float = 10  # seconds


def rows(page: Any) -> pd.DataFrame:
    """Make rows of a page: here is what to change for another API."""
    hours = pd.DataFrame(page["hourly"])
    return hours.melt("time", var_name="series").dropna()


def read(settings: Settings, since: datetime | None) -> dict[str, pd.DataFrame]:
    """Return the rows of all pages; an API that takes `since` could have it among its params."""
    source = Source(**settings.source)
    web = _web(source.timeout, *source.headers.items())
    return {"readings": _read(*web.pages(source.url, source.params))}


@lru_cache(maxsize=1)
def _web(timeout: float, *headers: tuple[str, str]) -> Web:
    return Web(timeout, dict(headers))


@lru_cache(maxsize=1)
def _read(*pages: bytes) -> pd.DataFrame:
    """Give the same frame for the same pages, which the pipeline knows and skips."""
    return pd.concat([rows(orjson.loads(page)) for page in pages], ignore_index=True)


if __name__ == "__main__":  # python -m … shows what would be read
    from .preview import main

    raise SystemExit(main())
