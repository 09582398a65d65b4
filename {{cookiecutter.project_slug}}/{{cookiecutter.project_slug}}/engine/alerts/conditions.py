"""The conditions that are watched: series, the age of the data, and refreshes."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from ..data import freshness
from ..data.access import Data
from ..data.snapshot import Tables
from ..data.store import Store
from ..settings import AnySettings
from .changes import NONE, OK, Condition, rank_of

logger = logging.getLogger(__name__)

Conditions = Callable[[Tables], Mapping[str, Condition]]
SERIES = "series "  # prefix of the keys of series


def of_engine(settings: AnySettings, store: Store, now: datetime) -> dict[str, Condition]:
    """Return whether the data are stale and whether refreshes fail.

    Error texts may name hosts, queries and files, so they stay in the log.
    """
    state, status = freshness.check(settings, store, now), store.status()
    refresh = Condition(OK, "refreshes succeed")
    if status.failing_since:
        hint = f", look for {status.incident} in the server's log" if status.incident else ""
        refresh = Condition("critical", f"refreshes fail{hint}")
    if state.version is None:  # before the first refresh, all else is unknown
        return {"refresh": refresh}
    data = Condition("critical", state.stale) if state.stale else Condition(OK, "data are fresh")
    return {"refresh": refresh, "data": data}


class OfSeries:
    """Calls the user's function once for each version of the data."""

    def __init__(self, conditions: Conditions, data: Data, store: Store) -> None:
        self._conditions, self._data, self._store = conditions, data, store
        self._version: int | None = None
        self._found: dict[str, Condition] = {}
        self._fails = False

    def find(self, watched: Iterable[str]) -> dict[str, Condition]:
        """Return the condition of each series, including `watched` ones no longer in the data."""
        snapshot = self._store.latest()
        if snapshot is None or snapshot.fault:
            return {}
        if snapshot.version != self._version:
            self._version = snapshot.version
            self._found = self._call()
        if self._fails:
            return {}
        gone = (it for it in watched if it.startswith(SERIES) and it not in self._found)
        text = "{} is no longer in the data"
        return self._found | {
            it: Condition(NONE, text.format(it.removeprefix(SERIES))) for it in sorted(gone)
        }

    def _call(self) -> dict[str, Condition]:
        try:
            found = {SERIES + it: at for it, at in self._conditions(self._data.tables()).items()}
            for condition in found.values():
                rank_of(condition.level)
        except BaseException:  # it may call sys.exit
            if not self._fails:
                logger.exception("the conditions for alerts failed")
            self._fails = True
            return {}
        self._fails = False
        return found
