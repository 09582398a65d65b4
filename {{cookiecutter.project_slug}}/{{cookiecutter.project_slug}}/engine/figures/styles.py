"""Gives each series a color and, once all colors are in use, a line style."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import pandas as pd

DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]


def preferred(name: str, row: int | None, palette: Sequence[str]) -> str:
    """Return the color a series has if it is free: by its row in series.csv, or by its name."""
    first = crc32(str(name).encode()) if row is None else row
    return palette[first % len(palette)]


def distinct(known: pd.DataFrame, palette: Sequence[str]) -> pd.DataFrame:
    """Return the series with a `color` and a `dash`, of which no two are alike, if possible.

    A color from series.csv is always kept. Any other is kept unless another series has it; then the
    series gets the least used color, above all in its panel. The first with a color has a solid
    line.
    """
    used: Counter[Any] = Counter()  # by color, and by panel and color
    found: dict[int, tuple[str, str]] = {}
    rows = list(enumerate(zip(known["panel"], known["color"], strict=True)))
    own = known["own_color"].to_numpy()

    def take(at: int, panel: int, color: str) -> None:
        found[at] = color, DASHES[used[color] % len(DASHES)]
        used.update([color, (panel, color)])

    for at in own.nonzero()[0]:
        take(at, *rows[at][1])
    for at, (panel, color) in rows:
        if at not in found and not used[color]:
            take(at, panel, color)
    for at, (panel, color) in rows:
        if at not in found:
            first = palette.index(color)
            turn = [*palette[first:], *palette[:first]]
            take(at, panel, min(turn, key=lambda it: (used[panel, it], used[it])))
    colors, dashes = zip(*(found[at] for at, _ in rows), strict=True) if rows else ([], [])
    return known.assign(color=list(colors), dash=list(dashes))
