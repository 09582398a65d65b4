"""What is known about the columns that may hold the time."""

from dataclasses import dataclass, field

YEAR, MONTH, DAY, CLOCK = 1, 2, 3, 4  # how precise a time is
UNKNOWN = "?"  # a format that no setting can describe


@dataclass(frozen=True)
class Times:
    """Columns that hold the time, together; `names`: the columns whose names are times."""

    columns: list[str]
    format: str
    precision: int
    aware: bool = False  # its values have a zone
    names: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
