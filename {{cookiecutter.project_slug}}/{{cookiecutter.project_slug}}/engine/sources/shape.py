"""The keys of `[source]` that describe what a source's columns mean; all sources share them."""

from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from ..config.types import Period, Zone
from ..settings import Section

Scalar = bool | int | float | str
Names = str | list[str]
ALL = "*"


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
        return self


def _listed(names: Names) -> list[str]:
    return names if isinstance(names, list) else [names] if names else []
