"""Where the data come from: Parquet, in a file, a folder or an object store."""

from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.dataset
from pydantic import BaseModel

from .setting import Settings

TIME = "time"  # as the file calls it
COLUMNS = [TIME, "series", "value"]


class Source(BaseModel, extra="forbid"):
    """What `[source]` in config.toml may say."""

    path: str


def read(settings: Settings, since: datetime | None) -> dict[str, pd.DataFrame]:
    """Return the rows that are newer than `since`; only parts that can hold some are read."""
    source = Source(**settings.source)
    data = pa.dataset.dataset(source.path, format="parquet")
    newer = None
    if since is not None:  # without a zone the files' times are UTC
        start = pa.scalar(since).cast(data.schema.field(TIME).type)
        newer = pa.dataset.field(TIME) > start
    return {"readings": data.to_table(COLUMNS, newer).to_pandas()}


if __name__ == "__main__":  # python -m … shows what would be read
    from .preview import main

    raise SystemExit(main())
