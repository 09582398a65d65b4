"""What operators look at: `/metrics`, in the format of Prometheus."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dash import Dash
from flask import Response

from . import health
from .middleware import Environ
from ..settings import Settings
from ..config.extras import extra
from ..data.status import Status
from ..data.store import Store
from ..data.snapshot import now_utc

BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)  # seconds
METHODS = {"GET", "HEAD", "POST"}  # anybody may invent others


def install_off(app: Dash) -> None:
    """Answer `/metrics` with 404; without a route it would ask for a password or show the page."""

    def metrics_off() -> Response:
        said = "Metrics are off: set server.metrics = true.\n"
        return Response(said, 404, mimetype="text/plain")

    app.server.add_url_rule("/metrics", "metrics_off", metrics_off)


class Metrics:
    """Counts what happens in this process; with several of gunicorn's, in all of them.

    These find each other by PROMETHEUS_MULTIPROC_DIR, which gunicorn.conf.py sets.
    """

    def __init__(self) -> None:
        with extra("metrics", "server.metrics = true"):
            import prometheus_client as prometheus
            from prometheus_client import multiprocess
        self._prometheus = prometheus
        self._registry = prometheus.CollectorRegistry()
        several = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        if several:
            multiprocess.MultiProcessCollector(self._registry)
        common: dict[str, Any] = {"registry": None if several else self._registry}
        self.seconds = prometheus.Histogram(
            "dashboard_refresh_seconds", "What refreshes took", buckets=BUCKETS, **common
        )
        self.failures = prometheus.Counter(
            "dashboard_refresh_failures", "Refreshes that failed", **common
        )
        self.requests = prometheus.Counter(
            "dashboard_requests", "Requests that were answered", ["method", "status"], **common
        )
        self.views = prometheus.Counter(
            "dashboard_views", "Views that were answered", ["kept"], **common
        )
        self.kept = prometheus.Gauge(
            "dashboard_kept_bytes",
            "Size of the answers that are kept for all viewers",
            multiprocess_mode="livesum",
            **common,
        )

    def watch(self, store: Store) -> Store:
        """Return a store that counts what the schedule reports to it."""
        return _Watched(store, self)

    def install(self, app: Dash, settings: Settings, store: Store) -> None:
        """Count requests and views, and answer `/metrics`."""
        self._registry.register(_Data(self._prometheus, settings, store))
        if cache := app.server.extensions.get("response_cache"):

            def count(kept: bool) -> None:
                self.views.labels("yes" if kept else "no").inc()
                self.kept.set(cache.size)

            cache.count = count

        app.server.add_url_rule("/metrics", "metrics", self._metrics)

    def _metrics(self) -> Response:
        data = self._prometheus.generate_latest(self._registry)
        return Response(data, content_type=self._prometheus.CONTENT_TYPE_LATEST)

    def counted(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """Count the requests to an application."""

        def counted(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
            method = environ["REQUEST_METHOD"]

            def start(status: str, *args: Any) -> Any:
                self.requests.labels(method if method in METHODS else "other", status[:3]).inc()
                return start_response(status, *args)

            return app(environ, start)

        return counted


class _Watched:
    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store, self._metrics = store, metrics

    def report(self, status: Status) -> None:
        if status.error:
            self._metrics.failures.inc()
        else:
            self._metrics.seconds.observe(status.takes.total_seconds())
        self._store.report(status)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class _Data:
    """Tells of the data at the moment of being asked, whichever process is."""

    def __init__(self, prometheus: Any, settings: Settings, store: Store) -> None:
        self._prometheus, self._settings, self._store = prometheus, settings, store

    def collect(self) -> Iterator[Any]:
        snapshot, family = self._store.latest(), self._prometheus.metrics_core.GaugeMetricFamily
        if snapshot is None:
            return
        age = health.check(self._settings, self._store, now_utc()).age_seconds
        if age is not None:
            yield family("dashboard_data_age_seconds", "Age of the newest reading", value=age)
        rows = family("dashboard_rows", "Rows of the newest data", labels=["table"])
        for name, table in snapshot.tables.items():
            rows.add_metric([name], len(table))
        yield rows
