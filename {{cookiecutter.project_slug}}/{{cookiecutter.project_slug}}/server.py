"""The start: settings, log, store, schedule and page, wired together and served by waitress."""

import argparse
import gc
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from dash import Dash

from . import health, log, reading, setting
from .app import create_app
from .listen import listen, port
from .schedule import Schedule
from .setting import SettingError, Settings
from .store import open_store
from .worker import open_worker

logger = logging.getLogger(f"{__package__}.server")


def main(argv: list[str] | None = None) -> int:
    """Serve until stopped; 0 after Ctrl-C or SIGTERM, 2 if a setting cannot be used."""
    args = parse(argv)
    flags = {key: value for key in ("host", "port") if (value := getattr(args, key)) is not None}
    try:
        settings = setting.load(args.config, reading.Source, flags)
        log.configure(settings.log)
        app, schedule = build(settings)
        (debug if args.debug else serve)(settings, app, schedule)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line; what is not given is left to the other settings."""
    parser = argparse.ArgumentParser(f"python -m {__package__}.server", description=__doc__)
    parser.add_argument("--host", help="address to listen on (0.0.0.0: all of this machine's)")
    parser.add_argument("--port", help="port to listen on (0: any free one)")
    parser.add_argument("--config", type=Path, default=Path("config.toml"), help="the config file")
    parser.add_argument(
        "--debug", action="store_true", help="develop: reload on every change, errors in the page"
    )
    return parser.parse_args(argv)


def build(settings: Settings) -> tuple[Dash, Schedule]:
    """Wire the parts together; the schedule is not started yet."""
    store = open_store(settings.store.url)
    schedule = Schedule(settings, store, open_worker(settings.refresh.worker))
    app = create_app(settings, store)
    app.server.secret_key = settings.server.secret_key.get_secret_value() or os.urandom(32)
    app.server.register_blueprint(health.blueprint(settings, store))
    return app, schedule


def serve(settings: Settings, app: Dash, schedule: Schedule) -> None:
    """Serve with waitress until Ctrl-C or SIGTERM; running requests are finished."""
    # Dash sets itself up at its first request, and two first ones at once race (plotly/dash#3971).
    app.server.test_client().get("/")
    gc.freeze()  # to look for garbage among all that is loaded took longer than to draw a view
    server = listen(app.server, settings.server)
    signal.signal(signal.SIGTERM, _exit)
    schedule.start()
    try:
        host = settings.server.host
        logger.info("serving at http://%s:%s (Ctrl-C ends it)", host, port(server))
        server.run()
    finally:
        schedule.stop()
        logger.info("stopped")


def debug(settings: Settings, app: Dash, schedule: Schedule) -> None:
    """Serve with Dash's development server, which runs this program again at every change."""
    if os.environ.get("WERKZEUG_RUN_MAIN") == "true":  # only in the program that it runs
        schedule.start()
    app.run(
        host=settings.server.host,
        port=settings.server.port,
        debug=True,
        dev_tools_disable_version_check=True,  # which would ask a server of Plotly's
        extra_files=[str(settings.config)],
    )


def _exit(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
