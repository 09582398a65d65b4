"""Arranges a table without a time: the largest values of each series, and all of them by item."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from . import formats, panels

BARS = 30  # of a series; fewer if there are several
ALL_BARS = 60
PANELS = 12
ROWS = 100  # of the table below the bars


def largest(ranking: pd.DataFrame, names: list[str]) -> dict[str, pd.DataFrame]:
    """Return the rows with the largest values of each series, the largest one last."""
    most = min(BARS, max(ALL_BARS // max(len(names), 1), 5))
    found = {}
    for name in names:
        own = ranking[ranking["series"] == name]
        found[name] = own.sort_values("value", ascending=False, kind="stable").head(most)[::-1]
    return found


def by_item(ranking: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return a row per item and a column per series, sorted by the first series."""
    data = ranking.astype({"item": object, "series": object})
    wide = data.pivot(index="item", columns="series", values="value").reindex(columns=names)
    return wide.sort_values(names[:1], ascending=False, kind="stable")


def written(values: Any) -> list[str]:
    """Write the numbers of a series, with its decimals; a missing one is empty."""
    numbers = np.asarray(values, float)
    digits = formats.decimals(numbers[~np.isnan(numbers)])
    return ["" if np.isnan(it) else formats.number(it, digits) for it in numbers]


def title(label: str, unit: str, count: int, total: int) -> str:
    """Return the title of a panel: what it shows, and how much of it."""
    shown = f"{count} of {total:,} shown" if count < total else ""
    return " · ".join(filter(None, (label, unit, shown)))


def items(shown: dict[str, pd.DataFrame], length: int) -> list[list[str]]:
    """Return the names of the items in each panel, shortened to a number of characters."""
    labels = [pd.DataFrame({"label": list(own["item"])}) for own in shown.values()]
    return [list(panels.labels(it, length).values()) for it in labels]


def layout(
    style: Callable[[go.Figure], go.Figure],
    rows: pd.DataFrame,
    every: pd.DataFrame,
    shown: dict[str, pd.DataFrame],
    ticks: list[list[str]],
) -> dict[str, Any]:
    """Lay out bars, a panel for each series.

    `every`: the rows of series.csv for all series; `shown`: what `largest` returned; `ticks`: the
    names of its items.
    """
    totals = rows["series"].value_counts()
    titles = tuple(
        title(every.loc[name, "label"], every.loc[name, "unit"], len(own), int(totals[name]))
        for name, own in shown.items()
    )
    counts = tuple(map(len, ticks))
    numbers = (text for own in shown.values() for text in written(own["value"]))
    found = named(panels.layout(style, titles, counts), ticks, numbers)
    if len(shown) < len(every):
        found = panels.noted(found, f"{len(shown)} of {len(every)} series shown")
    return panels.at_least(found, 64 + panels.height(counts))


def named(layout: dict[str, Any], items: list[list[str]], numbers: Iterable[str]) -> dict[str, Any]:
    """Label the bars of each panel with the names of their items, with room for the numbers."""
    layout = {**layout, "hovermode": "closest", "showlegend": False}
    layout["margin"] = layout["margin"] | {"r": 16 + 8 * max(map(len, numbers))}
    for number, texts in enumerate(items, 1):
        axis = f"yaxis{number}" if number > 1 else "yaxis"
        ticks = {"tickvals": list(range(len(texts))), "ticktext": texts, "showgrid": False}
        layout[axis] = layout[axis] | ticks
    return layout
