"""Where the data come from: this computer, measured anew at each refresh."""

import os
import time
from datetime import datetime

import pandas as pd
import psutil
from pydantic import Field

from .engine import Section


class Source(Section):
    """The section `[source]` of config.toml."""

    sample_seconds: float = Field(0.5, gt=0, le=60)


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return one reading of each series: percent, megabytes per second, and runnable tasks.

    `since` is unused, because a computer does not store past readings.
    """
    before, started = _counters(), time.monotonic()
    values = {"cpu": psutil.cpu_percent(source.sample_seconds)}
    values["memory"] = psutil.virtual_memory().percent
    seconds = time.monotonic() - started
    for name, count in _counters().items():
        values[name] = max(count - before.get(name, count), 0) / 1e6 / seconds
    if hasattr(os, "getloadavg"):  # not on Windows
        values["load"] = os.getloadavg()[0]
    rows = {"time": pd.Timestamp.now("UTC"), "series": values.keys(), "value": values.values()}
    return {"readings": pd.DataFrame(rows)}


def _counters() -> dict[str, int]:
    """Return the bytes moved since boot; some machines have no disk or network counters."""
    counters: dict[str, int] = {}
    if disk := psutil.disk_io_counters():
        counters |= {"disk_read": disk.read_bytes, "disk_write": disk.write_bytes}
    # Leave out loopback traffic, such as this dashboard's own pages.
    cards = [it for name, it in psutil.net_io_counters(pernic=True).items() if name[:2] != "lo"]
    if cards:
        counters["net_received"] = sum(card.bytes_recv for card in cards)
        counters["net_sent"] = sum(card.bytes_sent for card in cards)
    return counters


if __name__ == "__main__":  # python -m … shows what would be read
    from .engine.serve import cli

    raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))
