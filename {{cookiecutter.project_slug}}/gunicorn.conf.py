"""Serve by gunicorn, as config.toml says: gunicorn -c gunicorn.conf.py (not on Windows)."""

from {{ cookiecutter.project_slug }} import reading, server, setting

try:
    settings = setting.load(server.CONFIG, reading.Source, {})
except setting.SettingError as error:
    raise SystemExit(str(error)) from None

wsgi_app = "{{ cookiecutter.project_slug }}.server:wsgi()"
bind = f"{settings.server.host}:{settings.server.port}"
workers = settings.server.workers
worker_class = "gthread"
threads = settings.server.threads
worker_connections = settings.server.connection_limit
keepalive = int(settings.server.channel_timeout.total_seconds())
graceful_timeout = 10
control_socket_disable = True  # it would be one for all dashboards of a user


def on_starting(arbiter):
    """Refuse what cannot work: workers that do not see each other's data or sessions."""
    if arbiter.cfg.workers == 1:
        return
    try:
        server.refuse_memory(settings, f"server.workers = {arbiter.cfg.workers}")
    except setting.SettingError as error:
        raise SystemExit(str(error)) from None
    if not settings.server.secret_key.get_secret_value():
        raise SystemExit("server.secret_key is empty: set one in .env, for all workers.")


def post_worker_init(worker):
    """Start the schedule; only now, since threads do not survive a fork."""
    worker.wsgi.extensions["schedule"].start()


def worker_exit(_arbiter, worker):
    """Stop the schedule, and give back the lease."""
    if hasattr(worker, "wsgi"):
        worker.wsgi.extensions["schedule"].stop()
