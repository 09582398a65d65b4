"""Tables and their schemas; invalid rows are set aside."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import pandas as pd
import pandera.pandas as pa
from pandera.engines.pandas_engine import Category, DateTime
from pandera.errors import SchemaErrors

from . import columns
from .status import Rejected
from .times import to_utc

# Text is read as ISO 8601, and a time without a zone as UTC.
UTC = DateTime(  # type: ignore[call-arg]
    tz="UTC", unit="us", to_datetime_kwargs={"utc": True, "format": "ISO8601"}
)


class Text(Category):
    """A categorical of text; numbers are converted, because browsers send text back."""

    def coerce(self, series: pd.Series) -> pd.Series:
        return super().coerce(series).cat.rename_categories(str)


TEXT = Text()
FUTURE = "time in the future"


class DataError(Exception):
    """Invalid data; the message names the table, the column, the row and the value."""


@dataclass(frozen=True)
class Table:
    """A table: `append` adds rows by `time`, `replace` replaces the whole table.

    Of several rows with the same key, the last one counts. If its schema has `drop_invalid_rows`,
    invalid rows are set aside, counted and shown; if not, the first of them fails the refresh.
    """

    schema: pa.DataFrameSchema
    key: tuple[str, ...]
    mode: Literal["append", "replace"]

    def empty(self) -> pd.DataFrame:
        """Return a table without rows."""
        rows = pd.DataFrame(columns=list(self.schema.columns), dtype=object)
        for name, kind in self.schema.dtypes.items():
            rows[name] = rows[name] if kind is None else kind.coerce(rows[name])
        return rows


@dataclass(frozen=True)
class Rules:
    """How to read times: the zones of times and of dates without one, and the latest valid time.

    `origin` tells error messages where columns are named.
    """

    zone: ZoneInfo
    day_zone: ZoneInfo
    latest: datetime
    origin: str = "reading.py"


@dataclass(frozen=True)
class Batch:
    """What was read: valid rows, invalid ones, and those that have the key of a later row.

    Of the latter, `overwritten` have other values, and `duplicates` are identical to it.
    """

    tables: Mapping[str, pd.DataFrame]
    rejected: tuple[Rejected, ...] = ()
    overwritten: tuple[Rejected, ...] = ()
    duplicates: int = 0


def validate(raw: Mapping[str, pd.DataFrame], tables: Mapping[str, Table], rules: Rules) -> Batch:
    """Validate all tables against their schemas. Raises DataError if a whole table is invalid."""
    validated, rejected, overwritten, duplicates = {}, [], [], 0
    for name, data in raw.items():
        if name not in tables:
            raise DataError(f"the table {name!r} is not declared: add it to preprocess.TABLES")
        if not isinstance(data, pd.DataFrame):
            kind = type(data).__name__
            raise DataError(f"{name}: read returned a {kind}: return a DataFrame")
        valid, reasons = _validate_table(name, data.reset_index(drop=True), tables[name], rules)
        validated[name] = deduplicate_and_sort(valid, tables[name])
        duplicates += len(valid) - len(validated[name])
        if len(valid) > len(validated[name]) and len(lost := _overwritten(valid, tables[name])):
            reason, example = _describe_loss(tables[name]), describe_row(lost.iloc[0])
            overwritten.append(Rejected(name, reason, len(lost), example))
            duplicates -= len(lost)
        for reason, rows in reasons.groupby(reasons, sort=False) if len(reasons) else ():
            example = describe_row(data.iloc[rows.index[0]])
            rejected.append(Rejected(name, str(reason), len(rows), example))
    return Batch(validated, tuple(rejected), tuple(overwritten), duplicates)


def counted(count: int) -> str:
    """Return a number of rows as text, such as "1,200 rows"."""
    return f"{count:,} row{'s' * (count != 1)}"


def has_time(table: Table) -> bool:
    """Whether the rows of a table have a time."""
    column = table.schema.columns.get("time")
    return column is not None and isinstance(column.dtype, DateTime)


def deduplicate_and_sort(data: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Keep the last of several rows with the same key, and sort the rows by time."""
    duplicated = data.duplicated(list(table.key), keep="last")
    if duplicated.any():
        data = data[~duplicated]
    if has_time(table) and not data["time"].is_monotonic_increasing:
        data = data.sort_values("time", kind="stable")
    return data.reset_index(drop=True)


