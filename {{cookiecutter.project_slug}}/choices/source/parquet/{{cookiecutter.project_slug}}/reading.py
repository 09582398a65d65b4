"""Where the data come from: Parquet, in a file, a folder or an object store."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.dataset
from pydantic import BaseModel

from .engine.settings import Settings
from .engine.data.times import read_from

TIME = "time"  # as the file calls it
COLUMNS = [TIME, "series", "value"]


class Source(BaseModel, extra="forbid"):
    """What `[source]` in config.toml may say."""

    path: str
    timezone: ZoneInfo = ZoneInfo("UTC")


def read(settings: Settings, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows that are newer than `since`; only parts that can hold some are read."""
    source = Source(**settings.source)
    path = source.path if "://" in source.path else settings.folder / source.path
    data = pa.dataset.dataset(path, format="parquet")
    kind, newer = data.schema.field(TIME).type, None
    if pa.types.is_timestamp(kind):  # dates and text are read whole
        start = read_from(since, source.timezone)
        start = start if kind.tz else start.replace(tzinfo=None)
        newer = pa.dataset.field(TIME) > pa.scalar(start).cast(kind, safe=False)
    return {"readings": data.to_table(COLUMNS, newer).to_pandas()}


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.refresh.preview import main

    raise SystemExit(main())
