"""Remarks on what was read: rows that are not shown, and settings that may be wrong."""

from collections.abc import Iterator

from ..data.merge import Update
from ..data.tables import Batch, counted, has_time
from ..data.times import has_no_zone
from ..settings import AnySettings
from .pipeline import Frames, Pipeline

HEAD = 1_000  # rows looked at
MANY = 0.01  # of the rows


def hints(
    it: Pipeline, settings: AnySettings, rows: Frames, batch: Batch, update: Update
) -> Iterator[str]:
    """Yield remarks on the first refresh, whose cleaned rows are `rows`."""
    for found in batch.rejected:
        yield (
            f"{found.table}: {counted(found.count)} set aside: {found.reason}, "
            f"as in {found.example}"
        )
    for found in batch.overwritten:
        have = "has" if found.count == 1 else "have"
        remark = (
            f"{found.table}: {counted(found.count)} {have} {found.reason}, as in {found.example}; "
            "only the last is shown"
        )
        if found.count > MANY * len(rows[found.table]):
            names = " and ".join(it.tables[found.table].key)
            remark += f". Many rows share {names}: {_remedy(settings)} if these are events"
        yield remark
    for found in update.older:
        rows_are = counted(found.count) + (" is" if found.count == 1 else " are")
        yield f'{found.table}: {rows_are} {found.reason}: set history = "all" to keep them'
    if str(getattr(settings.source, "timezone", "")) == "UTC":
        for name, data in rows.items():
            if has_time(it.tables[name]) and has_no_zone(data["time"].head(HEAD)):
                yield (
                    f"{name}: the times have no zone and are taken as UTC: "
                    "set source.timezone if they are local"
                )


def _remedy(settings: AnySettings) -> str:
    """Return how to count events: by settings, or in the query or the code."""
    if "aggregate" in type(settings.source).model_fields:
        return 'set aggregate = "count" and every = "1d"'
    return "count them by day"
