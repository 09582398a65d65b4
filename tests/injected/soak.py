"""Serves a rendered project whose clock is fast, and whose source fails at random.

Run in the project's environment as: python soak.py PACKAGE START HURRY SEED. Its clock is the real
one at START, in epoch seconds, and HURRY times as fast from then on.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import ModuleType
from typing import Any

import pandas as pd

SERIES = [f"line_{number}" for number in range(8)]
ROWS = 10  # of each series, in each refresh


def main(package: str, start: float, hurry: float, seed: int) -> int:
    """Serve as `python -m PACKAGE.server` does."""

    def clock() -> datetime:
        return datetime.fromtimestamp(start + (time.time() - start) * hurry, UTC)

    source = Source(clock, random.Random(seed))
    import_module(f"{package}.reading").read = lambda _source, _since: source.read()
    server = import_module(f"{package}.server")
    hasten(import_module(f"{package}.engine.refresh.scheduler").Scheduler, clock, hurry)
    import_module(f"{package}.engine.web.polling")  # which the server imports only when it starts
    for module in parts(package):
        if hasattr(module, "now_utc"):
            module.now_utc = clock
    return int(server.main([]))


def parts(package: str) -> list[ModuleType]:
    return [it for name, it in sys.modules.items() if name.startswith(f"{package}.")]


def hasten(schedule: Any, clock: Callable[[], datetime], hurry: float) -> None:
    """Give a class of schedules the fast clock, and have it sleep by that."""
    make, pause = schedule.__init__, schedule._pause

    def begin(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs, clock=clock, monotonic=lambda: time.monotonic() * hurry)

    schedule.__init__ = begin
    schedule._pause = lambda self: pause(self) / hurry


class Source:
    """What a user's source is like: new rows at each read, and now and then some bad ones."""

    def __init__(self, clock: Callable[[], datetime], chance: random.Random) -> None:
        self._clock, self._chance, self._bad = clock, chance, self._faults()

    def read(self) -> dict[str, pd.DataFrame]:
        rows = self._rows()
        match next(self._bad):
            case "raise":
                raise OSError("the source is out of reach")
            case "exit":
                sys.exit("the source wants to end the program")
            case "columns":
                rows = rows.rename(columns={"value": "reading"})
            case "missing":
                rows.loc[rows.index[-1], "value"] = float("nan")
            case "text":
                rows = rows.assign(value="n/a")
            case "nothing":
                return None  # type: ignore[return-value]
        return {"readings": rows}

    def _faults(self) -> Iterator[str]:
        """Say of each read what is wrong with it; a fault lasts for some reads."""
        kinds = ["raise", "exit", "columns", "missing", "text", "nothing"]
        while True:
            yield from [""] * self._chance.randint(1, 40)
            yield from [self._chance.choice(kinds)] * self._chance.randint(1, 4)

    def _rows(self) -> pd.DataFrame:
        now = self._clock()
        times = [now - timedelta(seconds=number / ROWS) for number in reversed(range(ROWS))]
        rows = [(at, name, self._chance.gauss(100, 10)) for at in times for name in SERIES]
        return pd.DataFrame(rows, columns=["time", "series", "value"])


if __name__ == "__main__":
    package, start, hurry, seed = sys.argv[1:]
    with suppress(KeyboardInterrupt):
        sys.exit(main(package, float(start), float(hurry), int(seed)))
