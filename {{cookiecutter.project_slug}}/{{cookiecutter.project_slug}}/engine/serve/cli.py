"""The command-line interfaces of server.py, schedule.py, reading.py and alerts.py."""

import argparse
import contextlib
import gc
import getpass
import inspect
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..config.types import SettingError
from ..dashboard import Dashboard, refuse_memory
from ..diagnostics import log_file, redaction
from ..refresh.scheduler import Scheduler
from ..settings import CONFIG, AnySettings

if TYPE_CHECKING:
    from ..dashboard import CreateApp

logger = logging.getLogger(__name__)


def serve(dashboard: Dashboard, create_app: "CreateApp", argv: list[str] | None = None) -> int:
    """Serve the page and refresh its data until Ctrl-C or SIGTERM; return an exit code.

    The exit code is 0 after a stop, 1 after an error and 2 after an invalid setting.
    """
    gc.freeze()  # what was imported stays
    gc.enable()
    args = _parse(dashboard, "server", "Serve the dashboard and refresh its data.", argv)
    if args.hash_password:
        return _hash_password(args.hash_password)
    if args.debug:
        from . import reloader

        if not reloader.is_child():
            command = [sys.executable, *sys.orig_argv[1:]]
            folder = Path(inspect.getfile(create_app)).parent
            return reloader.run(command, lambda: _watched(args.config, folder))
    flags = {key: value for key in ("host", "port") if (value := getattr(args, key)) is not None}

    def run() -> None:
        settings = dashboard.load(args.config, flags)
        app, schedule = dashboard.build(settings, create_app, debug=args.debug)
        if args.debug:
            schedule.start()
            _announce(settings, settings.server.port)
            _debug(settings, app)
        else:
            _serve(settings, app, schedule)

    return _exit_code(dashboard, args.config, run)


def refresh(dashboard: Dashboard, argv: list[str] | None = None) -> int:
    """Refresh the data without serving pages, for servers with `refresh.standalone = true`."""
    args = _parse(dashboard, "schedule", "Refresh the data without serving pages.", argv)

    def run() -> None:
        settings = dashboard.load(args.config, schedule_only=True)
        refuse_memory(settings, "A standalone schedule")
        with _refreshing(dashboard.schedule(settings)) as stopped:
            while not stopped():
                time.sleep(0.5)  # a signal does not end it early

    return _exit_code(dashboard, args.config, run)


def preview(dashboard: str, argv: list[str] | None = None) -> int:
    """Print a preview of the source, or of another file or URL, and perhaps set it.

    `dashboard` is a path like "package.schedule:DASHBOARD". Return an exit code.
    """
    from ..refresh.preview import preview as show_preview

    found = _found(dashboard)
    parser = _parser(found, "reading", "Show what the dashboard would show, without starting it.")
    parser.add_argument(
        "location",
        nargs="?",
        default="",
        metavar="FILE|URL",
        help="a file, folder, database or URL: propose settings for it, and show what they give",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="write the proposed settings into the config file, and series.csv",
    )
    args = parser.parse_args(argv)
    return show_preview(found.settings, found.pipeline, args.config, args.location, args.write)


def test_alerts(dashboard: str, argv: list[str] | None = None) -> int:
    """Send a test message to each of `[alerts] urls`; return an exit code.

    `dashboard` is a path like "package.schedule:DASHBOARD".
    """
    from ..alerts import messages, services

    found = _found(dashboard)
    args = _parse(found, "alerts", "Send a test message to each of [alerts] urls.", argv)
    failed = []

    def run() -> None:
        settings = found.load(args.config, schedule_only=True)
        if not settings.alerts.urls:
            raise SettingError("alerts.urls is empty: set it in .env; docs/alerts.md has examples.")
        for service in services.open_services(settings.alerts.urls):
            reason = service.send(messages.trial(settings))
            print(f"{service.name}: {reason or 'sent'}")
            failed.extend([service] if reason else [])

    return _exit_code(found, args.config, run) or int(bool(failed))


def _found(dashboard: str) -> Dashboard:
    module, _, name = dashboard.partition(":")
    found: Dashboard = getattr(import_module(module), name)
    return found


