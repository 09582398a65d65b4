"""Where the data come from: a query to a database, of any kind that SQLAlchemy knows."""

from datetime import datetime
from functools import lru_cache

import pandas as pd
from pydantic import BaseModel, SecretStr
from sqlalchemy import DateTime, Engine, bindparam, create_engine, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from .setting import SettingError, Settings
from .store import now_utc


class Source(BaseModel, extra="forbid"):
    """What `[source]` in config.toml may say."""

    url: SecretStr
    query: str


def read(settings: Settings, since: datetime | None) -> dict[str, pd.DataFrame]:
    """Return the rows of the query, which names their columns time, series and value."""
    source = Source(**settings.source)
    query = text(source.query)
    if ":since" in source.query:  # without a zone the database's times are UTC
        start = since or now_utc() - settings.refresh.history
        query = query.bindparams(bindparam("since", start, DateTime(timezone=True)))
    engine = _engine(source.url.get_secret_value())
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":  # it would take its own zone for none
                connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
            rows = connection.execute(query)
            return {"readings": pd.DataFrame(rows.all(), columns=list(rows.keys()))}
    except DBAPIError as error:  # its own text is long, and ends in a link
        raise OSError(f"{engine.url!r}: {error.orig}") from error


@lru_cache(maxsize=1)
def _engine(url: str) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True)  # a connection that was lost is made anew
    except (ArgumentError, ImportError) as error:
        raise SettingError(
            f"source.url cannot be used ({error}): write it as SQLAlchemy does, "
            "as in sqlite:///data/sales.db, and install the driver that it names."
        ) from error


if __name__ == "__main__":  # python -m … shows what would be read
    from .preview import main

    raise SystemExit(main())
