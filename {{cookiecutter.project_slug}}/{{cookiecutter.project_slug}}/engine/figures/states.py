"""Turns rows of text, such as "on" and "fault", into bands: how long a series was in a state."""

from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from . import limits, lines, units

LEVELS: tuple[limits.Level, ...] = ("none", "ok", "warn", "critical")  # the worst one last
MINUTE = 60_000_000  # microseconds
ROWS = 50  # of the table below a chart
DAY = 86_400_000  # milliseconds
NAMED = 300  # bars that show the name of their state, if there is room


@dataclass(frozen=True)
class Thinned:
    """The bands of one series that a screen can show: rows by position, and what they stand for."""

    rows: Any
    start: Any  # microseconds
    end: Any
    count: Any  # of bands; more than one if short ones are drawn together


@dataclass(frozen=True)
class Timeline:
    """The bars of a timeline, how many bands are left out, and the format of its times.

    `row`: the position of a bar's series; `state` and `level`; `x` and `length`: in milliseconds of
    local time (see `lines`); `said`: from when to when; `wide`: whether there may be room for the
    state's name.
    """

    bars: pd.DataFrame
    left_out: int
    clock: str


def bands(
    states: pd.DataFrame, newest: datetime | None = None, now: datetime | None = None
) -> pd.DataFrame:
    """Return the bands of each series: `series`, `state`, `start` and `end`, ordered by these.

    Equal states in a row are one band. A band ends at the next row of its series, or one usual
    interval after its last row if a gap follows (see `lines`). A series in which every row is
    another state reports only changes, so it has no gaps. The last band ends at `newest`, the
    newest time in all tables; but a row stands for one usual interval, as far as `now`.

    `known` says whether the beginning is known, as it is not for the first band of a series;
    `last` is the time of the series' last row, and `late` whether it is far behind the newest.
    From `bar_start` to `bar_end`, a chart shows the band.
    """
    time, code = lines.microseconds(states["time"]), states["state"].cat.codes.to_numpy()
    if newest is None and len(time):
        newest = states["time"].iloc[-1]
    limit = _number(now) if now else None
    parts = {
        name: _bands(time[rows], code[rows], _number(newest), limit)
        for name, rows in lines.split(states).items()
        if len(rows)
    }
    names = pd.Index(states["series"].cat.categories)
    counts = [len(part["start"]) for part in parts.values()]
    series = np.repeat(names.get_indexer(list(parts)), counts)
    columns = {
        name: np.concatenate([part[name] for part in parts.values()] or [lines.NONE])
        for name in ("state", "start", "end", "known", "last", "late")
    }
    moments = ("start", "end", "last")
    times = {it: pd.to_datetime(columns[it], unit="us", utc=True) for it in moments}
    return pd.DataFrame(
        {
            "series": pd.Categorical.from_codes(series, names),
            "state": pd.Categorical.from_codes(columns["state"], states["state"].cat.categories),
            **times,
            "bar_start": times["start"],
            "bar_end": times["end"],
            "known": columns["known"].astype(bool),
            "late": columns["late"].astype(bool),
        }
    )


def _bands(time: Any, code: Any, newest: int, now: int | None) -> dict[str, Any]:
    """Return the columns of the bands of one series; times are in microseconds."""
    usual, last = lines.usual_distance(time), int(time[-1])
    changes = np.flatnonzero(np.diff(code)) + 1
    only_changes = len(time) > 1 and len(changes) == len(time) - 1
    before = lines.NONE if only_changes else lines.gaps(time, usual)
    first = np.concatenate([[0], np.union1d(changes, before + 1)]).astype(int)
    far = newest - last > lines.FAR * usual
    until = max(newest, last)
    if only_changes:
        if now is not None and now - newest <= lines.FAR * usual:
            until = max(now, last)
    else:
        own = last + usual if now is None else max(min(last + usual, now), last)
        until = own if far else max(until, own)
    end = np.append(time[first[1:]], until)
    cut = np.searchsorted(first, before, side="right") - 1  # the bands that a gap follows
    end[cut] = time[before] + usual
    size = len(first)
    return {
        "state": code[first],
        "start": time[first],
        "end": end,
        "known": first > 0,
        "last": np.full(size, last),
        "late": np.full(size, far and not only_changes and newest - last > MINUTE),
    }


def clip(bands: pd.DataFrame, start: datetime, end: datetime | None) -> pd.DataFrame:
    """Return the bands between two times; charts show only that part of them.

    A series with later rows is not late.
    """
    bands = bands[bands["end"] >= start]
    if end is not None:
        bands = bands[bands["start"] <= end]
        bands = bands.assign(late=bands["late"] & (bands["last"] <= end))
    bar_start, bar_end = bands["start"].clip(lower=start), bands["end"].clip(upper=end)
    return bands.assign(bar_start=bar_start, bar_end=bar_end)