def describe_row(row: pd.Series) -> str:
    """Return the values of a row on one line."""
    return ", ".join(f"{column}={value}" for column, value in row.items())[:200]


def unusable(name: str, count: int, reason: str, example: str) -> DataError:
    """Return the error for a table without a valid row."""
    return DataError(f"{name}: none of its {count:,} rows can be used: {reason} ({example})")


def _overwritten(data: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return the rows whose key is that of a later row, with other values than the last of them."""
    rows = data[data.duplicated(list(table.key), keep=False)]
    key = rows.groupby(list(table.key), sort=False, observed=True, dropna=False).ngroup()
    content = pd.util.hash_pandas_object(rows, index=False)
    return rows[content != content.groupby(key).transform("last")]


def _describe_loss(table: Table) -> str:
    """Return what the rows have that a later row overwrites."""
    others = [column for column in table.schema.columns if column not in table.key]
    value = f"another {others[0]}" if len(others) == 1 else "other values"
    return f"the {' and '.join(table.key)} of a later row with {value}"


def _validate_table(
    name: str, data: pd.DataFrame, table: Table, rules: Rules
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the valid rows, and the reason for each invalid row by its index."""
    raw = data.copy(deep=False)
    data.attrs = {}  # what was read and left out is for the preview, not for the snapshot
    schema, found = copy(table.schema), pd.Series(dtype=object)
    schema.drop_invalid_rows = False  # pandera would drop them silently

    def set_aside(reasons: pd.Series) -> None:
        nonlocal data, found
        if reasons.empty:
            return
        if not table.schema.drop_invalid_rows:
            row = reasons.index[0]
            example = describe_row(data.loc[row])
            raise DataError(f"{name}: row {row}: {reasons[row]} ({example})")
        found = pd.concat([found, reasons])
        data = data.drop(index=reasons.index)

    if has_time(table) and "time" in data:
        series = None  # only needed for the hour that occurs twice
        if str(rules.zone) != "UTC":
            series = data[[it for it in table.key if it != "time" and it in data]]
        times, reasons = to_utc(data["time"], rules.zone, rules.day_zone, series)
        data["time"] = times
        set_aside(reasons.map("time: {}".format) if len(reasons) else reasons)
        future = data.index[data["time"] > rules.latest]
        set_aside(pd.Series(FUTURE, future, dtype=object))
    while True:
        try:
            valid = schema.validate(data, lazy=True)
            break
        except SchemaErrors as error:
            set_aside(_reasons(name, error.failure_cases, data, table, rules.origin))
    if len(found) and not len(valid):
        raise unusable(name, len(found), found.iloc[0], describe_row(raw.loc[found.index[0]]))
    return valid, found


def _reasons(
    name: str, failures: pd.DataFrame, data: pd.DataFrame, table: Table, origin: str
) -> pd.Series:
    """Return the reasons by row index. Raises DataError if no single rows are to blame.

    Report wrong types first, because the other checks cannot run on such values.
    """
    missing, extra = (
        list(failures.loc[failures["check"] == f"column_in_{it}", "failure_case"])
        for it in ("dataframe", "schema")
    )
    if missing:
        raise DataError(f"{name}: {columns.missing(missing, list(data), extra, origin)}")
    if extra:
        raise DataError(f"{name}: {columns.undeclared(extra)}")
    coerced = failures[failures["check"].str.startswith("coerce_dtype")]
    rows = (coerced if len(coerced) else failures).dropna(subset="index")
    if rows.empty:
        first = failures.iloc[0]
        reason = _reason(first["column"], first["check"], table)
        raise DataError(f"{name}: the whole column {first['column']!r} cannot be used: {reason}")
    rows = rows.drop_duplicates("index").astype({"index": int}).set_index("index")
    return rows.apply(lambda row: _reason(row["column"], row["check"], table), axis=1)


def _reason(column: str, check: str, table: Table) -> str:
    """Return a few words on why a value is invalid."""
    if check.startswith(("coerce_dtype", "dtype")):
        kind = str(table.schema.columns[column].dtype)
        if "datetime" in kind:
            return f"{column} is not a time; use pd.to_datetime(..., format=...)"
        return f"{column} is not a {'number' if 'float' in kind or 'int' in kind else kind}"
    said = {"not_nullable": "is missing", "isfinite": "is infinite"}
    reason = check if check.startswith("is ") else f"does not pass {check}"
    return f"{column} {said.get(check, reason)}"
