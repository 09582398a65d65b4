"""`/metrics` for Prometheus."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from dash import Dash
from flask import Response

from ..config.extras import extra
from ..data import freshness
from ..data.snapshot import Snapshot, now_utc
from ..data.status import Status
from ..data.store import Store
from ..settings import AnySettings
from .shared_views import SharedViews

BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)  # seconds
METHODS = {"GET", "HEAD", "POST"}  # clients may send any others


def install_off(app: Dash) -> None:
    """Answer `/metrics` with 404; without a route, it would be a page or need a password."""

    def metrics_off() -> Response:
        text = "Metrics are off: set server.metrics = true.\n"
        return Response(text, 404, mimetype="text/plain")

    app.server.add_url_rule("/metrics", "metrics_off", metrics_off)


class Metrics:
    """Counts what happens in this process, or in all gunicorn workers.

    The workers share PROMETHEUS_MULTIPROC_DIR, which the engine sets. All names of metrics begin
    with the dashboard's name.
    """

    def __init__(self, name: str) -> None:
        with extra("metrics", "server.metrics = true"):
            import prometheus_client as prometheus
            from prometheus_client import multiprocess
        self._prometheus, self._name = prometheus, name
        self._registry = prometheus.CollectorRegistry()
        several = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        if several:
            multiprocess.MultiProcessCollector(self._registry)
        common: dict[str, Any] = {"registry": None if several else self._registry}
        common["namespace"] = name
        self._seconds = prometheus.Histogram(
            "refresh_seconds", "Duration of refreshes", buckets=BUCKETS, **common
        )
        self._failures = prometheus.Counter("refresh_failures", "Refreshes that failed", **common)
        self._requests = prometheus.Counter(
            "requests", "Requests that were answered", ["method", "status"], **common
        )
        self._views = prometheus.Counter("views", "Views that were answered", ["cache"], **common)
        self._cache_bytes = prometheus.Gauge(
            "cache_bytes", "Size of the cached views", multiprocess_mode="livesum", **common
        )

    def after_refresh(self, status: Status, _snapshot: Snapshot | None) -> None:
        """Count a refresh; a listener of the schedule."""
        if status.error:
            self._failures.inc()
        else:
            self._seconds.observe(status.takes.total_seconds())

    def install(
        self, app: Dash, settings: AnySettings, store: Store, views: SharedViews | None
    ) -> None:
        """Count views, and answer `/metrics`."""
        self._registry.register(_Data(self._prometheus, self._name, settings, store))
        if views:

            def count(hit: bool) -> None:
                self._views.labels("hit" if hit else "miss").inc()
                self._cache_bytes.set(views.size)

            views.on_response = count
        app.server.add_url_rule("/metrics", "metrics", self._metrics)

    def _metrics(self) -> Response:
        data = self._prometheus.generate_latest(self._registry)
        return Response(data, content_type=self._prometheus.CONTENT_TYPE_LATEST)

    def counted(self, app: WSGIApplication) -> WSGIApplication:
        """Count the requests to an application."""

        def counted(
            environ: WSGIEnvironment, start_response: Callable[..., Any]
        ) -> Iterable[bytes]:
            method = environ["REQUEST_METHOD"]

            def start(status: str, *args: Any) -> Any:
                self._requests.labels(method if method in METHODS else "other", status[:3]).inc()
                return start_response(status, *args)

            return app(environ, start)

        return counted


class _Data:
    """Describes the data at the time of a scrape."""

    def __init__(self, prometheus: Any, name: str, settings: AnySettings, store: Store) -> None:
        self._family, self._name = prometheus.metrics_core.GaugeMetricFamily, name
        self._settings, self._store = settings, store

    def collect(self) -> Iterator[Any]:
        snapshot = self._store.latest()
        if snapshot is None:
            return
        age = freshness.check(self._settings, self._store, now_utc()).age_seconds
        if age is not None:
            name = f"{self._name}_data_age_seconds"
            yield self._family(name, "Age of the newest reading", value=age)
        rows = self._family(f"{self._name}_rows", "Rows of the newest data", labels=["table"])
        for table, data in snapshot.tables.items():
            rows.add_metric([table], len(data))
        yield rows
