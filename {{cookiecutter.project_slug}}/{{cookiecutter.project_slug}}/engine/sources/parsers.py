"""One function for each format: from the content of a file to its raw rows."""

import io
import json
import re
from collections.abc import Callable
from pathlib import PurePath
from typing import IO, Any

import orjson
import pandas as pd

from ..config.extras import extra
from ..data.tables import DataError
from . import parquet, records
from .shape import Shape
from .time_formats import TICKS
from .wanted import Wanted

SEPARATORS = ";\t|,"
WHOLE = re.compile(r"(\d+)\.0+")
CHUNK = 250_000  # rows that are parsed at once


def _csv(file: IO[bytes], name: str, source: Any, wanted: Wanted) -> pd.DataFrame:
    options = dict(source.read)
    tabs = PurePath(name).suffix.lower() in (".tsv", ".tab")
    sep = str(options.pop("sep", "\t" if tabs else ","))
    whole = "skipfooter" in options  # pandas then reads no parts
    by_python = whole or (len(sep) > 1 and sep != r"\s+")
    given = {
        "sep": sep,
        "engine": "python" if by_python else "c",
        "usecols": wanted.columns,
        "dtype": _dtype(options, source),
        "na_values": [str(it) for it in source.missing],
        **options,
    }
    if whole:
        rows = pd.read_csv(file, **given).head(wanted.head)
    else:
        with pd.read_csv(file, nrows=wanted.head, chunksize=CHUNK, **given) as chunks:
            rows = _joined([_compact(it, source) for it in chunks])
    if wanted.only and not wanted.needed <= set(rows):  # all columns are then read
        return rows
    _check_header(rows, sep, name, wanted)
    return rows


def _check_header(rows: pd.DataFrame, sep: str, name: str, wanted: Wanted) -> None:
    """Raise DataError if the names of the columns do not fit what is below them."""
    if len(rows.columns) == 1 and not wanted.needed <= set(rows):
        header = str(rows.columns[0])
        if found := [it for it in SEPARATORS if it in header and it != sep]:
            used = orjson.dumps(max(found, key=header.count)).decode()
            raise DataError(
                f"{name} has one column, {header[:60]!r}: set sep = {used} under [source.read]"
            )
    if not isinstance(rows.index, pd.RangeIndex):  # pandas takes the first column as labels
        raise DataError(
            f"{name} has more values in a row than names in its header: set header = 0 and "
            "names = […] under [source.read], with a name for each column"
        )


def _compact(rows: pd.DataFrame, source: Shape) -> pd.DataFrame:
    """Return rows whose names of series are categories, and whose whole numbers of time are whole.

    Categories take little memory. Programs write 1950.0 for a year if other rows have none.
    """
    for name in source.times if source.time_format and "." not in source.time_format else []:
        if name in rows and WHOLE.fullmatch(str(next(iter(rows[name].dropna()), ""))):
            rows[name] = rows[name].astype(str).str.replace(WHOLE, r"\1", regex=True)
    return rows.astype({it: "category" for it in source.keys if it in rows})


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Put parts below each other, and free each column of the parts once it is copied."""
    if len(parts) == 1:
        return parts[0]
    columns = {}
    for name in list(parts[0]):
        found = [it.pop(name) for it in parts]
        if all(isinstance(it.dtype, pd.CategoricalDtype) for it in found):
            columns[name] = pd.Series(pd.api.types.union_categoricals(found))
        else:
            columns[name] = pd.concat(found, ignore_index=True)
    return pd.DataFrame(columns, copy=False)


def _excel(file: IO[bytes], name: str, source: Any, wanted: Wanted) -> pd.DataFrame:
    with extra("excel", "reading Excel files"):
        import python_calamine  # noqa: F401
    book = pd.ExcelFile(io.BytesIO(file.read()), engine="calamine")
    options = dict(source.read)
    sheet = options.pop("sheet_name", 0)
    names = ", ".join(map(repr, book.sheet_names))
    if isinstance(sheet, str) and sheet not in book.sheet_names:
        raise DataError(f"{name} has no sheet {sheet!r}: set sheet_name to one of {names}")
    rows = pd.read_excel(
        book,
        sheet_name=sheet,
        usecols=wanted.columns,
        nrows=wanted.head,
        dtype=_dtype(options, source, times=False),
        na_values=[str(it) for it in source.missing],
        **options,
    )
    missing = sorted(wanted.needed - set(map(str, rows.columns)))
    if missing and len(book.sheet_names) > 1 and "sheet_name" not in source.read:
        raise DataError(
            f"{name}: its first sheet has no column {missing[0]!r} in its first row: "
            f"set sheet_name under [source.read] to one of {names}, or skiprows"
        )
    return rows


def _json(file: IO[bytes], name: str, source: Any, wanted: Wanted) -> pd.DataFrame:
    document = loads(file.read().decode(source.read.get("encoding", "utf-8-sig")))
    rows = records.table(document, source.records, name, source.read.get("max_level"))
    return rows if wanted.head is None else rows.head(wanted.head)


def _jsonl(file: IO[bytes], name: str, source: Any, wanted: Wanted) -> pd.DataFrame:
    lines = io.TextIOWrapper(file, encoding=source.read.get("encoding", "utf-8-sig"))
    found: list[Any] = []
    try:
        for number, line in enumerate(lines, 1):
            if len(found) == wanted.head:
                break
            if line.strip():
                found.append(_loads_line(line, number))
    finally:
        lines.detach()  # it would close the file, which may be read again
    return records.table(found, source.records, name, source.read.get("max_level"))


def _parquet(file: IO[bytes], name: str, source: Any, wanted: Wanted) -> pd.DataFrame:
    with extra("parquet", "reading Parquet files"):
        import pyarrow.parquet
    content = pyarrow.parquet.ParquetFile(io.BytesIO(file.read()))
    columns = [it for it in content.schema_arrow.names if it in wanted.needed or not wanted.only]
    rows = parquet.to_pandas(content.read(columns), source)
    return rows if wanted.head is None else rows.head(wanted.head)


def _loads_line(line: str, number: int) -> Any:
    try:
        return loads(line)
    except ValueError as error:
        raise ValueError(f"line {number:,} is not JSON ({error})") from error


def loads(text: str) -> Any:
    """Return a JSON document. Raises ValueError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # Python writes NaN, which is not JSON
        return json.loads(text)


def _dtype(options: dict[str, Any], source: Shape, times: bool = True) -> Any:
    """Return pandas' option: names and times stay as they are written, such as "007" and "0830"."""
    given = options.pop("dtype", {})
    if not isinstance(given, dict):
        return given
    parsed = source.time_format not in ("", *TICKS) or len(source.times) > 1
    texts = [*source.keys, *(source.times if times and parsed else [])]
    return {**dict.fromkeys(texts, "str"), **given}


PARSERS: dict[str, Callable[[IO[bytes], str, Any, Wanted], pd.DataFrame]] = {
    "csv": _csv,
    "json": _json,
    "jsonl": _jsonl,
    "excel": _excel,
    "parquet": _parquet,
}
