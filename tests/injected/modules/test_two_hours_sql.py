"""Two simulated hours of a database that another program writes to."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import time_machine
from my_dashboard.engine.data import freshness
from my_dashboard.engine.data.memory_store import MemoryStore
from my_dashboard.engine.refresh.scheduler import Scheduler
from my_dashboard.engine.settings import Refresh
from my_dashboard.reading import Source
from my_dashboard.schedule import DASHBOARD
from my_dashboard.setting import Settings
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, text

from helpers import wait_until

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
STEP = 10 * SECOND  # between refreshes, and between rows of a series
LATE, FAST = 30 * SECOND, 2 * MINUTE
DEAD = (START + 30 * MINUTE, START + 60 * MINUTE)  # one series has no rows
SILENT = (START + 80 * MINUTE, START + 85 * MINUTE)  # no series has rows
QUERY = "SELECT time, series, value FROM readings WHERE time > :since"


class Inline(Executor):
    """Runs calls immediately."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Writer:
    """The other program, which writes each row when it is due."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._late: list[tuple[datetime, str, float]] = []
        with engine.begin() as database:
            database.execute(text("CREATE TABLE readings (time TEXT, series TEXT, value REAL)"))

    def write(self, now: datetime) -> None:
        minute = (now - START).total_seconds() / 60
        if SILENT[0] <= now < SILENT[1]:
            return
        rows = [(now, name, minute) for name in ("a", "b", "bad")]
        rows.append((now + FAST, "fast", minute))
        self._late.append((now, "late", minute))
        rows += [it for it in self._late if it[0] <= now - LATE]
        self._late = [it for it in self._late if it[0] > now - LATE]
        if not DEAD[0] <= now < DEAD[1]:
            rows.append((now, "dead", minute))
        if now == START + 10 * MINUTE:
            rows.append((datetime(2099, 1, 1, tzinfo=UTC), "bad", -1))
        with self._engine.begin() as database:
            insert = text("INSERT INTO readings VALUES (:time, :series, :value)")
            database.execute(insert, [self._row(*it) for it in rows])
            for corrected in (20 * MINUTE, 70 * MINUTE):
                if now == START + corrected:  # corrects a row that is four minutes old
                    update = "UPDATE readings SET value = -7 WHERE series = 'a' AND time = :time"
                    database.execute(text(update), self._row(now - 4 * MINUTE, "a", -7))

    @staticmethod
    def _row(time: datetime, series: str, value: float) -> dict[str, Any]:
        return {"time": f"{time:%Y-%m-%d %H:%M:%S.000000}", "series": series, "value": value}

    def rows(self) -> pd.DataFrame:
        data = pd.read_sql("SELECT * FROM readings", self._engine)
        data["time"] = pd.to_datetime(data["time"], utc=True, format="ISO8601")
        return data[data["time"] < "2099"].sort_values(["time", "series"], ignore_index=True)


def test_no_row_is_lost_and_the_status_is_right_at_each_step(
    settings: Settings, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'readings.db'}"
    writer, store = Writer(create_engine(url)), MemoryStore()
    refresh = Refresh(every=f"{STEP.seconds}s", history="1d")
    source = Source(url=SecretStr(url), query=QUERY)
    settings = settings.model_copy(update={"refresh": refresh, "source": source})
    seconds = 0.0
    schedule = Scheduler(settings, store, DASHBOARD.pipeline, Inline(), monotonic=lambda: seconds)
    states: dict[str, int] = {}
    with time_machine.travel(START, tick=False) as clock:
        for step in range(2 * 60 * MINUTE // STEP):
            now = START + step * STEP
            clock.move_to(now)
            seconds = step * STEP.total_seconds()
            writer.write(now)
            wait_until(lambda: schedule.tick() or store.status().refreshed == now)  # noqa: B023
            found = freshness.check(settings, store, now)
            newest = now if not SILENT[0] <= now < SILENT[1] else _newest(writer, now)
            assert found.age_seconds == (now - newest).total_seconds(), now
            stale = now - newest > 3 * STEP
            assert found.status == ("stale" if stale else "live"), now
            states[found.status] = states.get(found.status, 0) + 1
            problems = freshness.problems(settings, store, found)
            said = " ".join([*problems, *freshness.remarks(store)])
            assert ("1 row of readings set aside" in said) == (now >= START + 10 * MINUTE), said
    snapshot = store.latest()
    assert snapshot and snapshot.tables["readings"]["time"].is_monotonic_increasing
    held = snapshot.tables["readings"].sort_values(["time", "series"], ignore_index=True)
    held["series"] = held["series"].astype(str)
    pd.testing.assert_frame_equal(held, writer.rows(), check_dtype=False)
    assert (held["value"] == -7).sum() == 2
    assert states["stale"] > 10 and states["live"] > 600


def _newest(writer: Writer, now: datetime) -> datetime:
    times = writer.rows()["time"]
    newest: datetime = times[times <= now].max().to_pydatetime()
    return newest
