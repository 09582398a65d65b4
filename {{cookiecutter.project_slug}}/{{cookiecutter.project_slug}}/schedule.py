"""What is refreshed, and what happens after each refresh."""

import sys

from . import alerts, preprocess, reading
from .engine import Dashboard, Pipeline, Snapshot, Status
from .engine.serve import cli
from .setting import Settings


def after_refresh(status: Status, snapshot: Snapshot | None) -> None:
    """Called after each refresh. Put your own actions here, such as writing a file."""


DASHBOARD = Dashboard(
    name=__package__,
    settings=Settings,
    pipeline=Pipeline(read=reading.read, clean=preprocess.clean, tables=preprocess.TABLES),
    listeners=[after_refresh],
    conditions=alerts.conditions,
)


def main(argv: list[str] | None = None) -> int:
    """Refresh the data without serving pages."""
    return cli.refresh(DASHBOARD, argv)


if __name__ == "__main__":
    sys.exit(main())
