"""The tables: a schema for each, and your own cleaning steps."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pandera.pandas as pa

from .engine import TEXT, UTC, Table

# A longer name would not fit on the page.
NAME = pa.Check.str_length(max_value=100, error="is longer than 100 characters")

TABLES = {
    "readings": Table(
        schema=pa.DataFrameSchema(
            {
                "time": pa.Column(UTC),
                "series": pa.Column(TEXT, NAME),
                "value": pa.Column(float, pa.Check(np.isfinite, error="isfinite")),
            },
            coerce=True,
            strict=True,
            drop_invalid_rows=True,  # invalid rows are set aside; False: they are an error
        ),
        key=("time", "series"),
        mode="append",
    ),
}


def clean(raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables that were read, changed as needed; TABLES is validated afterwards."""
    return dict(raw)
