"""Where the data come from: a web API (Open-Meteo's weather, until you change it)."""

from datetime import datetime

import pandas as pd

from .engine.sources import web


class Source(web.HttpSource):
    """The section `[source]` of config.toml; add keys of your own here."""


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the rows of all pages; an API that can filter by time may be sent `since`."""
    return web.read_tables(source)


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.serve import cli

    raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))
