"""Counts that are read in parts are the same as those that are read at once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import toy
from helpers import changed

from {{cookiecutter.project_slug}}.engine import Pipeline
from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot
from {{cookiecutter.project_slug}}.engine.data.tables import validate
from {{cookiecutter.project_slug}}.engine.refresh import pipeline
from {{cookiecutter.project_slug}}.engine.sources import files
from {{cookiecutter.project_slug}}.engine.sources.files import FileSource

START = datetime(2026, 3, 27, tzinfo=UTC)  # clocks in Oslo change two days later
# Series, and the hours of its events; c begins late, b pauses, and for a day nothing happens.
EVENTS = {"a": [0, 1, 1, 5, 30, 31, 80, 99], "b": [0, 2, 3, 4, 28, 77, 99], "c": [31, 32, 80]}


def read(source: FileSource, since: datetime) -> dict[str, pd.DataFrame]:
    return {"readings": files.read_tables(source, since)["readings"]}


IT = Pipeline(read=read, clean=toy.clean, tables=toy.TABLES)


def refreshed(settings: toy.Settings, previous: Snapshot | None, now: datetime) -> Snapshot:
    """Return the snapshot of the next refresh, as the scheduler makes it."""
    refresh = settings.refresh
    span = pipeline.span(previous, IT.tables, refresh, now)
    raw = pipeline.fetch(read, toy.clean, settings.source, span)
    batch = validate(raw, IT.tables, pipeline.rules(settings, now))
    batch = pipeline.with_zeros(IT, settings, previous, batch, now)
    return merge(previous, batch, IT.tables, now, now, refresh).snapshot


def hours() -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the events of each hour that has any."""
    rows = [(hour, name) for name, them in EVENTS.items() for hour in them]
    for hour, group in pd.DataFrame(rows, columns=["hour", "series"]).groupby("hour"):
        times = [
            START + timedelta(hours=int(str(hour)), minutes=10 + it) for it in range(len(group))
        ]
        yield int(str(hour)), group.assign(time=times)[["time", "series"]]


@pytest.mark.parametrize("every", ["1h", "6h", "1d"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Oslo"])
def test_counts_that_are_read_in_parts_are_those_that_are_read_at_once(
    every: str, zone: str, tmp_path: Path
) -> None:
    given = {"path": str(tmp_path), "format": "parquet", "timezone": zone}
    source = FileSource.model_validate(given | {"value": "", "aggregate": "count", "every": every})
    settings = changed(toy.Settings(source=toy.Source()), "refresh", history=None)
    settings = changed(settings, "app", timezone=ZoneInfo(zone)).model_copy(
        update={"source": source}
    )
    snapshot = None
    for hour, rows in hours():
        rows.to_parquet(tmp_path / f"{hour}.parquet")
        now = START + timedelta(hours=hour + 1)
        snapshot = refreshed(settings, snapshot, now)
        at_once = refreshed(settings, None, now)
        found, expected = (
            it.tables["readings"].astype({"series": str}).sort_values(["time", "series"])
            for it in (snapshot, at_once)
        )
        pd.testing.assert_frame_equal(found.reset_index(drop=True), expected.reset_index(drop=True))
    assert found["value"].sum() == sum(map(len, EVENTS.values()))
    assert (found["value"] == 0).any()
