"""Summarizes charts in a sentence or two for screen readers."""

from collections.abc import Iterable, Mapping, Sequence
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go

from . import formats
from .lines import Line

MOST = 8  # series; nobody listens to a longer text
TOP = 3  # items of a ranking


def summarized(layout: dict[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """Add a summary with a text for each series to a layout; summary.js puts it on the page."""
    said = list(texts[:MOST])
    if len(texts) > MOST:
        said.append(f"And {len(texts) - MOST:,} more series.")
    return {**layout, "meta": {**layout.get("meta", {}), "summary": " ".join(said)}}


def of_lines(known: pd.DataFrame, drawn: Iterable[Line]) -> list[str]:
    """Return the range and the last value of each line, as in "CPU: 12 to 97 %, last 35 %."."""
    texts = []
    for label, unit, digits, line in zip(*_columns(known), drawn, strict=True):
        numbers = line.low, line.high, line.y[-1]
        low, high, last = (formats.number(it, digits) for it in numbers)
        texts.append(f"{label}: {low} to {high}{unit}, last {last}{unit}.")
    return texts


def of_boxes(known: pd.DataFrame, spreads: Mapping[str, Any]) -> list[str]:
    """Return the median and the usual range of each series; `spreads`: see `boxplots`."""
    texts = []
    for name, label, unit, digits in zip(known.index, *_columns(known), strict=True):
        low, _, median, _, high = (formats.number(it, digits) for it in spreads[name])
        texts.append(f"{label}: median {median}{unit}, mostly {low} to {high}.")
    return texts


def of_states(bands: pd.DataFrame, known: pd.DataFrame, zone: ZoneInfo) -> list[str]:
    """Return the newest state of each series, and since when."""
    newest = bands.drop_duplicates("series", keep="last").set_index("series")
    texts = []
    for name, row in known.iterrows():
        band = newest.loc[name]
        texts.append(f"{row.label}: {band['state']} since {formats.moment(band['start'], zone)}.")
    return texts


def of_bars(known: pd.DataFrame, bars: Iterable[go.Bar], items: Iterable[list[str]]) -> list[str]:
    """Return the largest items of each series; `items`: those of each bar, the largest last."""
    texts = []
    for row, bar, names in zip(known.itertuples(), bars, items, strict=True):
        pairs = list(zip(map(unescape, names), bar.text, strict=True))[: -TOP - 1 : -1]
        largest = ", ".join(f"{name} {number}{_unit(row.unit)}" for name, number in pairs)
        texts.append(f"{row.label}: largest {largest}.")
    return texts


def _columns(known: pd.DataFrame) -> list[list[Any]]:
    """Return the labels, units and decimals: much faster than rows."""
    units = [_unit(it) for it in known["unit"].tolist()]
    return [known["label"].tolist(), units, known["decimals"].tolist()]


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""