def timeline(bands: pd.DataFrame, known: pd.DataFrame, zone: ZoneInfo) -> Timeline:
    """Return what a timeline of the series in `known` shows, in that order."""
    start, end, bar_start, bar_end = (
        lines.microseconds(bands[it]) for it in ("start", "end", "bar_start", "bar_end")
    )
    level, rows, parts, total = levels(bands, known), lines.split(bands), [], 0
    for row, name in enumerate(known.index):
        own = rows[name]
        it = thin(bar_start[own], bar_end[own], level[own])
        at = own[it.rows]
        many = it.count > 1
        began, ended = np.where(many, it.start, start[at]), np.where(many, it.end, end[at])
        columns = {"row": row, "at": at, "count": it.count, "start": it.start, "end": it.end}
        parts.append(pd.DataFrame({**columns, "began": began, "ended": ended}))
        total += len(own)
    bars = pd.concat(parts, ignore_index=True)
    bars["state"] = bands["state"].array[bars["at"]]
    shown = np.array(["none", "none", "warn", "critical"])  # a state within the limits is neutral
    bars["level"] = pd.Categorical(shown[level[bars["at"]]], ["none", "warn", "critical"])
    local = {name: _local(bars[name], zone) for name in ("began", "ended", "start", "end")}
    bars["x"], until = (lines.wall_clock(local[name], zone) for name in ("start", "end"))
    bars["length"] = np.maximum(until - bars["x"], 0)
    bars["wide"] = bars["length"].rank(method="first", ascending=False) <= NAMED
    clocks = (lines.wall_clock(local[name], zone) for name in ("began", "ended"))
    whole_days = not any((it % DAY).any() for it in clocks)
    clock = "%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M:%S"
    first = ~bands["known"].to_numpy()[bars["at"]] & (bars["count"] == 1)
    spans = map(_lasted, bars["ended"] - bars["began"], first, bars["count"])
    texts = (local[name].dt.strftime(clock) for name in ("began", "ended"))
    bars["said"] = [f"{a} to {b}<br>{span}" for a, b, span in zip(*texts, spans, strict=True)]
    return Timeline(bars, total - len(bars), clock)


def _local(microseconds: pd.Series, zone: ZoneInfo) -> pd.Series:
    return pd.to_datetime(microseconds, unit="us", utc=True).dt.tz_convert(zone)


def _lasted(microseconds: int, first: bool, count: int) -> str:
    """Say how long a state lasted; the first one may have begun before the first reading."""
    if count > 1:
        return f"{count:,} short states, drawn as one"
    return ("at least " if first else "") + units.duration(microseconds / 1e6)


def levels(bands: pd.DataFrame, known: pd.DataFrame) -> Any:
    """Return the level of each band, as its position in LEVELS; `known` has its series' limits."""
    names, states = bands["series"].cat.categories, bands["state"].cat.categories
    keys = bands["series"].cat.codes.to_numpy("int64") * max(len(states), 1)
    pairs, each = np.unique(keys + bands["state"].cat.codes.to_numpy(), return_inverse=True)
    found = []
    for pair in pairs:
        own = limits_of(known, names[pair // len(states)])
        found.append(LEVELS.index(limits.rate(states[pair % len(states)], *own)))
    return np.array(found, "int64")[each]


def limits_of(known: pd.DataFrame, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the warning and the critical states of a listed series; it may have none."""
    if name not in known.index:
        return (), ()
    row = known.loc[name]
    warn, critical = (row.get(it) for it in ("warn_states", "critical_states"))
    return tuple(it if isinstance(it, tuple) else () for it in (warn, critical))  # type: ignore[return-value]


def thin(start: Any, end: Any, level: Any) -> Thinned:
    """Return the bands of one series that a screen can show, at most about as many as POINTS.

    Bands too short for a pixel are drawn together, as the worst and longest state among them.
    """
    size = len(start)
    if size <= lines.POINTS:
        return Thinned(np.arange(size), start, end, np.ones(size, int))
    pixel = (end[-1] - start[0]) / (lines.POINTS // 2)
    place = np.floor((start - start[0]) / pixel)
    wide = end - start >= pixel
    begins = np.concatenate([[True], (np.diff(place) > 0) | wide[1:] | wide[:-1]])
    group = np.cumsum(begins) - 1
    worst = np.lexsort((end - start, level, group))
    rows = worst[np.flatnonzero(np.diff(group[worst], append=size))]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], size) - 1
    return Thinned(rows, start[first], end[last], last - first + 1)


def colors(names: list[str], palette: list[str]) -> dict[str, str]:
    """Return a color for each state, whatever its series; the first ones differ most."""
    return dict(zip(sorted(names), cycle(palette), strict=False))


def together(readings: pd.DataFrame, states: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of both tables, sorted by time: each has either a `value` or a `state`."""
    both = [readings, states]
    # An empty table has categories of another type.
    names = [it["series"].cat.rename_categories(str) for it in both if len(it)]
    rows = pd.DataFrame(
        {
            "time": pd.concat([it["time"] for it in both], ignore_index=True),
            "series": union_categoricals(names) if names else [],
            "value": np.append(readings["value"], np.full(len(states), np.nan)),
        }
    )
    rows["state"] = states["state"].set_axis(rows.index[len(readings) :])
    return rows.sort_values("time", kind="stable", ignore_index=True)


def _number(time: datetime | None) -> int:
    return int(pd.Timestamp(time).as_unit("us").asm8.view("int64")) if time else 0
