"""Remarks on what was read: rows that are not shown, and settings that may be wrong."""

from collections.abc import Iterator

from ..data.merge import Update
from ..data.tables import Batch, counted, has_time
from ..data.times import has_no_zone
from ..settings import AnySettings
from .pipeline import Frames, Pipeline

HEAD = 1_000  # rows looked at
MANY = 0.01  # of the rows that are shown


def hints(
    it: Pipeline, settings: AnySettings, rows: Frames, batch: Batch, update: Update
) -> Iterator[str]:
    """Yield remarks on the first refresh, whose cleaned rows are `rows`."""
    for found in batch.rejected:
        count = counted(found.count)
        yield f"{found.table}: {count} set aside: {found.reason}, as in {found.example}"
    for found in batch.overwritten:
        have = "has" if found.count == 1 else "have"
        count = f"{counted(found.count)} {have} {found.reason}"
        yield f"{found.table}: {count}, as in {found.example}; only the last is shown"
    for found in update.older:
        count = f"{counted(found.count)} {'is' if found.count == 1 else 'are'} {found.reason}"
        yield f'{found.table}: {count}: set history = "all" to keep them'
    for name in filter(lambda name: has_time(it.tables[name]), rows):
        yield from _events(it, settings, name, len(rows[name]), batch)
        is_utc = str(getattr(settings.source, "timezone", "")) == "UTC"
        if is_utc and has_no_zone(rows[name]["time"].head(HEAD)):
            yield (
                f"{name}: the times have no zone and are taken as UTC: "
                "set source.timezone if they are local"
            )


def _events(
    it: Pipeline, settings: AnySettings, name: str, read: int, batch: Batch
) -> Iterator[str]:
    """Propose to count events if many rows have the same key, whatever their values are."""
    valid = read - sum(found.count for found in batch.rejected if found.table == name)
    lost = valid - len(batch.tables[name])
    if lost > MANY * len(batch.tables[name]):
        by_settings = "aggregate" in type(settings.source).model_fields
        remedy = 'set aggregate = "count" and every = "1d"' if by_settings else "count them by day"
        have = "has" if lost == 1 else "have"
        share = f"{lost:,} of {counted(read)} {have} the {' and '.join(it.tables[name].key)}"
        yield f"{name}: {share} of a later row: {remedy} if these are events"
