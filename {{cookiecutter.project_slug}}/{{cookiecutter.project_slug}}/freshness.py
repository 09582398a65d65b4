"""How far a table's rows reach: its usual pace, and which of its series is furthest behind."""

from datetime import timedelta

import pandas as pd

from .store import Pace
from .tables import Table

TAIL = 5_000  # rows that the usual distance is taken from
WAIT = timedelta(hours=1)  # a series further behind than this, or ten distances, is not waited for


def measure(data: pd.DataFrame, table: Table) -> Pace:
    """Return a table's pace; its rows are in order of time, and there is at least one.

    The usual distance is the one that nine of ten distances within a series do not exceed, so that
    weekends without rows are usual for a table of working days.
    """
    tail = data.iloc[-TAIL:]
    series = tail[_names(table)]
    if len(_names(table)):
        distances = tail["time"].groupby([series[it] for it in series], observed=True).diff()
    else:
        distances = tail["time"].diff()
    usual = distances.quantile(0.9)  # of less than two rows: none
    return Pace(
        data["time"].iloc[-1].to_pydatetime(), None if pd.isna(usual) else usual.to_pytimedelta()
    )


def furthest_behind(data: pd.DataFrame, table: Table, pace: Pace) -> pd.Timestamp:
    """Return the newest time of the series that is furthest behind.

    A series that is too far behind is not waited for: it would have its rows read again and again.
    """
    wait = max(WAIT, 10 * (pace.distance or timedelta(0)))
    recent = data.iloc[data["time"].searchsorted(pd.Timestamp(pace.newest) - wait) :]
    names = [recent[it] for it in _names(table)]
    newest = recent.groupby(names, observed=True)["time"].max() if names else recent["time"]
    return newest.min() if names else newest.max()


def _names(table: Table) -> list[str]:
    """Return the columns that tell one series of a table from another."""
    return [column for column in table.key if column != "time"]
