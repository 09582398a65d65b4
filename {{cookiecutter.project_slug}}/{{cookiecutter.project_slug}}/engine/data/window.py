"""The time window that a viewer chooses: everything, the newest part, or between two times."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

import pandas as pd
from pydantic import TypeAdapter
from pydantic_core import core_schema

from ..config.types import Duration

# Still valid after conversion to UTC.
EARLIEST, LATEST = datetime(1753, 1, 3), datetime(9998, 12, 31)
SPAN: TypeAdapter[timedelta] = TypeAdapter(Duration)


@dataclass(frozen=True)
class Window:
    """A time window; without a span or times, everything.

    As text: `all`, a duration such as `1h`, or two times as in
    `2026-11-01T08:00/2026-11-02T09:30`, which are wall-clock times in the dashboard's zone.
    """

    span: timedelta | None = None  # it ends at the newest row
    start: datetime | None = None
    end: datetime | None = None  # inclusive

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a window from text. Raises ValueError."""
        if isinstance(value, cls):
            return value
        text = str(value)
        if text == "all":
            return cls()
        if "/" not in text:
            return cls(SPAN.validate_python(text))
        start, end = map(datetime.fromisoformat, text.split("/", 1))
        if start.tzinfo or end.tzinfo or not EARLIEST <= start <= end <= LATEST:
            raise ValueError("write two times without a zone, the earlier one first")
        return cls(start=start, end=end)

    def bounds(self, newest: datetime, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
        """Return the start and end of the window; None means no limit."""
        if self.span is not None:
            return newest - self.span, None
        if self.start is None or self.end is None:
            return None, None
        # An hour that is repeated when clocks go back is included twice; times in one that is
        # skipped stand for the hours around it.
        starts, ends = (
            [it.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
            for it in (self.start, self.end)
        )
        return min(starts), max(ends)

    def rows(self, times: pd.Series, zone: ZoneInfo) -> slice:
        """Return the positions of the rows in the window; the times are sorted."""
        if not len(times):
            return slice(None)
        start, end = self.bounds(times.iloc[-1], zone)
        first = None if start is None else int(times.searchsorted(start))
        last = None if end is None else int(times.searchsorted(end, side="right"))
        return slice(first, last)

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> core_schema.CoreSchema:
        """Validate a window given as text."""
        return core_schema.no_info_plain_validator_function(cls.parse)
