"""Queries any database that SQLAlchemy supports."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd

from ..config.extras import extra
from ..config.types import DatabaseUrl, SettingError
from ..data.snapshot import EPOCH
from ..data.times import read_from
from .readings import to_tables
from .shape import Shape
from .wanted import Rows, span

if TYPE_CHECKING:
    from sqlalchemy import Engine, TextClause


class SqlSource(Shape):
    """The section `[source]` of a project that queries a database."""

    url: DatabaseUrl
    query: str


def read_tables(source: SqlSource, since: datetime, rows: Rows = None) -> dict[str, pd.DataFrame]:
    """Return the tables of the query; `rows`, if given, changes the raw rows first.

    `:since` in the query is that time. Raises DataError, SettingError and OSError.
    """
    part = span(since, source)
    raw = _ask(source, part.newer_than)
    return to_tables(raw, source, part.first if ":since" in source.query else None, rows)


def raw(source: SqlSource, head: int | None = None) -> pd.DataFrame:
    """Return all columns of the query as they are: all rows, or only the first."""
    return _ask(source, EPOCH, head)


def tables(url: str) -> dict[str, str]:
    """Return a query for each table of a database, the longest first. Raises OSError."""
    with extra("sql", "source.url"):
        from sqlalchemy import inspect, text
        from sqlalchemy.exc import DBAPIError
    engine = _engine(url)
    try:
        found = inspect(engine)
        names = [*found.get_table_names(), *found.get_view_names()]
        quoted = {it: engine.dialect.identifier_preparer.quote(it) for it in names}
        with engine.connect() as connection:
            counts = {
                name: connection.execute(text(f"SELECT count(*) FROM {it}")).scalar_one()
                for name, it in quoted.items()
            }
    except DBAPIError as error:
        raise OSError(f"{engine.url!r}: {error.orig}") from error
    longest = sorted(names, key=lambda it: -counts[it])
    return {it: f"SELECT * FROM {quoted[it]}" for it in longest if counts[it]}


def _ask(source: SqlSource, since: datetime, head: int | None = None) -> pd.DataFrame:
    with extra("sql", "source.url"):
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError
    engine = _engine(source.url.get_secret_value())
    try:
        with engine.connect().execution_options(stream_results=head is not None) as connection:
            if engine.dialect.name == "postgresql":  # it interprets times without a zone in its own
                set_zone = text("SELECT set_config('TimeZone', :zone, true)")
                connection.execute(set_zone, {"zone": str(source.timezone)})
            rows = connection.execute(_query(source.query, since, source.timezone))
            found = rows.all() if head is None else rows.fetchmany(head)
            return pd.DataFrame(found, columns=list(rows.keys()))
    except DBAPIError as error:  # SQLAlchemy's own text is long, and ends in a link
        raise OSError(f"{engine.url!r}: {error.orig}") from error


def _query(query: str, since: datetime, zone: ZoneInfo) -> TextClause:
    from sqlalchemy import DateTime, bindparam, text

    if ":since" not in query:
        return text(query)
    start = read_from(since, zone)  # SQLite compares it as text, without its zone
    return text(query).bindparams(bindparam("since", start, DateTime(timezone=True)))


@lru_cache(maxsize=1)
def _engine(url: str) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError

    try:
        if re.match(r"[^:]+://[^:/]*:[^@]*@[^?]*@", url):  # part of it would pass for the host
            raise ValueError('its password has an "@", which must be written as "%40"')
        return create_engine(url, pool_pre_ping=True)  # lost connections are replaced
    except (ArgumentError, ImportError, ValueError) as error:
        raise SettingError(
            f"source.url cannot be used ({error}): write it as SQLAlchemy does, "
            "as in sqlite:///data/sales.db, and install the driver that it names."
        ) from error
