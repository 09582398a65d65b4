"""Where the data come from: a query to a database, of any kind that SQLAlchemy knows."""

import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
from pydantic import BaseModel, SecretStr
from sqlalchemy import DateTime, Engine, TextClause, bindparam, create_engine, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from .engine.config.types import SettingError
from .engine.settings import Settings
from .engine.data.times import read_from


class Source(BaseModel, extra="forbid"):
    """What `[source]` in config.toml may say."""

    url: SecretStr
    query: str
    timezone: ZoneInfo = ZoneInfo("UTC")


def read(settings: Settings, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows of the query, which names their columns time, series and value."""
    source = Source(**settings.source)
    url, query = _url(source, settings.folder), text(source.query)
    if ":since" in source.query:
        start = read_from(since, source.timezone)  # SQLite compares it as text, without its zone
        query = query.bindparams(bindparam("since", start, DateTime(timezone=True)))
    return {"readings": _ask(url, query, source.timezone)}


def _url(source: Source, folder: Path) -> str:
    """Return the URL of the database; the path of a SQLite file starts at config.toml's folder."""
    url = source.url.get_secret_value()
    scheme, _, path = url.partition(":///")
    if not scheme.startswith("sqlite") or not path or path.startswith((":memory:", "file:")):
        return url
    return f"{scheme}:///{folder / path}"


def _ask(url: str, query: TextClause, zone: ZoneInfo) -> pd.DataFrame:
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":  # it compares times without a zone by its own
                set_zone = text("SELECT set_config('TimeZone', :zone, true)")
                connection.execute(set_zone, {"zone": str(zone)})
            rows = connection.execute(query)
            return pd.DataFrame(rows.all(), columns=list(rows.keys()))
    except DBAPIError as error:  # its own text is long, and ends in a link
        raise OSError(f"{engine.url!r}: {error.orig}") from error


@lru_cache(maxsize=1)
def _engine(url: str) -> Engine:
    try:
        if re.match(r"[^:]+://[^:/]*:[^@]*@[^?]*@", url):  # a part of it would pass for the host
            raise ValueError('its password has an "@", which must be written as "%40"')
        return create_engine(url, pool_pre_ping=True)  # a connection that was lost is made anew
    except (ArgumentError, ImportError, ValueError) as error:
        raise SettingError(
            f"source.url cannot be used ({error}): write it as SQLAlchemy does, "
            "as in sqlite:///data/sales.db, and install the driver that it names."
        ) from error


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.refresh.preview import main

    raise SystemExit(main())
