"""Serve by gunicorn, as config.toml says: gunicorn -c gunicorn.conf.py (not on Windows)."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import gunicorn.http.wsgi

from {{ cookiecutter.project_slug }} import auth, listen, reading, server, setting


def end(error):
    """Say what is wrong, and end with what systemd does not start anew."""
    print(error, file=sys.stderr)
    sys.exit(2)


try:
    settings = setting.load(setting.CONFIG, reading.Source, {})
except setting.SettingError as error:
    end(error)

wsgi_app = "{{ cookiecutter.project_slug }}.server:wsgi()"
bind = f"{settings.server.url_host}:{settings.server.port}"
workers = settings.server.workers
worker_class = "gthread"
threads = settings.server.threads
worker_connections = min(settings.server.connection_limit, listen.room())
keepalive = int(settings.server.channel_timeout.total_seconds())
graceful_timeout = int(settings.server.graceful_timeout.total_seconds())
gunicorn.http.wsgi.SERVER = ""  # no setting does: nobody needs to know what serves
control_socket_disable = True  # it would be one for all dashboards of a user

# The workers import the package themselves, so that a reload brings what was changed in it.
for name in [it for it in sys.modules if it.partition(".")[0] == server.__package__]:
    del sys.modules[name]


MADE = f"{server.__package__}-{os.getpid()}-"
if settings.server.metrics and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    # Where the workers count together.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=MADE)


def on_starting(arbiter):
    """Refuse what cannot work."""
    try:
        server.refuse_workers(settings, arbiter.cfg.workers)
    except setting.SettingError as error:
        end(error)
    if said := auth.warning(settings):
        arbiter.log.warning(said)
    refuse_bad_reloads(arbiter)


def refuse_bad_reloads(arbiter):
    """Try a reload in a process of its own first: in the master, a failure would end all."""
    reload = arbiter.reload

    def reload_if_possible():
        if said := reason_against_reload():
            arbiter.log.error("Not reloaded, the old workers go on: %s", said)
        else:
            reload()

    arbiter.reload = reload_if_possible


def reason_against_reload():
    """Return why the settings and the code on the disk cannot be loaded, or "" if they can be."""
    # Older versions of gunicorn collect any child that ends, and with it how this one has ended.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    try:
        with tempfile.TemporaryDirectory() as folder:
            tried = subprocess.run(
                [sys.executable, "-m", "gunicorn", "--check-config", *sys.argv[1:]],
                env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder},
                capture_output=True,
                text=True,
                timeout=60,
            )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    return (tried.stderr.strip() or f"exit code {tried.returncode}") if tried.returncode else ""


def on_reload(arbiter):
    """Go on with one worker rather than with what cannot work."""
    try:
        server.refuse_workers(settings, arbiter.cfg.workers)
    except setting.SettingError as error:
        arbiter.log.error("%s Until then there is one worker.", error)
        arbiter.cfg.set("workers", 1)
        arbiter.num_workers = 1


def post_fork(arbiter, worker):
    """Have a worker that cannot start tried again, unless it is one of the first."""
    if worker.age > arbiter.cfg.workers:
        arbiter.WORKER_BOOT_ERROR = arbiter.APP_LOAD_ERROR = 1  # those two would end the master


def post_worker_init(worker):
    """Start the schedule; only now, since threads do not survive a fork."""
    worker.wsgi.extensions["schedule"].start()


def worker_exit(_arbiter, worker):
    """Stop the schedule, and give back the lease."""
    if hasattr(worker, "wsgi"):
        worker.wsgi.extensions["schedule"].stop()


def child_exit(_arbiter, worker):
    """Forget what only a living worker has."""
    if settings.server.metrics:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)


def on_exit(_arbiter):
    """Leave no file behind."""
    folder = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""))
    if folder.name.startswith(MADE):
        shutil.rmtree(folder, ignore_errors=True)
