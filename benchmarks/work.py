"""The same work for every app: 20,000 rows, as a resampled chart of four lines and as bars."""

import time

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from tsdownsample import MinMaxLTTBDownsampler

EVERY = 5  # seconds between two refreshes, and between two rows of a series
SERIES = ["north", "east", "south", "west"]
ROWS = 20_000
POINTS = 1_000  # of a line, as many as a screen shows


def rows(since: float | None = None) -> pd.DataFrame:
    """Return the rows up to now, of each series one every five seconds; `since` is a Unix time."""
    newest = int(time.time()) // EVERY * EVERY
    seconds = np.arange(newest, newest - EVERY * ROWS // len(SERIES), -EVERY)[::-1]
    seconds = seconds[seconds > since] if since else seconds
    parts = []
    for number, name in enumerate(SERIES, 1):
        noise = seconds * 2_654_435_761 * number % 1_000 / 200
        value = 50 + 20 * np.sin(seconds / 1_000 / number) + noise
        times = pd.to_datetime(seconds, unit="s", utc=True)
        parts.append(pd.DataFrame({"time": times, "series": name, "value": value}))
    return pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)


def figures(data: pd.DataFrame, version: int) -> tuple[go.Figure, go.Figure]:
    """Draw both charts as one does who minds the cost; the version tells a viewer what it sees."""
    lines = []
    for name in SERIES:
        line = data[data["series"] == name]
        times, values = line["time"].to_numpy("datetime64[ms]"), line["value"].to_numpy()
        kept = MinMaxLTTBDownsampler().downsample(times.view("int64"), values, n_out=POINTS)
        lines.append(go.Scatter(x=times[kept], y=values[kept], name=name))
    means = data.groupby("series", observed=True)["value"].mean()
    layout = {"meta": version, "uirevision": "keep", "template": "none"}
    return go.Figure(lines, layout), go.Figure([go.Bar(x=means.index, y=means)], layout)
