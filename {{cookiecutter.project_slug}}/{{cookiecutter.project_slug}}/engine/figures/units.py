"""Formats values in units that fit their size: bytes, durations, money and percent."""

import math
import re
from typing import Any

import numpy as np
import pandas as pd

from . import formats

FORMATS = "bytes, duration, percent, money:EUR, or decimals as in .1f"
DECIMALS, CURRENCY = re.compile(r"\.([0-6])f"), re.compile("money:([A-Z]{3})")
BYTES = re.compile(r"([kKMGTPE]?)(i?)B(/.+)?")
PREFIXES = ["", "k", "M", "G", "T", "P", "E"]
SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
# Most currencies have two decimals (ISO 4217).
CURRENCY_DECIMALS = {
    **dict.fromkeys(["CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
SYMBOLS = {"EUR": "€", "GBP": "£", "INR": "₹", "JPY": "¥", "KRW": "₩", "USD": "$"}
FULL = 999.5  # rounded to three digits, this needs the next prefix


def implied(kind: str, unit: str) -> str:
    """Return the unit of a series, which its format may imply. Raises ValueError."""
    if kind == "bytes" and not BYTES.fullmatch(unit := unit or "B"):
        raise ValueError(f"with {kind!r}, write a unit such as B, MB/s or GiB, not {unit!r}")
    if kind == "duration" and (unit := unit or "s") not in SECONDS:
        raise ValueError(f"with {kind!r}, write one of {', '.join(SECONDS)}, not {unit!r}")
    if kind == "percent" and unit:
        raise ValueError(f"with {kind!r}, 0.42 is shown as 42 %: leave the unit {unit!r} out")
    if found := CURRENCY.fullmatch(kind):
        return unit or SYMBOLS.get(found[1], found[1])
    if kind not in ("", "bytes", "duration", "percent") and not DECIMALS.fullmatch(kind):
        raise ValueError(f"{kind!r} is not a format: write {FORMATS}")
    return unit


def fixed(kind: str) -> int | None:
    """Return the number of decimals that a format sets, if any."""
    if found := DECIMALS.fullmatch(kind):
        return int(found[1])
    found = CURRENCY.fullmatch(kind)
    return CURRENCY_DECIMALS.get(found[1], 2) if found else None


def scale(kind: str, unit: str, size: float) -> tuple[float, str]:
    """Return the factor and the unit that suit values up to a size."""
    if kind == "percent":
        return 100.0, "%"
    if kind == "duration":
        fitting = [it for it in SECONDS if size * SECONDS[unit] >= SECONDS[it]]
        chosen = fitting[-1] if fitting else "ms" if size else unit
        return SECONDS[unit] / SECONDS[chosen], chosen
    found = BYTES.fullmatch(unit) if kind == "bytes" else None
    if not found:
        return 1.0, unit
    prefix, binary, rest = found.groups(default="")
    step, now = 1024 if binary else 1000, PREFIXES.index(prefix.replace("K", "k"))
    best = now
    while best and size * step ** (now - best) < FULL / step:
        best -= 1
    while best + 1 < len(PREFIXES) and size * step ** (now - best) >= FULL:
        best += 1
    prefix = PREFIXES[best].replace("k", "K") if binary else PREFIXES[best]
    return float(step) ** (now - best), f"{prefix}{binary if best else ''}B{rest}"


def parts(value: float, row: Any) -> tuple[str, str]:
    """Format a value of a series as a number and a unit. `row`: one of `catalog.survey`."""
    if row.format == "duration" and math.isfinite(value):
        return duration(value * SECONDS[row.unit]), ""
    factor, unit = scale(row.format, row.unit, abs(value))
    scaled = float(value) * factor
    if row.format == "bytes" and abs(scaled) < FULL:
        return f"{scaled:z.3g}", unit
    return formats.number(scaled, _decimals(row.format, row.decimals, abs(scaled))), unit


def text(value: float, row: Any) -> str:
    """Format a value, with its unit only if it may differ between values of the series."""
    number, unit = parts(value, row)
    return f"{number} {unit}" if row.format == "bytes" else number


def with_unit(value: float, row: Any) -> str:
    """Format a value with its unit, if it has one."""
    return " ".join(filter(None, parts(value, row)))


def on_axes(known: pd.DataFrame) -> pd.DataFrame:
    """Return series as charts show them: each panel in the unit that fits its largest values.

    `factor`: by which to multiply readings; limits are multiplied already.
    """
    names = ("panel", "largest", "format", "unit", "decimals", "warn", "critical")
    rows = list(zip(*(known[it].tolist() for it in names), strict=True))  # fast for a few rows
    largest, kinds = dict[int, float](), dict[int, set[str]]()
    for panel, size, kind, *_ in rows:
        largest[panel] = max(size, largest.get(panel, size))
        kinds.setdefault(panel, set()).add(kind)
    found = []
    for panel, _, own, unit, digits, warn, critical in rows:
        kind = own if len(kinds[panel]) == 1 or own == "percent" else ""
        factor, unit = scale(kind, unit, largest[panel])
        digits = _decimals(kind, digits, largest[panel] * factor)
        found.append((factor, unit, digits, warn * factor, critical * factor))
    columns = enumerate(("factor", "unit", "decimals", "warn", "critical"))
    shown = {name: [row[at] for row in found] for at, name in columns}
    return known.assign(**shown | {"decimals": np.array(shown["decimals"], object)})


def _decimals(kind: str, own: int | None, size: float) -> int | None:
    """Return the number of decimals for scaled values up to a size."""
    if kind in ("bytes", "duration"):
        return min(max(2 - math.floor(math.log10(size or 1)), 0), formats.LONGEST)
    return max(own - 2, 0) if kind == "percent" and own is not None else own


def duration(seconds: float) -> str:
    """Format a duration in its two largest units, rounded down, such as "2 h 5 min"."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    for unit, smaller in (("d", "h"), ("h", "min"), ("min", "s")):
        large, rest = divmod(round(seconds), SECONDS[unit])
        if large:
            small = rest // SECONDS[smaller]
            return f"{large:,.0f} {unit}" + (f" {small:.0f} {smaller}" if small else "")
    is_short = seconds and round(seconds * 1000) < 1000
    return f"{seconds * 1000:.3g} ms" if is_short else f"{seconds:.3g} s"
