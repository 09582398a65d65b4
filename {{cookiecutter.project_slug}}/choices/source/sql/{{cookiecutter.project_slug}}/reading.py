"""Where the data come from: a query to any database that SQLAlchemy supports."""

import re
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import DateTime, Engine, TextClause, bindparam, create_engine, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from .engine import DatabaseUrl, Section, SettingError, Zone, read_from


class Source(Section):
    """The section `[source]` of config.toml."""

    url: DatabaseUrl
    query: str
    timezone: Zone = ZoneInfo("UTC")


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows of the query, which names their columns time, series and value."""
    query = text(source.query)
    if ":since" in source.query:
        start = read_from(since, source.timezone)  # SQLite compares it as text, without its zone
        query = query.bindparams(bindparam("since", start, DateTime(timezone=True)))
    return {"readings": _ask(source.url.get_secret_value(), query, source.timezone)}


def _ask(url: str, query: TextClause, zone: ZoneInfo) -> pd.DataFrame:
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":  # it interprets times without a zone in its own
                set_zone = text("SELECT set_config('TimeZone', :zone, true)")
                connection.execute(set_zone, {"zone": str(zone)})
            rows = connection.execute(query)
            return pd.DataFrame(rows.all(), columns=list(rows.keys()))
    except DBAPIError as error:  # SQLAlchemy's own text is long, and ends in a link
        raise OSError(f"{engine.url!r}: {error.orig}") from error


@lru_cache(maxsize=1)
def _engine(url: str) -> Engine:
    try:
        if re.match(r"[^:]+://[^:/]*:[^@]*@[^?]*@", url):  # part of it would pass for the host
            raise ValueError('its password has an "@", which must be written as "%40"')
        return create_engine(url, pool_pre_ping=True)  # lost connections are replaced
    except (ArgumentError, ImportError, ValueError) as error:
        raise SettingError(
            f"source.url cannot be used ({error}): write it as SQLAlchemy does, "
            "as in sqlite:///data/sales.db, and install the driver that it names."
        ) from error


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.serve import cli

    raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))
