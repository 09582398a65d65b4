"""Where the data come from: Parquet, in a file, a folder or an object store."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.dataset

from .engine import Location, Section, Zone, read_from

TIME = "time"  # its name in the file
COLUMNS = [TIME, "series", "value"]


class Source(Section):
    """The section `[source]` of config.toml."""

    path: Location
    timezone: Zone = ZoneInfo("UTC")


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows newer than `since`; only parts that can contain such rows are read."""
    data = pa.dataset.dataset(source.path, format="parquet")
    kind, newer = data.schema.field(TIME).type, None
    if pa.types.is_timestamp(kind):  # dates and text cannot be filtered
        start = read_from(since, source.timezone)
        start = start if kind.tz else start.replace(tzinfo=None)
        newer = pa.dataset.field(TIME) > pa.scalar(start).cast(kind, safe=False)
    return {"readings": data.to_table(COLUMNS, newer).to_pandas()}


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.serve import cli

    raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))