def _parser(dashboard: Dashboard, module: str, text: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(f"python -m {dashboard.name}.{module}", description=text)
    parser.add_argument(
        "--config", type=Path, default=CONFIG, help="the config file; .env is beside it"
    )
    return parser


def _parse(
    dashboard: Dashboard, module: str, text: str, argv: list[str] | None
) -> argparse.Namespace:
    """Parse the command line; options not given fall back to the other settings."""
    parser = _parser(dashboard, module, text)
    if module == "server":
        parser.add_argument("--host", help="address to listen on (0.0.0.0: all addresses)")
        parser.add_argument("--port", help="port to listen on (0: any free port)")
        parser.add_argument(
            "--debug", action="store_true", help="reload on every change, show errors on the page"
        )
        parser.add_argument(
            "--hash-password", metavar="USER", help="print the setting that lets a user log in"
        )
    return parser.parse_args(argv)


def _exit_code(dashboard: Dashboard, config: Path, run: Callable[[], None]) -> int:
    """Run the program, report a fatal error, and return the exit code."""
    try:
        run()
    except SettingError as error:
        text = redaction.redact(str(error))
        print(text, file=sys.stderr)
        variable = f"{dashboard.settings.env_prefix()}LOG__FILE"
        log_file.write(log_file.named_in(config, variable), text)
        return 2
    except Exception:  # Python would print it with secrets
        logger.exception("the server has failed")
        return 1
    return 0


def _serve(settings: AnySettings, app: Any, schedule: Scheduler) -> None:
    """Serve with waitress; finish running requests before returning."""
    from ..web import auth
    from . import waitress_server

    server = waitress_server.listen(app.server, settings.server)
    if text := auth.warning(settings):
        logger.warning(text)
    if settings.server.workers > 1:
        text = "server.workers = %d needs gunicorn -c gunicorn.conf.py: this is one process"
        logger.warning(text, settings.server.workers)
    with _refreshing(schedule) as stopped:
        _announce(settings, waitress_server.port(server))
        seconds = settings.server.graceful_timeout.total_seconds()
        waitress_server.run(server, stopped, seconds)


def _debug(settings: AnySettings, app: Any) -> None:
    """Serve with Dash's development server."""
    app.server.run(
        settings.server.host,
        settings.server.port,
        debug=True,
        use_reloader=False,
        use_evalex=False,  # its console runs any code, without a password
    )


def _watched(config: Path, folder: Path) -> list[Path]:
    """Return the files that --debug watches; Dash itself watches scripts and styles."""
    static_data = (folder / "assets" / "static_data").glob("*")
    return [config, config.with_name(".env"), *folder.rglob("*.py"), *static_data]


def _announce(settings: AnySettings, port: int) -> None:
    host, path = settings.server.url_host, settings.server.url_prefix.rstrip("/")
    logger.info("serving at http://%s:%s%s (press Ctrl-C to stop)", host, port, path)


@contextlib.contextmanager
def _refreshing(schedule: Scheduler) -> Iterator[Callable[[], bool]]:
    """Run the schedule during the block; the function returns true after Ctrl-C or SIGTERM."""
    stopped = False

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True  # setting an Event could wait forever for a lock that this thread holds
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)  # a second Ctrl-C ends the program immediately

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    schedule.start()
    try:
        yield lambda: stopped
    finally:
        schedule.stop()
        logger.info("stopped")
        # Python would restore the default on exit, and the exit code would not be 0.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _hash_password(user: str) -> int:
    """Ask for a password, and print the line of config.toml that lets the user log in."""
    from werkzeug.security import generate_password_hash

    terminal = sys.stdin.isatty()
    password = getpass.getpass() if terminal else sys.stdin.readline().rstrip("\r\n")
    if not password or (terminal and getpass.getpass("Again: ") != password):
        print("The password is empty, or the two differ: try again.", file=sys.stderr)
        return 2
    print(f'users = {{ {json.dumps(user)} = "{generate_password_hash(password)}" }}')
    return 0
