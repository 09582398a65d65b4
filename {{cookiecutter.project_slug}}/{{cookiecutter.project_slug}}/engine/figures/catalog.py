"""What is known about each series: its row in series.csv, its color and panel, and statistics."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..config.types import SettingError
from ..data import shown
from ..data.points import Points
from . import formats, limits, lines, magnitudes, styles, units

LIMITS, NAMES = ("warn", "critical"), ("warn_states", "critical_states")
COLUMNS, OPTIONAL = ["series", "label", "unit", *LIMITS], ["format", "color"]
READ = [*COLUMNS, *OPTIONAL]
COLOR = re.compile("#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
MINUTE = 60_000_000  # microseconds
SAMPLE = 10_000  # readings of a series that tell how large its values are


def read_series(path: Path) -> pd.DataFrame:
    """Read the label, unit, limits, format and color of each series, by name. Raises SettingError.

    `warn` and `critical` hold numbers; `warn_states` and `critical_states` hold names.
    """
    try:
        # Only empty cells are missing values: a series may be called NA.
        read = pd.read_csv(
            path, dtype=str, usecols=READ.__contains__, keep_default_na=False, na_values=""
        )
        if missing := [it for it in COLUMNS if it not in read]:
            raise ValueError(f"the column {missing[0]!r} is missing")
        read = read.reindex(columns=READ)
        if twice := sorted(read.loc[read["series"].duplicated(), "series"]):
            raise ValueError(f"{twice[0]!r} appears twice: keep one row")
        read = pd.DataFrame(list(map(_parsed, read.to_dict("records"))), columns=[*read, *NAMES])
    except ValueError as error:
        raise SettingError(f"{path} cannot be used: {error}.") from error
    # Also if all are missing.
    texts = dict.fromkeys(["series", "label", "unit", *OPTIONAL], object)
    read = read.astype({**texts, **dict.fromkeys(LIMITS, float)})
    return read.assign(label=read["label"].fillna(read["series"])).set_index("series")


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    """Parse the limits of a row, which are either numbers or names, its format and color."""
    texts = {it: row[it] if isinstance(row[it], str) else "" for it in ("unit", *OPTIONAL)}
    try:
        texts["unit"] = units.implied(texts["format"], texts["unit"])
    except ValueError as error:
        raise ValueError(f"format of {row['series']!r}: {error}") from error
    if texts["color"] and not COLOR.fullmatch(texts["color"]):
        said = f"{texts['color']!r} is not a color: write one such as #724fd9"
        raise ValueError(f"color of {row['series']!r}: {said}")
    parsed = row | texts
    for limit, names in zip(LIMITS, NAMES, strict=True):
        try:
            parsed[limit], parsed[names] = limits.parse(row[limit])
        except ValueError as error:
            raise ValueError(f"{limit} of {row['series']!r}: {error}") from error
    given = [limit for limit in LIMITS if isinstance(row[limit], str)]
    if len({math.isnan(parsed[limit]) for limit in given}) > 1:
        said = " and ".join(f"{limit} = {row[limit]!r}" for limit in given)
        raise ValueError(f"{said} of {row['series']!r}: write two numbers or two states")
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
    texts = {
        it: known[it].astype(object).fillna("") if it in known else "" for it in ("unit", *OPTIONAL)
    }
    return known.assign(label=label, **texts)


class _Measured(NamedTuple):
    """What the readings of a series tell about it."""

    largest: float
    usual: int
    last: int
    recent: Any  # values


def survey(
    readings: pd.DataFrame,
    series: pd.DataFrame,
    palette: Sequence[str],
    now: datetime | None = None,
) -> pd.DataFrame:
    """Return the metadata and statistics of each series, those in `series.csv` first.

    `panel`: the number of its panel; `color` and `dash`: of its line; `own_color`: whether the file
    sets it; `decimals`: how many to show; `largest`: its largest absolute value; `usual`: the
    interval between two readings, in microseconds; `last`: the time of its newest reading; `late`:
    whether it lags behind the newest of all series by far more than that interval.
    """
    measured = {name: _measured(own) for name, own in lines.points(readings).items() if len(own)}
    known = listed(sorted(measured), series)
    names = list(known.index)
    of = [measured[name] for name in names]
    sizes = pd.Series([it.largest for it in of], names, float)
    row = {name: row for row, name in enumerate(series.index)}
    last = pd.Series(lines.moments(np.array([it.last for it in of], "int64")), names)
    usual = np.array([it.usual for it in of], "int64")
    newest = min(last.max(), now) if now and names else last.max()
    far = pd.to_timedelta(np.maximum(lines.FAR * usual, MINUTE), unit="us")
    fixed = map(units.fixed, known["format"])
    digits = [
        formats.decimals(it.recent) if own is None else own
        for own, it in zip(fixed, of, strict=True)
    ]
    percent = known["format"] == "percent"
    colors = [
        own or styles.preferred(name, row.get(name), palette)
        for name, own in known["color"].items()
    ]
    known = known.assign(
        panel=magnitudes.divide(known["unit"].mask(percent, "%"), sizes * (1 + 99 * percent)),
        color=colors,
        own_color=known["color"] != "",
        decimals=pd.Series(digits, names, object),
        largest=sizes,
        usual=usual,
        last=last,
        late=newest - last > far,
    )
    return styles.distinct(known, palette)


def _measured(own: Points) -> _Measured:
    recent, sample = own[-lines.POINTS :], own.value[:: 1 + len(own) // SAMPLE]
    usual = lines.usual_distance(recent.time)
    return _Measured(np.abs(sample).max(), usual, own.time[-1], recent.value.copy())


def present(readings: pd.DataFrame, known: pd.DataFrame, palette: Sequence[str]) -> pd.DataFrame:
    """Return the rows of the series that have readings, of which no two look alike, if possible."""
    counts = readings["series"].iloc[-SAMPLE:].value_counts()
    found = set(counts.index[counts > 0])
    if len(found) < len(known):  # otherwise, these few were enough
        found = shown.present(readings)
    return styles.distinct(known.loc[[name for name in known.index if name in found]], palette)
