"""Remembers the last tables, so that what has not changed is not parsed again."""

from collections.abc import Callable

import pandas as pd

Tables = dict[str, pd.DataFrame]


class Memo:
    """The last tables, and what they were made from."""

    def __init__(self) -> None:
        self._last: tuple[object, Tables] = (None, {})

    def get(self, key: object, make: Callable[[], Tables]) -> Tables:
        """Return the tables of a key, the last ones if it is the same. They may be changed."""
        known, tables = self._last
        if known is None or known != key:
            self._last = (None, {})  # free the memory first
            tables = make()
            self._last = (key, tables)
        return {name: data.copy(deep=False) for name, data in tables.items()}
