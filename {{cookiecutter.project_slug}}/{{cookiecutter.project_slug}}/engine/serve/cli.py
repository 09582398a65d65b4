"""The start: settings, log, store, schedule and page, wired together and served."""

import argparse
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import FrameType

from dash import Dash
from flask import Flask

from ..web import auth, csp, middleware, health, metrics
from . import waitress_server, reloader
from .. import log, settings
from ..diagnostics import log_file, redaction
from .... import reading
from ..config import secret_values
from ...app import create_app
from ..diagnostics.errors import describe
from ..refresh.scheduler import Scheduler
from ..config.types import SettingError
from ..settings import Settings
from ..data.store import open_store
from ..refresh.executors import open_executor

logger = logging.getLogger(f"{__package__}.server")


def main(argv: list[str] | None = None) -> int:
    """Serve until stopped; 0 after Ctrl-C or SIGTERM, 1 after an error, 2 if it is a setting."""
    args = parse(argv)
    if args.debug and not reloader.is_child():
        return reloader.run([sys.executable, *sys.orig_argv[1:]], lambda: watched(args.config))
    flags = {key: value for key in ("host", "port") if (value := getattr(args, key)) is not None}
    try:
        settings = setting.load(args.config, reading.Source, flags)
        configure_log(settings, args.schedule_only)
        app, schedule = build(settings, args.schedule_only, args.debug)
        run = refresh if args.schedule_only else debug if args.debug else serve
        run(settings, app, schedule)
    except SettingError as error:
        said = redaction.redact(str(error))
        print(said, file=sys.stderr)
        log_file.write(log_file.named_in(args.config), said)
        return 2
    except Exception:  # Python would print it with its secrets
        logger.exception("the server has failed")
        return 1
    return 0


def configure_log(settings: Settings, schedule_only: bool = False) -> None:
    """Log without secrets; a schedule that runs apart from its servers has a file of its own."""
    redaction.hide(secret_values.find(settings, reading.Source))
    file = settings.log.file
    file = log_file.of_schedule(file) if schedule_only else file
    log.configure(settings.log.model_copy(update={"file": file}))
    for name, meant in setting.near_misses(reading.Source).items():
        said = "the environment variable %s sets nothing: if it should, rename it to %s"
        logger.warning(said, name, meant)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line; what is not given is left to the other settings."""
    parser = argparse.ArgumentParser(f"python -m {__package__}.server", description=__doc__)
    parser.add_argument("--host", help="address to listen on (0.0.0.0: all of this machine's)")
    parser.add_argument("--port", help="port to listen on (0: any free one)")
    parser.add_argument(
        "--config", type=Path, default=setting.CONFIG, help="the config file; .env is beside it"
    )
    parser.add_argument(
        "--debug", action="store_true", help="develop: reload on every change, errors in the page"
    )
    parser.add_argument(
        "--schedule-only", action="store_true", help="refresh the store's data, and serve nothing"
    )
    return parser.parse_args(argv)


def build(
    settings: Settings, schedule_only: bool = False, debug: bool = False
) -> tuple[Dash, Scheduler]:
    """Wire the parts together; the schedule is not started yet. Raises SettingError."""
    if schedule_only or settings.refresh.apart:
        refuse_memory(settings, "A schedule that runs apart")
    store, worker = open_store(settings.store.url), open_executor(settings)
    counters = metrics.Metrics() if settings.server.metrics else None
    store = counters.watch(store) if counters else store
    schedule = Scheduler(settings, store, worker, is_leader=schedule_only or not settings.refresh.apart)
    app = create_app(settings, store)
    app.server.secret_key = settings.server.secret_key.get_secret_value() or os.urandom(32)
    app.server.register_blueprint(health.blueprint(settings, store))
    app.server.register_blueprint(csp.blueprint(app, settings.server))
    auth.install(app, settings)
    if counters:
        counters.install(app, settings, store)
    else:
        metrics.install_off(app)
    if debug:
        app.enable_dev_tools(
            debug=True,
            dev_tools_disable_version_check=True,  # which would ask a server of Plotly's
            dev_tools_hot_reload_max_retry=10_000,  # a page waits as long as the reloader does
        )
    _warm_up(app)  # after which Flask takes no more routes and hooks
    front.install(app, settings)
    if counters:
        app.server.wsgi_app = counters.counted(app.server.wsgi_app)
    return app, schedule


def wsgi() -> Flask:
    """Make the application for gunicorn.conf.py, which starts and stops its schedule."""
    settings = setting.load(setting.CONFIG, reading.Source, {})
    configure_log(settings)
    try:
        app, schedule = build(settings)
    except Exception as error:  # gunicorn would print it with its secrets
        logger.exception("the server has failed")
        raise SettingError(f"The server cannot start: {describe(error)}") from None
    flask: Flask = app.server
    flask.extensions["schedule"] = schedule
    return flask


def refuse_memory(settings: Settings, who: str) -> None:
    """Refuse the store that no other process can see. Raises SettingError."""
    if settings.store.url == "memory://":
        raise SettingError(
            f'{who} cannot have store.url = "memory://", which no other process sees: '
            'set it to "file://store", or to "redis://" and a host.'
        )


def refuse_workers(settings: Settings, workers: int) -> None:
    """Refuse workers that would not see each other's data, sessions or log. Raises SettingError."""
    if workers == 1:
        return
    refuse_memory(settings, f"server.workers = {workers}")
    if not settings.server.secret_key.get_secret_value():
        raise SettingError("server.secret_key is empty: set it in .env, one for all workers.")
    if settings.log.file:
        raise SettingError(
            f"log.file = {settings.log.file!r} is rotated by one process alone, and there are "
            f"server.workers = {workers}: leave it empty, and keep what gunicorn prints."
        )


