"""Where the data come from: Parquet, in a file, a folder or an object store."""

from datetime import datetime

import pandas as pd

from .engine.sources import files


class Source(files.FileSource):
    """The section `[source]` of config.toml; add keys of your own here."""


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows newer than `since`; only parts that can contain such rows are read."""
    return files.read_tables(source, since)


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.serve import cli

    raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))
