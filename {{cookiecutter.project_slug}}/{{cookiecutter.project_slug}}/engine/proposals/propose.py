"""Proposes settings for a table of raw rows."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ..config.types import LONGEST
from ..data.times import to_utc
from ..sources.columns import with_names
from ..sources.shape import Shape
from ..sources.time_formats import parse
from . import labels
from .dialect import Dialect
from .guess_shape import guess_shape
from .guess_times import guess_times
from .roles import Roles, find_roles
from .time_columns import CLOCK, UNKNOWN, Times

MAIN = ("time", "series", "value", "timezone")  # always written
CALLED = {"time", "date", "datetime", "timestamp", "datum", "week"}  # words in a name
MANY = 6  # columns that are named in a note
SHARE = 0.01  # of rows in the future that are a forecast rather than errors
OLD = timedelta(days=2)
PACES = 3  # a table this many intervals old counts as stale


@dataclass(frozen=True)
class Proposal:
    """Settings by section, what is unsure, and what was assumed.

    `values`: the columns of values; `units`: their units, from a row below the header; `replaced`:
    the keys of `[source]` that are no longer valid if they are not in the proposal.
    """

    source: dict[str, Any]
    refresh: dict[str, Any]
    app: dict[str, Any]
    values: list[str]
    units: dict[str, str]
    questions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    replaced: frozenset[str] = frozenset()

    def label(self, series: str) -> tuple[str, str]:
        """Return the label and the unit of a series."""
        is_ranking = not self.source["time"] and "columns" not in self.source
        has_keys = bool(self.source["series"]) and not is_ranking
        return labels.of_series(series, has_keys, self.values, self.units)


def propose(
    data: pd.DataFrame,
    where: dict[str, Any],
    dialect: Dialect,
    history: timedelta | None,
    now: datetime,
) -> Proposal:
    """Return settings for raw rows; `where` has the keys that say where and how to read them."""
    data = with_names(data)
    candidates = guess_times(data)
    time = candidates[0] if candidates else None
    questions, notes = [*dialect.questions], [*dialect.notes]
    if time:
        questions += time.questions
        notes += time.notes
    if not time:
        questions += _unknown_times(data)
    if time and time.format == UNKNOWN:
        candidates, time = [*candidates[:1], *candidates], None
    times = _parsed(data, time)
    roles = find_roles(data, time, candidates[1:], dialect.read)
    shaping = guess_shape(data, time, roles, times)
    settings = {**dict(zip(MAIN, (*MAIN[:3], "UTC"), strict=True)), **shaping.settings}
    if time:
        settings["time"] = time.columns[0] if len(time.columns) == 1 else time.columns or ""
        settings["time_format"] = time.format
        _set_zone(time, settings, dialect, notes)
        _name_others(time, candidates, notes)
    if roles.missing and shaping.values:
        settings["missing"] = roles.missing
        notes.append(
            f"these count as missing values (missing): {', '.join(map(str, roles.missing))}"
        )
    source = {**where, **{it: settings[it] for it in Shape.model_fields if _is_set(settings, it)}}
    refresh, app = _ages(times, history, now, questions, notes)
    return Proposal(
        source,
        refresh,
        app,
        shaping.values,
        dialect.units,
        [*questions, *shaping.questions],
        [*notes, *roles.notes, *shaping.notes, *_dropped(roles)],
    )


def _unknown_times(data: pd.DataFrame) -> list[str]:
    """Name a column that is called like a time, but whose values are in no known format."""
    named = [it for it in data if CALLED & {*re.split("[^a-z]+", it.lower())} and data[it].count()]
    return [
        f"{name} may hold times, but in no known format, as in {data[name].dropna().iloc[0]}: set "
        "time and time_format, or convert it in the function rows of reading.py"
        for name in named[:1]
    ]


def _is_set(settings: dict[str, Any], key: str) -> bool:
    """Return whether a key is worth writing: the main ones, and those that are not the default."""
    default = Shape.model_fields[key].get_default(call_default_factory=True)
    return key in MAIN or (key in settings and settings[key] != default)


def _parsed(data: pd.DataFrame, time: Times | None) -> pd.Series | None:
    """Return the times as UTC, to measure their steps and their age."""
    if time is None:
        return None
    if time.names:  # the names are the times, or the rest of them
        names = pd.DataFrame({"names": time.names})
        columns = data[time.columns].merge(names, how="cross") if time.columns else names
    else:
        columns = data[time.columns]
    utc = ZoneInfo("UTC")
    return to_utc(parse(columns.reset_index(drop=True), time.format), utc, utc)[0]


def _set_zone(time: Times, settings: dict[str, Any], dialect: Dialect, notes: list[str]) -> None:
    """Set the zone if a header states it, or say that it is unknown."""
    if time.aware or time.precision != CLOCK:
        return
    stated = [labels.zone(text) for it in time.columns for text in (it, dialect.units.get(it, ""))]
    if any(stated):
        settings["timezone"] = "UTC"
        notes.append("the header says that times are UTC")
    else:
        notes.append(
            "times have no zone and are read as UTC: if they are local, set timezone, "
            'as in "Europe/Oslo"'
        )


def _name_others(time: Times, candidates: list[Times], notes: list[str]) -> None:
    """Name the other columns that could be the time."""
    known = [it.columns for it in candidates]
    others = [it for it in candidates[1:] if not any(set(it.columns) < {*more} for more in known)]
    others = [it for it in others if not {*it.columns} <= {*time.columns}]
    if others:
        names = ", ".join(" + ".join(it.columns) for it in others[:MANY])
        notes.append(f"the time could also be {names}")


def _dropped(roles: Roles) -> list[str]:
    """Say which columns are not shown, and why."""
    reasons: dict[str, list[str]] = {}
    for name, why in roles.dropped.items():
        reasons.setdefault(why, []).append(name or "(no name)")
    said = []
    for why, names in reasons.items():
        more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
        said.append(f"not shown ({why}): {', '.join(names[:MANY])}{more}")
    return said


def _ages(
    times: pd.Series | None,
    history: timedelta | None,
    now: datetime,
    questions: list[str],
    notes: list[str],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return keys of `[refresh]` and `[app]` for data that are old, long or in the future."""
    refresh: dict[str, Any] = {}
    known = times.dropna().sort_values() if times is not None else pd.Series([])
    if known.empty:
        return refresh, {}
    past = known[known <= now]
    future = len(known) - len(past)
    days = (known.iloc[-1].to_pydatetime() - now).days + 1
    if future > SHARE * len(known) and days <= LONGEST.days:  # "9999-12-31" means no end
        refresh["ahead"] = f"{days}d"
        questions.append(
            f"{future:,} of {len(known):,} rows are in the future, up to "
            f"{known.iloc[-1]:%Y-%m-%d}: they are taken for a forecast; otherwise remove "
            "refresh.ahead"
        )
    elif future:
        questions.append(
            f"{future:,} row{'s are' if future > 1 else ' is'} in the future, up to "
            f"{known.iloc[-1]:%Y-%m-%d}, and set aside: for a forecast, raise refresh.ahead"
        )
    if past.empty:
        return refresh, {}
    newest = past.iloc[-1]
    if history is not None and now - known.iloc[0] > history:
        refresh["history"] = "all"
    pace = past.drop_duplicates().diff().median()
    old = max(OLD, PACES * pace) if pd.notna(pace) else OLD
    if now - newest <= old:
        return refresh, {}
    notes.append(
        'the newest row is old; app.stale_after = "never" keeps the page from calling it stale: '
        "remove it if more rows will come"
    )
    return refresh, {"stale_after": "never"}
