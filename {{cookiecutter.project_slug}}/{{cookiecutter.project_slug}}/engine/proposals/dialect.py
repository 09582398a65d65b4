"""How the text of a table is written."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Dialect:
    """pandas' options for reading a text (those that differ from its defaults), and more.

    `units`: the unit of each column, from a row below the header; `texts`: the columns that only
    look like numbers, such as 01.02.2026 and 007.
    """

    read: dict[str, Any] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
