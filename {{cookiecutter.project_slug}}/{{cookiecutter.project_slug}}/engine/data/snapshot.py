"""A snapshot: all data as of one refresh."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any, TypeVar

import pandas as pd

from .frames import Grown

# Before all data. SQL Server's datetime begins on 1753-01-01; a day later is valid in every zone.
EPOCH = datetime(1753, 1, 2, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)

COPIED = (pd.DataFrame, pd.Series)  # mutable, and cheap to copy
T = TypeVar("T")


def now_utc() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class Tables(Mapping[str, pd.DataFrame]):
    """The tables of one snapshot; each access returns a copy that may be changed.

    The copies are shallow: with copy-on-write, the default in pandas 3, a change copies only the
    affected column. `version` and `created` are those of the snapshot, or None before the first
    one.
    """

    def __init__(
        self,
        tables: Mapping[str, pd.DataFrame],
        version: int | None = None,
        created: datetime | None = None,
        kept: object = None,
    ) -> None:
        self._tables, self.version, self.created = dict(tables), version, created
        self._kept = kept  # alive as long as these tables
        self._derived: dict[Callable[..., Any], Any] = {}
        self._lock = RLock()  # a derived value may use another derived value

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self._tables[name].copy(deep=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def derive(self, function: Callable[["Tables"], T]) -> T:
        """Return what a function computes from these tables; call it only once."""
        with self._lock:
            if function not in self._derived:
                self._derived[function] = function(self)
            found: T = self._derived[function]
        copied: T = found.copy(deep=False) if isinstance(found, COPIED) else found
        return copied


@dataclass(frozen=True)
class Pace:
    """The time of a table's newest row, and the usual time between two rows of a series.

    `changes` means that there is a row only when something changes, so that the table may be silent
    for long.
    """

    newest: datetime
    distance: timedelta | None = None
    changes: bool = False


@dataclass(frozen=True)
class Snapshot:
    """All data as of one refresh; immutable.

    Rows later than `horizon` are kept but not shown, because they were in the future at the time.
    `fault` says why the newest data in a shared store cannot be shown; the tables are then older.
    `paces` has an entry for each table that has rows with a time. `history` is that of the settings
    with which it was made; None is all. `grown` is what `merge` needs to append without copying.
    """

    version: int
    due: datetime
    created: datetime
    tables: Mapping[str, pd.DataFrame]
    paces: Mapping[str, Pace] = field(default_factory=dict)
    horizon: datetime = NEVER
    fault: str = ""
    history: timedelta | None = None
    grown: Mapping[str, Grown | None] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", Tables(self.tables))

    def visible(self, name: str) -> pd.DataFrame:
        """Return the rows of a table that can be shown."""
        data = self.tables[name]
        return visible(data, self.horizon) if name in self.paces else data


def is_longer(history: timedelta | None, snapshot: Snapshot) -> bool:
    """Return whether a history is longer than the one that a snapshot was made with."""
    before = snapshot.history
    return before is not None and (history is None or history > before)


def visible(data: pd.DataFrame, horizon: datetime) -> pd.DataFrame:
    """Leave out rows later than the horizon, unless there are no other rows."""
    end = data["time"].searchsorted(horizon, "right")
    return data.iloc[:end] if 0 < end < len(data) else data
