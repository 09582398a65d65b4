"""The tables: a schema for each, and your own cleaning steps."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pandera.pandas as pa

from .engine import TEXT, UTC, Table

# A longer name would not fit on the page.
NAME = pa.Check.str_length(max_value=100, error="is longer than 100 characters")
NUMBER = pa.Column(float, pa.Check(np.isfinite, error="isfinite"))
NAMED = pa.Column(TEXT, NAME)


def schema(**columns: pa.Column) -> pa.DataFrameSchema:
    """Return a schema that sets invalid rows aside; `drop_invalid_rows=False` makes them errors."""
    return pa.DataFrameSchema(columns, coerce=True, strict=True, drop_invalid_rows=True)


TABLES = {
    # Numbers over time.
    "readings": Table(
        schema=schema(time=pa.Column(UTC), series=NAMED, value=NUMBER),
        key=("time", "series"),
        mode="append",
    ),
    # Text over time, such as "on", "off" and "fault".
    "states": Table(
        schema=schema(time=pa.Column(UTC), series=NAMED, state=NAMED),
        key=("time", "series"),
        mode="append",
    ),
    # Numbers without a time.
    "ranking": Table(
        schema=schema(item=NAMED, series=NAMED, value=NUMBER),
        key=("item", "series"),
        mode="replace",
    ),
}


def clean(raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables that were read, changed as needed; TABLES is validated afterwards."""
    return dict(raw)
