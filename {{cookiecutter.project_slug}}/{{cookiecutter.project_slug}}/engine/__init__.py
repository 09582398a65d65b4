"""The engine: keeps the data fresh and the page live. `page` has the building blocks of pages."""

from .alerts.changes import Condition
from .config.types import (
    DatabaseUrl,
    Duration,
    Location,
    Period,
    Ranges,
    Secret,
    SettingError,
    Zone,
)
from .dashboard import Dashboard
from .data.snapshot import EPOCH, Snapshot, Tables, now_utc
from .data.status import Outcome, Status
from .data.tables import TEXT, UTC, DataError, Table
from .data.times import read_from
from .data.window import Window
from .refresh.pipeline import Pipeline
from .settings import App, Section, Settings

__all__ = [
    "EPOCH",
    "TEXT",
    "UTC",
    "App",
    "Condition",
    "Dashboard",
    "DataError",
    "DatabaseUrl",
    "Duration",
    "Location",
    "Outcome",
    "Period",
    "Pipeline",
    "Ranges",
    "Secret",
    "Section",
    "SettingError",
    "Settings",
    "Snapshot",
    "Status",
    "Table",
    "Tables",
    "Window",
    "Zone",
    "now_utc",
    "read_from",
]
