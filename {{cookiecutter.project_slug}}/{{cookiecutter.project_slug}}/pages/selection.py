"""The rows that a viewer's choices select."""

import re
from zoneinfo import ZoneInfo

import pandas as pd
from dash import Input

from .. import engineering
from ..engine import Window
from ..engine.figures import catalog, formats, states
from ..engine.page import Tables, per_snapshot, to_csv
from ..setting import Settings

CHOICES = [Input("series", "value"), Input("window", "value")]
# What a viewer may choose; requests with any other values are rejected.
Names = list[str] | None
UNSEEN = "\N{WORD JOINER}"


@per_snapshot
def known(tables: Tables) -> pd.DataFrame:
    """Return the metadata and statistics of each series, from all readings."""
    series = engineering.known_series()
    return engineering.survey(tables["readings"], series, tables.created)


@per_snapshot
def described(tables: Tables) -> pd.DataFrame:
    """Return the label, unit and decimals of each series of all tables."""
    names, ranked = tables["states"]["series"].cat.categories, tables["ranking"]
    others = catalog.listed([*names, *ranked["series"].cat.categories], engineering.known_series())
    values = ranked.groupby("series", observed=True)["value"].agg(
        lambda it: formats.decimals(it.to_numpy())
    )
    others["decimals"] = values.reindex(others.index).astype(object)
    both = pd.concat([known(tables), others])
    return both.loc[~both.index.duplicated(), ["label", "unit", "decimals"]]


def selected(tables: Tables, names: Names, window: Window, zone: ZoneInfo) -> pd.DataFrame:
    """Return the readings that a viewer has selected."""
    return engineering.select(tables["readings"], chosen(names), window, zone)


def shown(tables: Tables, names: Names, window: Window, zone: ZoneInfo) -> pd.DataFrame:
    """Return the selected readings of the series to show: not of all if there are too many."""
    readings = selected(tables, names, window, zone)
    return readings if names else engineering.important(readings, known(tables))


def filtered(table: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Return the rows of the chosen series."""
    names = chosen(names)
    return table[table["series"].isin(names)] if names else table


@per_snapshot
def bands(tables: Tables) -> pd.DataFrame:
    """Return how long each series of states was in each state."""
    newest = [tables[it]["time"].iloc[-1] for it in ("readings", "states") if len(tables[it])]
    return states.bands(tables["states"], max(newest, default=None), tables.created)


def selected_bands(tables: Tables, names: Names, window: Window, zone: ZoneInfo) -> pd.DataFrame:
    """Return the bands that a viewer has selected; one may have begun before the window."""
    found = filtered(bands(tables), names)
    if found.empty:
        return found
    start, end = window.bounds(bands(tables)["end"].max(), zone)
    return found if start is None else states.clip(found, start, end)


def is_blank(tables: Tables, readings: pd.DataFrame) -> bool:
    """Return whether charts of readings have nothing to show, but others have."""
    return readings.empty and bool(len(tables["states"]) or len(tables["ranking"]))


def selected_rows(tables: Tables, names: Names, window: Window, zone: ZoneInfo) -> pd.DataFrame:
    """Return the readings and states that a viewer has selected, or the rows of the ranking."""
    readings, texts = selected(tables, names, window, zone), tables["states"]
    if is_blank(tables, tables["readings"]) and texts.empty:
        return filtered(tables["ranking"], names)
    if texts.empty:
        return readings
    texts = engineering.select(texts, chosen(names), window, zone)
    return states.together(readings, texts)


def csv(tables: Tables, names: Names, window: Window, settings: Settings) -> str:
    """Return the selected rows as CSV, with times in the dashboard's time zone."""
    zone = settings.app.timezone
    rows = selected_rows(tables, names, window, zone)
    if "time" in rows:
        rows = rows.assign(time=rows["time"].dt.tz_convert(zone))
    if "state" in rows:
        texts = rows.pop("state").astype(object)
        rows["value"] = texts.where(texts.notna(), rows["value"])
    return to_csv(rows)


def chosen(names: Names) -> list[str]:
    """Return the names of the chosen series; none: all."""
    return [plain(it) for it in names or []]


def guarded(text: str) -> str:
    """Insert an invisible character into `__proto__`, which would break the dropdown's search."""
    return re.sub("(?i)(?<=__proto)(?=__)", UNSEEN, text)


def plain(text: str) -> str:
    """Return the original value."""
    return re.sub(f"(?i)(?<=__proto){UNSEEN}(?=__)", "", text)