def serve(settings: Settings, app: Dash, schedule: Scheduler) -> None:
    """Serve with waitress until Ctrl-C or SIGTERM; running requests are finished."""
    server = listen.listen(app.server, settings.server)
    if said := auth.warning(settings):
        logger.warning(said)
    if settings.server.workers > 1:
        said = "server.workers = %d wants gunicorn -c gunicorn.conf.py: this is one process"
        logger.warning(said, settings.server.workers)
    with _refreshing(schedule) as stopped:
        _announce(settings, listen.port(server))
        listen.run(server, stopped.is_set, settings.server.graceful_timeout.total_seconds())


def refresh(_settings: Settings, _app: Dash, schedule: Scheduler) -> None:
    """Run the schedule alone until Ctrl-C or SIGTERM, for servers with `refresh.apart = true`."""
    with _refreshing(schedule) as stopped:
        while not stopped.wait(1):  # with no end in sight Windows would not look for Ctrl-C
            pass


def debug(settings: Settings, app: Dash, schedule: Scheduler) -> None:
    """Serve with Dash's development server."""
    schedule.start()
    _announce(settings, settings.server.port)
    app.server.run(
        settings.server.host,
        settings.server.port,
        debug=True,
        use_reloader=False,
        use_evalex=False,  # a console that runs any code, and asks for no password of [auth]
    )


def watched(config: Path) -> list[Path]:
    """Return the files whose change restarts --debug; Dash itself follows scripts and styles."""
    package = Path(__file__).parent
    static_data = (package / "assets" / "static_data").glob("*")
    return [config, config.with_name(".env"), *package.rglob("*.py"), *static_data]


def _announce(settings: Settings, port: int) -> None:
    at, path = settings.server.url_host, settings.server.url_prefix.rstrip("/")
    logger.info("serving at http://%s:%s%s (Ctrl-C ends it)", at, port, path)


@contextlib.contextmanager
def _refreshing(schedule: Scheduler) -> Iterator[Event]:
    """Run the schedule during the block; the event says that Ctrl-C or SIGTERM asks for its end."""
    stopped = Event()

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(number, signal.SIG_DFL)  # the second time it ends at once

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    schedule.start()
    try:
        yield stopped
    finally:
        schedule.stop()
        logger.info("stopped")


def _warm_up(app: Dash) -> None:
    # Dash sets itself up at its first request, and two first ones at once race (plotly/dash#3971):
    # so this one comes first. With pages, it completes the application, so that the headers can
    # name all of its scripts. What fails in it must end the start.
    config = app.server.config
    before, config["PROPAGATE_EXCEPTIONS"] = config["PROPAGATE_EXCEPTIONS"], True
    app.server.test_client().get("/healthz")
    config["PROPAGATE_EXCEPTIONS"] = before
    sys.setswitchinterval(0.001)  # a busy view holds up quick requests for less
    gc.freeze()  # to look for garbage among all that is loaded took longer than to draw a view


if __name__ == "__main__":
    sys.exit(main())
