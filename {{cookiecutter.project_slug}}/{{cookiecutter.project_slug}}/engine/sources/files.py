"""Reads files, folders and URLs; what has not changed is not read again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import pandas as pd
from werkzeug.http import parse_options_header

from ..config.extras import extra
from ..config.types import Location
from ..data.tables import DataError
from . import parquet
from .file_formats import Format, Formatted, format_of, format_of_type, parse
from .memo import Memo
from .readings import to_tables
from .wanted import Rows, Span, Wanted, span, wanted

if TYPE_CHECKING:
    from .http_client import Web

Place = str | list[Path]  # a URL, or files
State = tuple[str, int, int] | tuple[str, bytes]


class FileSource(Formatted):
    """The section `[source]` of a project that reads files."""

    path: Location
    timeout: float = 30  # seconds, of a URL


@dataclass(frozen=True)
class Part:
    """A file: its name, what changes when its content does, and where it is."""

    name: str
    state: State
    content: Path | bytes
    default: Format = ""

    def parse(self, source: Formatted, wanted: Wanted) -> pd.DataFrame:
        """Return the rows of the file. Raises DataError."""
        with self.open() as file:
            return parse(file, self.name, source, wanted, self.default)

    def open(self) -> IO[bytes]:
        """Open the file as it is, perhaps compressed."""
        return BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")


_memo = Memo()
_parsed: tuple[object, dict[State, pd.DataFrame]] = (None, {})  # of each file, if there are several


def read_tables(
    source: FileSource, since: datetime | None = None, rows: Rows = None
) -> dict[str, pd.DataFrame]:
    """Return the tables of all files; `rows`, if given, changes the raw rows first.

    With `since`, only newer rows of Parquet files are read. Raises DataError.
    """
    need, place = wanted(source, rows), _place(source)
    if _is_parquet(source, place):
        return _read_parquet(source, place, rows, need, span(since, source) if since else None)
    found = _parts(source, place)
    key = source, rows, [it.state for it in found]
    return _memo.get(key, lambda: to_tables(_combined(found, source, need), source, rows=rows))


def _read_parquet(
    source: FileSource, place: Place, rows: Rows, need: Wanted, part: Span | None
) -> dict[str, pd.DataFrame]:
    data = parquet.dataset(_for_pyarrow(place))

    def make() -> dict[str, pd.DataFrame]:
        raw = parquet.rows(data, source, need, part.newer_than if part else None)
        return to_tables(raw, source, part.first if part else None, rows)

    return _memo.get((source, rows, part, parquet.state(data)), make)


def raw(source: FileSource, head: int | None = None) -> pd.DataFrame:
    """Return all columns of the files, unchanged: all rows, or only the first. Raises DataError."""
    need, place = Wanted(head=head), _place(source)
    if _is_parquet(source, place):
        return parquet.rows(parquet.dataset(_for_pyarrow(place)), source, need)
    found = _parts(source, place)[: None if head is None else 1]
    return pd.concat([it.parse(source, need) for it in found], ignore_index=True)


def _combined(parts: list[Part], source: FileSource, need: Wanted) -> pd.DataFrame:
    """Return the rows of all files; of several, only those are parsed that have changed."""
    global _parsed
    if len(parts) == 1:
        return parts[0].parse(source, need)
    key = (source, need)
    known = _parsed[1] if _parsed[0] == key else {}
    frames = {
        it.state: known[it.state] if it.state in known else it.parse(source, need) for it in parts
    }
    _parsed = key, frames
    return pd.concat(frames.values(), ignore_index=True)


def parts(source: FileSource) -> list[Part]:
    """Return the files of a source, without reading them. Raises DataError or OSError."""
    return _parts(source, _place(source))


def _parts(source: FileSource, place: Place) -> list[Part]:
    if isinstance(place, str):
        return [_download(place, source.timeout)]
    found = []
    for file in place:
        stat = file.stat()
        found.append(Part(file.name, (str(file), stat.st_mtime_ns, stat.st_size), file))
    return found


def _place(source: FileSource) -> Place:
    """Return the URL of a source, or its files. Raises DataError or OSError."""
    is_url = "://" in source.path and not source.path.startswith("file://")
    return source.path if is_url else _files(source)


def _files(source: FileSource) -> list[Path]:
    """Return the files of a path, a folder or a pattern. Raises DataError or OSError."""
    path = _local(source.path)
    if path.is_dir():
        found = [it for it in path.rglob("*") if it.is_file() and not _hidden(it, path)]
        files = [it for it in found if format_of(it.name) == (source.format or format_of(it.name))]
        files = [it for it in files if format_of(it.name)] or (found if source.format else [])
        if not files:
            raise DataError(
                f"the folder source.path = {source.path!r} has no files that can be read: "
                "set path to another, or set format"
            )
        return sorted(files)
    if path.exists() or not re.search(r"[*?[]", str(path)):
        return [path]
    found = [*Path(path.anchor).glob(str(path.relative_to(path.anchor)))]
    files = [it for it in found if it.is_file() and not it.name.startswith(".")]
    if not files:
        raise DataError(f"no file matches source.path = {source.path!r}")
    return sorted(files)


def _hidden(file: Path, folder: Path) -> bool:
    return any(it.startswith((".", "_")) for it in file.relative_to(folder).parts)


def _local(path: str) -> Path:
    return Path(url2pathname(urlsplit(path).path)) if path.startswith("file://") else Path(path)


def _is_parquet(source: FileSource, place: Place) -> bool:
    """Return whether pyarrow finds and reads the files itself. Raises DataError."""
    if isinstance(place, str):
        if place.startswith(("http://", "https://")):
            return False
        if source.format not in ("", "parquet"):
            raise DataError(f"only Parquet can be read from source.path = {source.path!r}")
        return True
    if source.format:
        return source.format == "parquet"
    return all(format_of(it.name) == "parquet" for it in place)


def _for_pyarrow(place: Place) -> str | list[str]:
    return place if isinstance(place, str) else [*map(str, place)]


def _download(url: str, timeout: float) -> Part:
    answer = _web(timeout).get(url)
    names = [_last_part(url), _attachment(answer.headers), _last_part(str(answer.url))]
    name = next((it for it in names if format_of(it)), names[0] or urlsplit(url).netloc)
    default = format_of_type(answer.headers.get("Content-Type", ""))
    return Part(name, (url, answer.content), answer.content, default)


def _last_part(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _attachment(headers: Mapping[str, str]) -> str:
    """Return the name of the file that a server sends, or ""."""
    options = parse_options_header(headers.get("Content-Disposition"))[1]
    return options.get("filename", "")


@lru_cache(maxsize=1)
def _web(timeout: float) -> Web:
    with extra("http", "a path that is a URL"):
        from .http_client import Web
    return Web(timeout, slow="source.timeout")
