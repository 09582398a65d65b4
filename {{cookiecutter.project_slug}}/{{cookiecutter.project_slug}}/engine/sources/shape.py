"""The keys of `[source]` that describe what a source's columns mean; all sources share them."""

import re
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from ..config.types import Period, Zone
from ..settings import Section

Scalar = bool | int | float | str
Names = str | list[str]
ALL = "*"
WORDS = ("unix", "unix_ms", "unix_us", "unix_ns", "rfc2822")  # time formats that strptime lacks
DIRECTIVES = set("aAbBdfGHIjmMpqSuUVwWyYzZ%")  # of strptime; q is the quarter


class Shape(Section, coerce_numbers_to_str=True):
    """How the rows of a source become readings, states or a ranking.

    `time`, `series` and `value` name a column or several; "" means none.
    """

    time: Names = "time"
    time_format: str = ""
    timezone: Zone = ZoneInfo("UTC")
    series: Names = "series"
    value: Names = "value"
    columns: Literal["series", "time"] = "series"
    drop: list[str] = Field([])
    where: dict[str, Scalar | list[Scalar]] = Field({})
    missing: list[Scalar] = Field([])
    aggregate: Literal["", "count", "sum", "mean", "min", "max"] = ""
    every: Literal["", "month", "quarter", "year"] | Period = ""

    @property
    def times(self) -> list[str]:
        """The columns that hold the time; none for a table without one."""
        return _listed(self.time)

    @property
    def keys(self) -> list[str]:
        """The columns whose values name a series."""
        return _listed(self.series)

    @property
    def values(self) -> list[str]:
        """The columns of values; `["*"]` stands for all others."""
        return _listed(self.value)

    @property
    def signs(self) -> tuple[str, str]:
        """The decimal and the thousands sign of numbers that are text."""
        return ".", ""

    @field_validator("time_format")
    @classmethod
    def _known(cls, value: str) -> str:
        if value in ("", *WORDS):
            return value
        found = re.findall("%(.?)", value)
        if not found or (unknown := [it for it in found if it not in DIRECTIVES]):
            wrong = f'it has no directive "%{unknown[0]}"' if found else "it is no format"
            raise ValueError(
                f'{wrong}: write it as strptime does, as in "%d.%m.%Y %H:%M" or "%Y Q%q", '
                f"or one of {', '.join(WORDS)}"
            )
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.aggregate) != bool(self.every):
            raise ValueError(
                'aggregate and every belong together, as in aggregate = "count" and every = "1d"'
            )
        if not self.values and self.aggregate != "count":
            raise ValueError('without a value, rows can only be counted: set aggregate = "count"')
        if self.aggregate and not (self.times or self.columns == "time"):
            raise ValueError("aggregate needs the column that holds the time: set time")
        if self.columns == "time" and not self.values:
            raise ValueError('columns = "time" needs the columns: set value, as in value = "*"')
        if not (self.times or self.keys or self.columns == "time"):
            raise ValueError("without a time, each row needs a name: set series")
        return self


def _listed(names: Names) -> list[str]:
    return names if isinstance(names, list) else [names] if names else []
