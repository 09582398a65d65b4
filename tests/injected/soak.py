"""Serves a rendered project with a fast clock and a source that fails at random.

Run in the project's environment as: python soak.py PACKAGE START SPEEDUP SEED. Its clock is correct
at START, in epoch seconds, and runs SPEEDUP times faster from then on.
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
ROWS = 10  # per series and refresh


def main(package: str, start: float, speedup: float, seed: int) -> int:
    """Serve as `python -m PACKAGE.server` does."""

    def clock() -> datetime:
        return datetime.fromtimestamp(start + (time.time() - start) * speedup, UTC)

    source = Source(clock, random.Random(seed))
    import_module(f"{package}.reading").read = lambda _source, _since: source.read()
    server = import_module(f"{package}.server")
    speed_up(import_module(f"{package}.engine.refresh.scheduler").Scheduler, clock, speedup)
    import_module(f"{package}.engine.web.polling")  # the server would import it only on start
    for module in parts(package):
        if hasattr(module, "now_utc"):
            module.now_utc = clock
    return int(server.main([]))


def parts(package: str) -> list[ModuleType]:
    return [it for name, it in sys.modules.items() if name.startswith(f"{package}.")]


def speed_up(schedule: Any, clock: Callable[[], datetime], speedup: float) -> None:
    """Make a scheduler class use the fast clock, for sleeping too."""
    init, pause = schedule.__init__, schedule._pause

    def fast_init(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs, clock=clock, monotonic=lambda: time.monotonic() * speedup)

    schedule.__init__ = fast_init
    schedule._pause = lambda self: pause(self) / speedup


class Source:
    """Imitates a user's source: each read has new rows and, now and then, a fault."""

    def __init__(self, clock: Callable[[], datetime], rng: random.Random) -> None:
        self._clock, self._rng, self._bad = clock, rng, self._faults()

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
        """Yield the fault of each read, or ""; a fault lasts for some reads."""
        kinds = ["raise", "exit", "columns", "missing", "text", "nothing"]
        while True:
            yield from [""] * self._rng.randint(1, 40)
            yield from [self._rng.choice(kinds)] * self._rng.randint(1, 4)

    def _rows(self) -> pd.DataFrame:
        now = self._clock()
        times = [now - timedelta(seconds=number / ROWS) for number in reversed(range(ROWS))]
        rows = [(at, name, self._rng.gauss(100, 10)) for at in times for name in SERIES]
        return pd.DataFrame(rows, columns=["time", "series", "value"])


if __name__ == "__main__":
    package, start, speedup, seed = sys.argv[1:]
    with suppress(KeyboardInterrupt):
        sys.exit(main(package, float(start), float(speedup), int(seed)))
