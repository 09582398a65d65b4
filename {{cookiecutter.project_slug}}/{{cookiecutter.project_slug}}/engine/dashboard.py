"""The dashboard: the user's modules, and the one place where all parts are wired together."""

import gc
import inspect
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from . import log
from .alerts.conditions import Conditions
from .config import secret_values
from .config.types import SettingError
from .data.access import Data
from .data.documents import Folder
from .data.memory_store import MemoryStore
from .data.snapshot import Snapshot
from .data.store import Store, open_store
from .diagnostics import log_file, redaction
from .refresh import pipeline
from .refresh.executors import open_executor
from .refresh.listeners import Listener
from .refresh.pipeline import Pipeline
from .refresh.scheduler import Scheduler
from .settings import CONFIG, AnySettings

if TYPE_CHECKING:  # a process that only refreshes does not need Dash
    from dash import Dash

    from .alerts.watch import Watch

    CreateApp = Callable[[Any, Data], Dash]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dashboard:
    """The parts that make up a dashboard. Creating one opens and starts nothing.

    `name` is used for its cookie, Redis keys and metrics. Each of `listeners` is called after each
    refresh, with the status and the newest snapshot. `conditions` returns a level and a text for
    each series, from which alerts follow.
    """

    name: str
    settings: type[AnySettings]
    pipeline: Pipeline
    listeners: Sequence[Listener] = ()
    conditions: Conditions = lambda _tables: {}

    def load(
        self,
        config: Path = CONFIG,
        server: Mapping[str, Any] | None = None,
        schedule_only: bool = False,
    ) -> AnySettings:
        """Read the settings and configure logging. Raises SettingError."""
        settings = self.settings.load(config, server)
        redaction.hide(secret_values.find(settings))
        file = settings.log.file  # a schedule beside its servers has one of its own
        file = log_file.of_schedule(file) if schedule_only else file
        log.configure(settings.log.model_copy(update={"file": file}))
        for name, meant in self.settings.near_misses().items():
            text = "the environment variable %s has no effect: if it is a setting, rename it to %s"
            logger.warning(text, name, meant)
        return settings

    def schedule(
        self,
        settings: AnySettings,
        store: Store | None = None,
        is_leader: bool = True,
        listeners: Sequence[Listener] = (),
    ) -> Scheduler:
        """Create the schedule, without starting it. Raises SettingError."""
        store = store or self.open_store(settings)
        executor = open_executor(settings)
        listeners = (*listeners, *self.listeners)
        alerts = self.alerts(settings, store) if is_leader and settings.alerts.urls else None
        return Scheduler(
            settings,
            store,
            self.pipeline,
            executor,
            listeners,
            is_leader=is_leader,
            alerts=alerts,
        )

    def alerts(self, settings: AnySettings, store: Store) -> "Watch":
        """Create the sender of alerts without starting it. Raises SettingError."""
        from .alerts import services
        from .alerts.record import Record
        from .alerts.watch import Watch

        opened = services.open_services(settings.alerts.urls)
        data = Data(store, self.pipeline.tables)
        record = Record(store, len(opened))
        if settings.store.url == "memory://":  # so that nothing is sent again after a restart
            config = settings.config
            refuse_read_only(config)
            folder = Folder(config.parent, Lock(), f"{config.stem}.")
            record = Record(folder, len(opened), shared=False)
        return Watch(settings, store, record, data, self.conditions, opened)

    def refresh_once(self, settings: AnySettings) -> Snapshot:
        """Return the result of a first refresh."""
        return pipeline.refresh_once(self.pipeline, settings).snapshot

    def data(self, snapshot: Snapshot | None) -> Data:
        """Return a snapshot as pages see it, for tests."""
        return Data(MemoryStore(snapshot), self.pipeline.tables)

    def open_store(self, settings: AnySettings) -> Store:
        """Open the store. Raises SettingError."""
        return open_store(settings.store.url, self.name, self.pipeline.tables)

    def build(
        self,
        settings: AnySettings,
        create_app: "CreateApp",
        store: Store | None = None,
        debug: bool = False,
    ) -> "tuple[Dash, Scheduler]":
        """Create the app and its schedule, without starting them. Raises SettingError."""
        from flask_compress import Compress

        from .web import (
            auth,
            bundles,
            csp,
            health,
            metrics,
            middleware,
            not_found,
            polling,
            validation,
            views,
        )
        from .web.fast_path import FastPath
        from .web.release import release
        from .web.shared_views import SharedViews
        from .web.view_urls import ViewUrls

        if settings.refresh.standalone and store is None:
            refuse_memory(settings, "A standalone schedule")
        counters = metrics.Metrics(self.name) if settings.server.metrics else None
        store = store or self.open_store(settings)
        schedule = self.schedule(
            settings,
            store,
            is_leader=not settings.refresh.standalone,
            listeners=[counters.after_refresh] if counters else [],
        )

        data = Data(store, self.pipeline.tables)
        app = create_app(settings, data)
        views.refuse_wrapped(app)
        views.refuse_replaced(app)
        server = app.server
        secret_key = settings.server.secret_key.get_secret_value()
        server.secret_key = secret_key or server.secret_key or os.urandom(32)
        server.config["MAX_CONTENT_LENGTH"] = settings.server.max_body_bytes

        not_found.install(app, settings.app.title)
        validation.Validation(app)
        compress, fast_path = Compress(server), FastPath(app)
        bundles.install(app)
        shared = SharedViews(app, compress, fast_path, settings.server)
        code = release(Path(inspect.getfile(create_app)).parent, settings)
        urls = ViewUrls(app, data, shared, fast_path, code)
        polling.install(app, settings, store, fast_path, code)
        server.register_blueprint(health.blueprint(settings, store))
        server.register_blueprint(csp.blueprint(app, settings.server))
        auth.install(app, self.name, settings, fast_path)
        if counters:
            counters.install(app, settings, store, shared)
        else:
            metrics.install_off(app)
        if debug:
            app.enable_dev_tools(
                debug=True,
                dev_tools_disable_version_check=True,  # it would query a server of Plotly's
                dev_tools_hot_reload_max_retry=10_000,  # a page waits as long as the reloader does
            )
        _warm_up(app)  # after this, Flask accepts no more routes and hooks
        middleware.install(app, settings)
        if counters:
            server.wsgi_app = counters.counted(server.wsgi_app)
        fast_path.seal()
        urls.announce()
        return app, schedule


