"""From the source to a snapshot: read, clean, and append to what is known."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pandas as pd

from . import preprocess, reading
from .preprocess import TABLES
from .setting import Refresh, Settings
from .store import Snapshot, now_utc
from .tables import DataError, Table, put_right

Tables = Mapping[str, pd.DataFrame]


def load() -> None:
    """Do nothing: a worker that has been sent this has loaded all that a refresh needs."""


def fetch(settings: Settings, since: datetime | None, version: int) -> Tables:
    """Read what is new since a time and clean it; this is what runs in the worker.

    A source may give back the very frame of the last time, to say that nothing is new. It is
    cleaned again all the same if the version has stayed, since then it was not published.
    """
    raw = reading.read(settings, since)
    if since is not None and isinstance(raw, dict):
        raw = {name: data for name, data in raw.items() if not _is_known(data, version)}
    tables = clean(raw, settings)
    for data in raw.values():  # only now: what was refused is refused again
        data.attrs["clean"] = [*_mark(data), version]
    return tables


def clean(raw: Tables, settings: Settings) -> Tables:
    """Put what was read right, or refuse it. Raises DataError."""
    tables = preprocess.clean(raw)
    for name, data in tables.items():
        _refuse_future(name, data, settings)
    return tables


def read_from(previous: Snapshot | None, overlap: timedelta) -> datetime | None:
    """Return the time to read from: where the table that lags most ends, less the overlap."""
    if previous is None:
        return None
    newest = [
        previous.tables[name]["time"].iloc[-1]
        for name, table in TABLES.items()
        if table.grows == "append" and len(previous.tables.get(name, ()))
    ]
    return (min(newest) - overlap).to_pydatetime() if newest else None


def append(
    previous: Snapshot | None, rows: Tables, due: datetime, now: datetime, refresh: Refresh
) -> Snapshot:
    """Make the next snapshot of the previous one and the new, clean rows."""
    tables = dict(previous.tables) if previous else {}
    for name, new in rows.items():
        grows = TABLES[name].grows == "append" and name in tables
        tables[name] = _extend(tables[name], new, TABLES[name]) if grows else new
        if TABLES[name].grows == "append":
            tables[name] = _trim(tables[name], now + refresh.ahead, refresh.history)
    # Epoch milliseconds, so that a restart does not repeat a version that a page has seen.
    version = max(previous.version + 1 if previous else 0, int(now.timestamp() * 1000))
    return Snapshot(version, due, now, tables)


def table(snapshot: Snapshot | None, name: str) -> pd.DataFrame:
    """Return a table of a snapshot; an empty one, of the declared columns, if it holds none."""
    if snapshot and name in snapshot.tables:
        return snapshot.tables[name]
    schema = TABLES[name].schema
    return schema.validate(pd.DataFrame(columns=list(schema.columns)))


def _is_known(data: pd.DataFrame, version: int) -> bool:
    *mark, then = getattr(data, "attrs", {}).get("clean", [None])
    return bool(mark == _mark(data) and then != version)


def _mark(data: pd.DataFrame) -> list[int]:
    """Tell a frame from those that were made of it, which inherit its attributes, or that grew."""
    return [id(data), len(data)]


def _extend(old: pd.DataFrame, new: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Put new rows behind the old; only where the two overlap are rows compared."""
    if new.empty:
        return old
    start = old["time"].searchsorted(new["time"].iloc[0])
    if start == len(old):
        return _concat(old, new)
    overlap = put_right(_concat(old.iloc[start:], new), table)
    return _concat(old.iloc[:start], overlap)


def _refuse_future(name: str, data: pd.DataFrame, settings: Settings) -> None:
    """Refuse rows of later than now: as the newest ones, they would stand above all that come."""
    if TABLES[name].grows == "append" and len(data):
        newest, ahead = data["time"].iloc[-1], settings.refresh.ahead
        if newest > now_utc() + ahead:
            raise DataError(
                f"{name}: column 'time': {newest} is more than refresh.ahead = {ahead} from now: "
                "give times their zone, correct them at the source, or allow more"
            )


def _trim(data: pd.DataFrame, end: datetime, history: timedelta) -> pd.DataFrame:
    """Drop what is older than the history, counted back from the newest row.

    Rows after the end are of a time before the clock was set back; they would hide all newer ones.
    """
    data = data.iloc[: data["time"].searchsorted(end, "right")]
    if data.empty:
        return data
    start = data["time"].searchsorted(data["time"].iloc[-1] - history)
    return data.iloc[start:].reset_index(drop=True) if start else data


def _concat(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Concatenate two frames; pandas alone turns categories that differ into text."""
    for column, dtype in first.dtypes.items():
        if dtype == "category" and dtype != second[column].dtype:
            names, new = first[column].cat.categories, second[column].cat.categories
            if not new.isin(names).all():  # then those whose rows are gone go too
                used = first[column].cat.remove_unused_categories().cat.categories
                names = used.union(new, sort=False)
                first = first.assign(**{column: first[column].cat.set_categories(names)})
            second = second.assign(**{column: second[column].cat.set_categories(names)})
    return pd.concat([first, second], ignore_index=True)
