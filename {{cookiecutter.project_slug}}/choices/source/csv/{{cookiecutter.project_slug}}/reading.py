"""Where the data come from: files or a URL, read again when they have changed."""

from datetime import datetime

import pandas as pd

from .engine.sources import files


class Source(files.FileSource):
    """The section `[source]` of config.toml; add keys of your own here."""


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows of all files, however old they are."""
    return files.read_tables(source)


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.serve import cli

    raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))
