"""Reads a web API: JSON or CSV, on one page or several; parses only what has changed."""

from functools import lru_cache
from io import BytesIO

import httpx
import pandas as pd
from pydantic import Field

from .file_formats import Formatted, format_of_type, parse
from .files import Part
from .http_client import Web as Web  # imported from here by projects
from .memo import Memo
from .readings import to_tables
from .shape import Scalar
from .wanted import EVERYTHING, Rows, Wanted, wanted

SETTINGS = "source.url, source.params and source.headers"  # named in errors as what to check

_memo = Memo()


class HttpSource(Formatted):
    """The section `[source]` of a project that reads a web API."""

    url: str
    params: dict[str, Scalar] = Field({})
    headers: dict[str, str] = Field({})
    timeout: float = 10  # seconds


def read_tables(source: HttpSource, rows: Rows = None) -> dict[str, pd.DataFrame]:
    """Return the tables of all pages; `rows`, if given, changes the raw rows first.

    Raises DataError and OSError.
    """
    pages = _responses(source)
    key = (source, rows, [it.content for it in pages])
    return _memo.get(
        key, lambda: to_tables(_combined(pages, source, wanted(source, rows)), source, rows=rows)
    )


def raw(source: HttpSource, head: int | None = None) -> pd.DataFrame:
    """Return all columns of all pages as they are: all rows, or the first of each page."""
    return _combined(_responses(source), source, Wanted(head=head) if head else EVERYTHING)


def first_part(source: HttpSource) -> Part:
    """Return the first page. Raises OSError."""
    page = _responses(source)[0]
    default = format_of_type(page.headers.get("Content-Type", "")) or "json"
    return Part(page.url.host, ("", page.content), page.content, default)


def _responses(source: HttpSource) -> list[httpx.Response]:
    return _web(source.timeout, *source.headers.items()).responses(source.url, source.params)


def _combined(pages: list[httpx.Response], source: HttpSource, need: Wanted) -> pd.DataFrame:
    return pd.concat([_parsed(it, source, need) for it in pages], ignore_index=True)


def _parsed(page: httpx.Response, source: HttpSource, need: Wanted) -> pd.DataFrame:
    default = format_of_type(page.headers.get("Content-Type", "")) or "json"
    return parse(BytesIO(page.content), page.url.host, source, need, default)


@lru_cache(maxsize=1)
def _web(timeout: float, *headers: tuple[str, str]) -> Web:
    return Web(timeout, dict(headers), SETTINGS, "source.timeout")
