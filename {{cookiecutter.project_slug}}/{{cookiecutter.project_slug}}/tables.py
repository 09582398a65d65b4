"""What a table is, and how raw rows are made to fit its schema, or refused by a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import pandera.pandas as pa
from pandera.engines.pandas_engine import Category, DateTime
from pandera.errors import SchemaErrors

# Text is read as ISO 8601, and a time without a zone as UTC.
UTC = DateTime(  # type: ignore[call-arg]
    tz="UTC", unit="us", to_datetime_kwargs={"utc": True, "format": "ISO8601"}
)


class Text(Category):
    """A category whose names are text: numbers become it, as a browser sends text back."""

    def coerce(self, series: pd.Series) -> pd.Series:
        return super().coerce(series).cat.rename_categories(str)


TEXT = Text()


class DataError(Exception):
    """Data that do not fit; the message names the table, the column, the row and the value."""


@dataclass(frozen=True)
class Table:
    """One table of a snapshot: `append` adds rows by their `time`, `replace` swaps the whole."""

    schema: pa.DataFrameSchema
    key: tuple[str, ...]
    grows: Literal["append", "replace"]


def fit(raw: Mapping[str, pd.DataFrame], tables: Mapping[str, Table]) -> dict[str, pd.DataFrame]:
    """Check every table against its schema and put it right. Raises DataError."""
    if not isinstance(raw, Mapping):
        kind = type(raw).__name__
        raise DataError(f"reading.read gave back a {kind}: let it return tables by their name")
    return {name: _fit(name, data, tables) for name, data in raw.items()}


def put_right(data: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Keep the last of rows with the same key, and order them by time."""
    data = data.drop_duplicates(list(table.key), keep="last")
    if table.grows == "append":
        data = data.sort_values("time", kind="stable")
    return data.reset_index(drop=True)


def _fit(name: str, data: pd.DataFrame, tables: Mapping[str, Table]) -> pd.DataFrame:
    if name not in tables:
        raise DataError(f"the table {name!r} is not declared: add it to TABLES in preprocess.py")
    if not isinstance(data, pd.DataFrame):
        kind = type(data).__name__
        raise DataError(f"{name}: reading.read gave back a {kind}: let it return a DataFrame")
    try:
        return put_right(tables[name].schema.validate(data, lazy=True), tables[name])
    except SchemaErrors as error:
        raise DataError(f"{name}: {_explain(error)}") from None


def _explain(error: SchemaErrors) -> str:
    """Say the first failure in one sentence; rows have the labels of the frame's index, from 0."""
    failures = error.failure_cases.set_index("check")
    for check, said in {
        "column_in_dataframe": "the column {!r} is missing: add or rename it in reading.py",
        "column_in_schema": "the column {!r} is not declared: drop it, or add it to TABLES",
    }.items():
        if check in failures.index:
            return said.format(failures.loc[[check], "failure_case"].iloc[0])
    first, check = failures.iloc[0], failures.index[0]
    return (
        f"column {first['column']!r}, row {first['index']}: '{first['failure_case']}' "
        f"does not pass {check}: correct it at the source, or in reading.py"
    )
