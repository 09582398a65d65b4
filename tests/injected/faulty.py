"""A source that causes faults on demand; copied into a rendered project as its `reading.py`.

The file `fault` names the fault to cause, and `took` the last one caused.
"""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import time_machine

from .engine import Section

FAULT, TOOK = Path("fault"), Path("took")
HOUR = pd.Timedelta(hours=1)


class Source(Section, extra="allow"):
    """Accepts any settings in `[source]`, because it replaces various sources."""


def read(source: Source, since: datetime) -> Any:
    """Return one row per second for each of two series, unless a fault is set."""
    end = pd.Timestamp.now(tz="UTC").floor("s")
    start = max(end - pd.Timedelta(minutes=10), pd.Timestamp(since).ceil("s"))
    times = pd.date_range(start, end, freq="s", inclusive="right", unit="us")
    names = ["pressure", "output"]
    rows = pd.DataFrame({"time": times.repeat(2), "series": names * len(times), "value": 1.0})
    name = ""
    with suppress(FileNotFoundError):
        name = FAULT.read_text("utf-8")
    fault = FAULTS.get(name)
    if not fault:
        return {"readings": rows}
    if not len(rows):  # so that there is a row to damage
        rows = pd.DataFrame({"time": [end], "series": names[:1], "value": 1.0})
    result = fault(rows) if TOOK.read_text("utf-8") != name else _again(name, fault, rows)
    TOOK.write_text(name, "utf-8")
    return result


def _again(name: str, fault: Callable[[pd.DataFrame], Any], rows: pd.DataFrame) -> Any:
    return {"readings": rows} if name in ONCE else fault(rows)


def _raises(error: BaseException) -> Callable[[pd.DataFrame], Any]:
    def fail(_rows: pd.DataFrame) -> None:
        raise error

    return fail


def _hang(_rows: pd.DataFrame) -> None:
    TOOK.write_text("hang", "utf-8")
    while FAULT.exists():
        time.sleep(0.05)


def _value(value: Any) -> Callable[[pd.DataFrame], Any]:
    return lambda rows: {"readings": rows.assign(value=value)}


def _million(rows: pd.DataFrame) -> Any:
    end = rows["time"].iloc[0] - pd.Timedelta(minutes=2)
    times = pd.date_range(end=end, periods=1_000_000, freq="1ms", unit="us")
    many = pd.DataFrame({"time": times, "series": "many", "value": np.arange(1_000_000) % 7.0})
    return {"readings": pd.concat([many, rows])}


def _end_schedule(rows: pd.DataFrame) -> Any:
    # Until a new thread runs, CPython gives it the id of the thread that starts it, and would raise
    # the error there. Two threads run during a refresh: this one, and one that waits to validate.
    while sum(it.name == "refresh" and it.is_alive() for it in threading.enumerate()) < 2:
        time.sleep(0.001)
    (schedule,) = [it for it in threading.enumerate() if it.name == "schedule"]
    ident = ctypes.c_ulong(schedule.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
    return {"readings": rows}


def _set_clock_back(rows: pd.DataFrame) -> Any:
    time_machine.travel(datetime.now().astimezone() - timedelta(seconds=20)).start()
    return {"readings": rows}


def _exit(_rows: pd.DataFrame) -> None:
    TOOK.write_text("exit", "utf-8")
    os._exit(3)


def _abort(_rows: pd.DataFrame) -> None:
    TOOK.write_text("abort", "utf-8")
    os.abort()


# Faults that are caused once, not on each read.
ONCE = {"million", "schedule", "clock", "old"}
FAULTS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "raise": _raises(OSError("postgresql://ann:hush@db is out of reach")),
    "sys.exit": lambda _rows: sys.exit("the source wants to end"),
    "memory": _raises(MemoryError("too much")),
    "recursion": _raises(RecursionError("too deep")),
    "interrupt": _raises(KeyboardInterrupt()),
    "hang": _hang,
    "none": lambda _rows: None,
    "list": lambda rows: [rows],
    "nothing": lambda _rows: {},
    "empty": lambda rows: {"readings": rows.iloc[:0]},
    "table": lambda rows: {"surplus": rows},
    "text for a frame": lambda _rows: {"readings": "time,series,value"},
    "column": lambda rows: {"readings": rows.drop(columns="value")},
    "renamed": lambda rows: {"readings": rows.rename(columns={"value": "reading"})},
    "text": _value("n/a"),
    "nan": _value(np.nan),
    "infinite": _value(np.inf),
    "naive": lambda rows: {"readings": rows.assign(time=rows["time"].dt.tz_localize(None))},
    "no time": lambda rows: {"readings": rows.assign(time=pd.NaT)},
    "future": lambda rows: {"readings": rows.assign(time=rows["time"] + HOUR)},
    "old": lambda rows: {"readings": rows.assign(time=rows["time"] - 1000 * HOUR)},
    "twice": lambda rows: {"readings": pd.concat([rows, rows])},
    "unsorted": lambda rows: {"readings": rows.iloc[::-1]},
    "million": _million,
    "schedule": _end_schedule,
    "clock": _set_clock_back,
    "exit": _exit,
    "abort": _abort,
}