def refuse_memory(settings: AnySettings, who: str) -> None:
    """Reject the store that other processes cannot see. Raises SettingError."""
    if settings.store.url == "memory://":
        raise SettingError(
            f'{who} cannot use store.url = "memory://", which other processes cannot see: '
            'set it to "file://store", or to "redis://" and a host.'
        )


def refuse_read_only(config: Path) -> None:
    """Check that the record of alerts can be written beside a file. Raises SettingError."""
    try:
        with tempfile.TemporaryFile(dir=config.parent):
            pass
    except OSError as error:
        raise SettingError(
            f"{config.stem}.alerts.json cannot be written beside {config.name} ({error.strerror}): "
            'set store.url to "file://" and a folder that can be written to.'
        ) from error


def _warm_up(app: "Dash") -> None:
    from werkzeug.exceptions import HTTPException
    from werkzeug.test import Client  # Flask's imports a debugger and a parser of email

    # Dash sets itself up at its first request, and two concurrent first requests race
    # (plotly/dash#3971), so this one comes first. With pages, it completes the application, so
    # that the headers can name all of its scripts. An error here must stop the startup.
    config = app.server.config
    before, config["PROPAGATE_EXCEPTIONS"] = config["PROPAGATE_EXCEPTIONS"], True
    with suppress(HTTPException):  # one of the user's hooks may reject it
        Client(app.server).get("/healthz", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    config["PROPAGATE_EXCEPTIONS"] = before
    sys.setswitchinterval(0.001)  # a busy view delays quick requests for less long
    gc.freeze()  # scanning all that is loaded for garbage took longer than drawing a view
