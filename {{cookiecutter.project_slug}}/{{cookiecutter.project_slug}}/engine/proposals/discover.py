"""Reads the first rows of a file, an API or a database, and proposes settings for them."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import SecretStr

from ..config.types import SettingError
from ..sources import database, files
from ..sources.database import SqlSource
from ..sources.file_formats import Formatted
from ..sources.files import FileSource
from ..sources.shape import Shape
from .dialect import Dialect
from .guess_times import guess_times
from .probe import probe
from .propose import Proposal, propose

ROWS = 300_000  # to judge by
TABLES, SAMPLE = 20, 1_000  # of a database, to choose one
RAW: dict[str, Any] = {"time": "", "series": "", "missing": []}  # to read columns as they are


def discover(
    source: Shape, location: str, folder: Path, history: timedelta | None, now: datetime
) -> Proposal:
    """Return a proposal for a location; "" is the one that is set. Raises DataError or OSError.

    The type of `source`, the present section, says what kind of source the project has; `folder`
    is that of the project.
    """
    if isinstance(source, FileSource):
        where, data, dialect = _file(source, location, folder)
        replaced = {*FileSource.model_fields}
    elif isinstance(source, SqlSource):
        where, data, dialect = _database(source, location, folder)
        replaced = {*Shape.model_fields, *where}
    elif isinstance(source, Formatted):
        where, data, dialect = _api(source, location)
        replaced = {*Formatted.model_fields, *where, *(["params", "headers"] if location else [])}
    else:
        raise SettingError(
            "This project reads no file, API or database: make one with source = csv, http or sql."
        )
    if data.empty:
        raise SettingError(f"{location or 'The source'} has no rows: there is nothing to propose.")
    proposal = propose(data, where, dialect, history, now)
    if not location:  # the source is the same, and so is its zone
        proposal.source.pop("timezone")
        replaced -= {"timezone"}
    return replace(proposal, replaced=frozenset(replaced))


def _file(
    source: FileSource, location: str, folder: Path
) -> tuple[dict[str, Any], pd.DataFrame, Dialect]:
    path = str(Path(location).absolute()) if location and "://" not in location else location
    path = path or source.path
    found = probe(files.parts(FileSource(path=path))[0])
    options = dict(found.settings.get("read", {}))
    if found.dialect.texts:
        options["dtype"] = dict.fromkeys(found.dialect.texts, "str")
    settings = {**found.settings, "read": options, "path": path}
    raw = FileSource.model_validate(settings).model_copy(update=RAW)
    data = files.raw(raw, ROWS)
    return {"path": _written(path, folder), **found.settings}, data, found.dialect


def _written(path: str, folder: Path) -> str:
    """Return a path as config.toml holds it: relative, if it is in the project's folder."""
    if "://" in path or not Path(path).is_relative_to(folder):
        return path
    return Path(path).relative_to(folder).as_posix()


def _api(source: Any, location: str) -> tuple[dict[str, Any], pd.DataFrame, Dialect]:
    from ..sources import web

    assert isinstance(source, web.HttpSource)
    where: dict[str, Any] = {}
    if location:
        where["url"] = location
        source = web.HttpSource(url=location, timeout=source.timeout)
    found = probe(web.first_part(source))
    settings = {"records": "", "read": {}, "format": "", **found.settings}
    raw = source.model_copy(update={**RAW, **settings})
    return {**where, **found.settings}, web.raw(raw, ROWS), found.dialect


def _database(
    source: SqlSource, location: str, folder: Path
) -> tuple[dict[str, Any], pd.DataFrame, Dialect]:
    if not location:
        return {}, database.raw(source, ROWS), Dialect()
    url = location if "://" in location else f"sqlite:///{Path(location).absolute()}"
    if re.match(r"[^:]+://[^/]*:[^@]*@", url):
        raise SettingError(
            "A password does not belong in config.toml: put this URL into .env as source.url, "
            "and propose settings without naming it."
        )
    scheme, _, path = url.partition(":///")
    shown = f"{scheme}:///{_written(path, folder)}" if scheme == "sqlite" else url
    query, data, dialect = _table(url)
    return {"url": shown, "query": query}, data, dialect


def _table(url: str) -> tuple[str, pd.DataFrame, Dialect]:
    """Return a query for the longest table with a time, and its rows."""
    tables, dialect = database.tables(url), Dialect()
    if not tables:
        raise SettingError("The database has no table with rows: there is nothing to propose.")
    raws = {
        name: SqlSource(url=SecretStr(url), query=query)
        for name, query in [*tables.items()][:TABLES]
    }
    timed = (name for name, raw in raws.items() if guess_times(database.raw(raw, SAMPLE)))
    chosen = next(timed, next(iter(raws)))
    if len(tables) > 1:
        others = ", ".join(it for it in tables if it != chosen)
        dialect.questions.append(
            f"the table {chosen} is read; there are also {others}: for those, change query"
        )
    return tables[chosen], database.raw(raws[chosen], ROWS), dialect
