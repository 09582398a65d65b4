"""Describes the tables of a snapshot in a few lines: each series with its unit and range."""

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

import pandas as pd

from ..data.tables import counted

MANY = 20  # series or states that are listed
VALUES = 6  # names of states that are listed
Described = Callable[[str], tuple[str, str]]  # the label and the unit of a series


def summarize(tables: Mapping[str, pd.DataFrame], described: Described, zone: ZoneInfo) -> str:
    """Return a list of the series of each table, with their unit, range, rows and times."""
    lists = []
    for name, data in tables.items():
        value = next((it for it in ("value", "state") if it in data), None)
        if data.empty or "series" not in data or value is None:
            continue
        groups = data.groupby("series", observed=True, sort=False)
        rows = [_row(str(series), rows, value, described, zone) for series, rows in _first(groups)]
        shown = pd.DataFrame(rows).to_string(index=False, header=True, max_colwidth=40)
        more = groups.ngroups - len(rows)
        lists.append(
            f"{name}: {groups.ngroups:,} series\n\n{shown}" + f"\nand {more:,} more" * (more > 0)
        )
    return "\n\n".join(lists)


def _first(groups: "pd.api.typing.DataFrameGroupBy") -> "list[tuple[object, pd.DataFrame]]":
    return [pair for pair, _ in zip(groups, range(MANY), strict=False)]


def _row(
    series: str, rows: pd.DataFrame, value: str, described: Described, zone: ZoneInfo
) -> dict[str, str]:
    label, unit = described(series)
    row = {"series": series, "label": label, "unit": unit}
    if value == "state":
        names = list(rows["state"].astype(str).unique())
        more = ", …" if len(names) > VALUES else ""
        row["states"] = ", ".join(names[:VALUES]) + more
    else:
        row["range"] = f"{rows[value].min():.6g} to {rows[value].max():.6g}"
    row["rows"] = f"{len(rows):,}"
    if "time" in rows:
        times = rows["time"].iloc[[0, -1]].dt.tz_convert(zone)
        days = bool((times == times.dt.normalize()).all())
        row["first"], row["last"] = times.dt.strftime("%Y-%m-%d" if days else "%Y-%m-%d %H:%M")
    return row


def left_out(raw: Mapping[str, object]) -> str:
    """Return how many values were read, and which of them are not in the tables, and why."""
    for data in raw.values():
        if isinstance(data, pd.DataFrame) and "left_out" in data.attrs:
            found = [f"{count:,} {why}" for why, count in data.attrs["left_out"].items() if count]
            values = counted(data.attrs["read"]).replace("row", "value")
            return f"{values} read; left out: {', '.join(found) or 'none'}."
    return ""
