"""Labels lines with their last values; ends.js places them, because it knows which are visible."""

from typing import Any

import pandas as pd

from . import formats
from .lines import Line

LONGEST = 8  # characters of a number; longer ones are shortened
CHARACTER, MARK = 6.6, 18  # pixels per character, and around a number
PREFIXES = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k"}


def labeled(layout: dict[str, Any], known: pd.DataFrame, drawn: list[Line]) -> dict[str, Any]:
    """Add the last value of each line to a layout, and room for it on the right."""
    texts = [short(it.y[-1], of) for it, of in zip(drawn, known["decimals"], strict=True)]
    room = MARK + round(CHARACTER * max(map(len, texts)))
    found = [
        {"x": float(it.x[-1]), "y": float(it.y[-1]), "text": text}
        for it, text in zip(drawn, texts, strict=True)
    ]
    meta = {**layout.get("meta", {}), "ends": found}
    return {**layout, "margin": layout["margin"] | {"r": room}, "meta": meta}


def short(value: float, digits: int | None) -> str:
    """Format a number with its series' decimals, or with a prefix if it is long."""
    text = formats.number(value, digits)
    if len(text) <= LONGEST:
        return text
    for size, prefix in PREFIXES.items():
        if size <= abs(value) < formats.HUGE:
            return f"{value / size:.4g} {prefix}"
    return f"{value:.3g}"
