"""Where the data come from: a query to any database that SQLAlchemy supports."""

from datetime import datetime

import pandas as pd

from .engine.sources import database


class Source(database.SqlSource):
    """The section `[source]` of config.toml; add keys of your own here."""


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows of the query, in which `:since` is that time."""
    return database.read_tables(source, since)


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.serve import cli

    raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))
