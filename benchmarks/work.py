"""The same work for every app: 20,000 rows as a downsampled line chart and a bar chart."""

import time

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from tsdownsample import MinMaxLTTBDownsampler

EVERY = 5  # seconds between refreshes, and between rows of a series
SERIES = ["north", "east", "south", "west"]
ROWS = 20_000
POINTS = 1_000  # per line, about as many as a screen can show


def rows(since: float | None = None) -> pd.DataFrame:
    """Return the rows up to now, one per series every five seconds; `since` is a Unix time."""
    newest = int(time.time()) // EVERY * EVERY
    first = max(newest - EVERY * (ROWS // len(SERIES) - 1), int(since or 0) + 1)
    seconds = np.arange(-(-first // EVERY) * EVERY, newest + 1, EVERY)[:, None]
    number = np.arange(1, len(SERIES) + 1)
    noise = seconds * 2_654_435_761 * number % 1_000 / 200
    value = 50 + 20 * np.sin(seconds / 1_000 / number) + noise
    times = pd.to_datetime(seconds.repeat(len(SERIES)), unit="s", utc=True)
    names = SERIES * len(seconds)
    return pd.DataFrame({"time": times, "series": names, "value": value.ravel()})


def figures(
    data: pd.DataFrame, version: int, area: str | None = None
) -> tuple[go.Figure, go.Figure]:
    """Draw both charts cheaply, of one series or all; the version identifies the data."""
    times, values = data["time"].to_numpy("datetime64[ms]"), data["value"].to_numpy()
    lines = []
    for name in [area] if area else SERIES:
        (own,) = (data["series"] == name).to_numpy().nonzero()
        x, y = times[own], values[own]
        kept = MinMaxLTTBDownsampler().downsample(x.view("int64"), y, n_out=POINTS)
        lines.append({"type": "scatter", "x": x[kept], "y": y[kept], "name": name})
    means = data.groupby("series", observed=True)["value"].mean()
    layout = {"meta": version, "uirevision": "keep", "template": "none"}
    bars = [{"type": "bar", "x": means.index, "y": means}]
    return tuple(go.Figure({"data": data, "layout": layout}) for data in (lines, bars))
