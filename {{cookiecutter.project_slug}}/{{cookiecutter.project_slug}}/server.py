"""The server: the page and its schedule."""

import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def main(argv: list[str] | None = None) -> int:
    """Serve with waitress."""
    gc.disable()  # imports make little garbage, but much to scan; `cli.serve` enables it again
    from .app import create_app
    from .engine.serve import cli
    from .schedule import DASHBOARD

    return cli.serve(DASHBOARD, create_app, argv)


def wsgi() -> "Flask":
    """Create the application for gunicorn."""
    from .app import create_app
    from .engine.serve import gunicorn
    from .schedule import DASHBOARD

    return gunicorn.wsgi(DASHBOARD, create_app)


if __name__ == "__main__":
    sys.exit(main())
