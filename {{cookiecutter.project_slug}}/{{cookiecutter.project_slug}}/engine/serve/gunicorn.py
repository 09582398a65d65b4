"""Serving with gunicorn: its settings, and hooks that start and stop the schedule."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..config.types import SettingError
from ..dashboard import Dashboard, refuse_memory
from ..diagnostics.errors import describe
from ..settings import AnySettings
from ..web import auth
from . import waitress_server

if TYPE_CHECKING:
    from flask import Flask

    from ..dashboard import CreateApp

logger = logging.getLogger(__name__)

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def wsgi(dashboard: Dashboard, create_app: "CreateApp") -> "Flask":
    """Create a worker's application; gunicorn's hooks start and stop its schedule."""
    settings = dashboard.load()
    try:
        app, schedule = dashboard.build(settings, create_app)
    except Exception as error:  # gunicorn would print it without redaction
        logger.exception("the server has failed")
        raise SettingError(f"The server cannot start: {describe(error)}") from None
    flask: Flask = app.server
    flask.extensions["schedule"] = schedule
    return flask


def configure(dashboard: Dashboard, wsgi_app: str) -> dict[str, Any]:
    """Return gunicorn's settings, from config.toml.

    `wsgi_app` names the application in the dashboard's package, as in "server:wsgi()".
    """
    import gunicorn.http.wsgi

    wsgi_app = f"{dashboard.name}.{wsgi_app}"
    try:
        settings = dashboard.settings.load()
    except SettingError as error:
        _exit(error)
    gunicorn.http.wsgi.SERVER = ""  # hide the server's name; gunicorn has no setting for this
    _unload(wsgi_app)
    made = f"{dashboard.name}-{os.getpid()}-"
    if settings.server.metrics and METRICS_FOLDER not in os.environ:  # shared by all workers
        os.environ[METRICS_FOLDER] = tempfile.mkdtemp(prefix=made)
    server = settings.server
    return {
        "wsgi_app": wsgi_app,
        "bind": f"{server.url_host}:{server.port}",
        "workers": server.workers,
        "worker_class": "gthread",
        "threads": server.threads,
        "worker_connections": min(server.connection_limit, waitress_server.max_connections()),
        "keepalive": int(server.channel_timeout.total_seconds()),
        "graceful_timeout": int(server.graceful_timeout.total_seconds()),
        "control_socket_disable": True,  # all dashboards of a user would share one socket
        "on_starting": lambda arbiter: _on_starting(arbiter, settings),
        "on_reload": lambda arbiter: _on_reload(arbiter, settings),
        "post_fork": _post_fork,
        "post_worker_init": _post_worker_init,
        "worker_exit": _worker_exit,
        "child_exit": _child_exit if server.metrics else lambda _arbiter, _worker: None,
        "on_exit": lambda _arbiter: _on_exit(made),
    }


def refuse_workers(settings: AnySettings, workers: int) -> None:
    """Reject workers that cannot share their data, sessions or log. Raises SettingError."""
    if workers == 1:
        return
    refuse_memory(settings, f"server.workers = {workers}")
    if not settings.server.secret_key.get_secret_value():
        raise SettingError("server.secret_key is empty: set it in .env; all workers need the same.")
    if settings.log.file:
        raise SettingError(
            f"log.file = {settings.log.file!r} can only be written by one process, but "
            f"server.workers = {workers}: leave it empty and log to the console."
        )


def _exit(error: SettingError) -> NoReturn:
    """Print the error, and exit with the code that keeps systemd from restarting the server."""
    print(error, file=sys.stderr)
    sys.exit(2)


def _unload(wsgi_app: str) -> None:
    """Unload the package, so that workers import it themselves and a reload finds new code."""
    package = wsgi_app.partition(".")[0]
    for name in [it for it in sys.modules if it.partition(".")[0] == package]:
        del sys.modules[name]


def _on_starting(arbiter: Any, settings: AnySettings) -> None:
    """Reject settings that cannot work."""
    try:
        refuse_workers(settings, arbiter.cfg.workers)
    except SettingError as error:
        _exit(error)
    if text := auth.warning(settings):
        arbiter.log.warning(text)
    _refuse_bad_reloads(arbiter)


def _refuse_bad_reloads(arbiter: Any) -> None:
    """Try each reload in another process first: a failure in the master would stop the server."""
    reload: Callable[[], None] = arbiter.reload

    def reload_if_possible() -> None:
        if reason := _reason_against_reload():
            arbiter.log.error("Not reloaded, the old workers keep running: %s", reason)
        else:
            reload()

    arbiter.reload = reload_if_possible


def _reason_against_reload() -> str:
    """Return why the settings and the code on disk cannot be loaded, or "" if they can be."""
    if sys.platform == "win32":
        return "gunicorn does not run on Windows"
    # Older versions of gunicorn reap every child, including this one, whose exit code is needed.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    try:
        with tempfile.TemporaryDirectory() as folder:
            check = subprocess.run(
                [sys.executable, "-m", "gunicorn", "--check-config", *sys.argv[1:]],
                env={**os.environ, METRICS_FOLDER: folder},
                capture_output=True,
                text=True,
                timeout=60,
            )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    return (check.stderr.strip() or f"exit code {check.returncode}") if check.returncode else ""


def _on_reload(arbiter: Any, settings: AnySettings) -> None:
    """Fall back to one worker if several cannot work."""
    try:
        refuse_workers(settings, arbiter.cfg.workers)
    except SettingError as error:
        arbiter.log.error("%s Until then there is one worker.", error)
        arbiter.cfg.set("workers", 1)
        arbiter.num_workers = 1


def _post_fork(arbiter: Any, worker: Any) -> None:
    """Keep retrying a worker that cannot boot, unless it is one of the first."""
    if worker.age > arbiter.cfg.workers:
        # gunicorn would stop the master on either of its own exit codes.
        arbiter.WORKER_BOOT_ERROR = arbiter.APP_LOAD_ERROR = 1


def _post_worker_init(worker: Any) -> None:
    """Start the schedule, which must follow the fork because threads do not survive one."""
    worker.wsgi.extensions["schedule"].start()
    worker.log.info("Worker ready (pid: %s)", worker.pid)


def _worker_exit(_arbiter: Any, worker: Any) -> None:
    """Stop the schedule and release the lease."""
    if hasattr(worker, "wsgi"):
        worker.wsgi.extensions["schedule"].stop()


def _child_exit(_arbiter: Any, worker: Any) -> None:
    """Drop the gauges of a worker that has exited."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def _on_exit(made: str) -> None:
    """Remove the folder with the workers' metrics, if this process created it."""
    folder = Path(os.environ.get(METRICS_FOLDER, ""))
    if folder.name.startswith(made):
        shutil.rmtree(folder, ignore_errors=True)
