"""The server: the page and its schedule."""

import sys

from flask import Flask

from .app import create_app
from .engine.serve import cli, gunicorn
from .schedule import DASHBOARD


def main(argv: list[str] | None = None) -> int:
    """Serve with waitress."""
    return cli.serve(DASHBOARD, create_app, argv)


def wsgi() -> Flask:
    """Create the application for gunicorn."""
    return gunicorn.wsgi(DASHBOARD, create_app)


if __name__ == "__main__":
    sys.exit(main())
