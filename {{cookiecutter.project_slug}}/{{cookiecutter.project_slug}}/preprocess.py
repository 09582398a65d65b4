"""What the data must look like: a schema for each table, and what is done to raw rows before."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pandera.pandas as pa

from .tables import TEXT, UTC, Table, fit

TABLES = {
    "readings": Table(
        schema=pa.DataFrameSchema(
            {
                "time": pa.Column(UTC),
                "series": pa.Column(TEXT),
                "value": pa.Column(float, pa.Check(np.isfinite, error="isfinite")),
            },
            coerce=True,
            strict=True,
        ),
        key=("time", "series"),
        grows="append",
    ),
}


def clean(raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Make raw tables fit; steps of your own, such as to drop rows, go before. Raises DataError."""
    return fit(raw, TABLES)
