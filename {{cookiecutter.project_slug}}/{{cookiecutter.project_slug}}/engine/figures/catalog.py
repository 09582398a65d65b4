"""What is known about each series: its row in series.csv, its color, and statistics."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd

from ..config.types import SettingError
from . import formats, limits, lines

LIMITS, NAMES = ("warn", "critical"), ("warn_states", "critical_states")
COLUMNS = ["series", "label", "unit", *LIMITS]


def read_series(path: Path) -> pd.DataFrame:
    """Read the label, unit and limits of each series, by name. Raises SettingError.

    `warn` and `critical` hold numbers; `warn_states` and `critical_states` hold names.
    """
    try:
        # Only empty cells are missing values: a series may be called NA.
        read = pd.read_csv(path, dtype=str, usecols=COLUMNS, keep_default_na=False, na_values="")
        if twice := sorted(read.loc[read["series"].duplicated(), "series"]):
            raise ValueError(f"{twice[0]!r} appears twice: keep one row")
        read = pd.DataFrame(list(map(_parsed, read.to_dict("records"))), columns=[*read, *NAMES])
    except ValueError as error:
        raise SettingError(f"{path} cannot be used: {error}.") from error
    texts = dict.fromkeys(["series", "label", "unit"], object)  # also if all are missing
    read = read.astype({**texts, **dict.fromkeys(LIMITS, float)})
    return read.assign(label=read["label"].fillna(read["series"])).set_index("series")


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    """Parse the limits of a row, which are either numbers or names."""
    parsed = dict(row)
    for limit, names in zip(LIMITS, NAMES, strict=True):
        try:
            parsed[limit], parsed[names] = limits.parse(row[limit])
        except ValueError as error:
            raise ValueError(f"{limit} of {row['series']!r}: {error}") from error
    given = [limit for limit in LIMITS if isinstance(row[limit], str)]
    if len({math.isnan(parsed[limit]) for limit in given}) > 1:
        texts = " and ".join(f"{limit} = {row[limit]!r}" for limit in given)
        raise ValueError(f"{texts} of {row['series']!r}: write two numbers or two states")
    return parsed


def listed(names: Iterable[str], series: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `series.csv` for some series: its own first, then the others."""
    wanted = dict.fromkeys(names)
    order = [name for name in series.index if name in wanted]
    order += [name for name in wanted if name not in series.index]
    known = series.reindex(order)
    label = known["label"].fillna(pd.Series(order, order))
    return known.assign(label=label, unit=known["unit"].fillna(""))


def survey(
    readings: pd.DataFrame,
    series: pd.DataFrame,
    palette: Sequence[str],
    now: datetime | None = None,
) -> pd.DataFrame:
    """Return the metadata and statistics of each series, those in `series.csv` first.

    `color`: one of the palette; `decimals`: how many to show; `usual`: the interval between two
    readings, in microseconds; `last`: the time of its newest reading; `newest`: that of all
    series, but not after now.
    """
    rows = {name: rows for name, rows in lines.split(readings).items() if len(rows)}
    known = listed(sorted(rows), series)
    names = list(known.index)
    recent = [rows[name][-lines.POINTS :] for name in names]
    time, value = lines.microseconds(readings["time"]), readings["value"].to_numpy()
    last = pd.Series(readings["time"].array[[it[-1] for it in recent]], names)
    digits = [formats.decimals(value[it]) for it in recent]
    return known.assign(
        color=colors(names, series, palette),
        decimals=pd.Series(digits, names, object),
        usual=[lines.usual_distance(time[it]) for it in recent],
        last=last,
        newest=min(last.max(), now) if now and names else last.max(),
    )


def colors(names: list[str], series: pd.DataFrame, palette: Sequence[str]) -> list[str]:
    """Return a color for each series: a free one, or the one least used, above all in its unit.

    Colors do not depend on the selection, and those of `series.csv` do not depend on the data.
    """
    units = series["unit"].fillna("").to_dict()
    used: Counter[Any] = Counter()  # by color, and by unit and color

    def count(name: str, color: str) -> None:
        used.update([color, (units.get(name, ""), color)])

    def free(name: str, first: int) -> str:
        unit, turn = units.get(name, ""), [*palette[first:], *palette[:first]]
        return min(turn, key=lambda color: (used[unit, color], used[color]))

    known: dict[str, str] = {}
    for row, name in enumerate(units):
        known[name] = free(name, row % len(palette))
        count(name, known[name])
    found = {name: known[name] for name in names if name in known}
    used.clear()
    for name, color in found.items():
        count(name, color)
    for name in names:
        if name not in found:  # by hash, so that a new series changes few colors
            found[name] = free(name, crc32(str(name).encode()) % len(palette))
            count(name, found[name])
    return [found[name] for name in names]


def present(readings: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the series that have readings."""
    counts = readings["series"].value_counts()  # takes half the memory of unique()
    found = set(counts.index[counts > 0])
    return known.loc[[name for name in known.index if name in found]]
