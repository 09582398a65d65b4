"""What is known about each series: its row in series.csv, its color and panel, and statistics."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..config.types import SettingError
from . import formats, limits, lines, magnitudes, styles

LIMITS, NAMES = ("warn", "critical"), ("warn_states", "critical_states")
COLUMNS = ["series", "label", "unit", *LIMITS]
SAMPLE = 10_000  # readings of a series that tell how large its values are


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


def is_pattern(name: str) -> bool:
    """Return whether a row of series.csv is for all series that match it, such as `* temp`."""
    return "*" in str(name) or "?" in str(name)


def listed(names: Iterable[str], series: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `series.csv` for some series: its own first, then the others.

    A series has the row with its exact name, or else the first pattern that matches it, which gives
    no label.
    """
    exact = {name: row for row, name in enumerate(series.index)}
    patterns = [name for name in series.index if is_pattern(name)]

    def row(name: str) -> int:
        found = (exact[it] for it in patterns if fnmatchcase(name, it))
        return exact[name] if name in exact else next(found, len(series))

    of = {name: row(name) for name in names}
    order = sorted(of, key=lambda name: of[name])
    known = series.reindex([series.index[of[it]] if of[it] < len(series) else it for it in order])
    known.index = pd.Index(order, name="series", dtype=object)
    own = pd.Series(order, known.index, object)
    label = known["label"].astype(object).where([it in exact for it in order]).fillna(own)
    return known.assign(label=label, unit=known["unit"].astype(object).fillna(""))


def survey(
    readings: pd.DataFrame,
    series: pd.DataFrame,
    palette: Sequence[str],
    now: datetime | None = None,
) -> pd.DataFrame:
    """Return the metadata and statistics of each series, those in `series.csv` first.

    `panel`: the number of its panel; `color` and `dash`: of its line; `decimals`: how many to show;
    `usual`: the interval between two readings, in microseconds; `last`: the time of its newest
    reading; `newest`: that of all series, but not after now.
    """
    rows = {name: rows for name, rows in lines.split(readings).items() if len(rows)}
    known = listed(sorted(rows), series)
    names = list(known.index)
    recent = [rows[name][-lines.POINTS :] for name in names]
    time, value = lines.microseconds(readings["time"]), readings["value"].to_numpy()
    sampled = [rows[name][:: 1 + len(rows[name]) // SAMPLE] for name in names]
    sizes = pd.Series([np.abs(value[it]).max() for it in sampled], names, float)
    row = {name: row for row, name in enumerate(series.index)}
    last = pd.Series(readings["time"].array[[it[-1] for it in recent]], names)
    digits = [formats.decimals(value[it]) for it in recent]
    known = known.assign(
        panel=magnitudes.divide(known["unit"], sizes),
        color=[styles.preferred(name, row.get(name), palette) for name in names],
        decimals=pd.Series(digits, names, object),
        usual=[lines.usual_distance(time[it]) for it in recent],
        last=last,
        newest=min(last.max(), now) if now and names else last.max(),
    )
    return styles.distinct(known, palette)


def present(readings: pd.DataFrame, known: pd.DataFrame, palette: Sequence[str]) -> pd.DataFrame:
    """Return the rows of the series that have readings, of which no two look alike, if possible."""
    counts = readings["series"].value_counts()  # takes half the memory of unique()
    found = set(counts.index[counts > 0])
    return styles.distinct(known.loc[[name for name in known.index if name in found]], palette)
