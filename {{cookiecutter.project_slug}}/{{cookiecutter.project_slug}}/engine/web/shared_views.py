"""Computes each view once per snapshot and set of choices, for all viewers."""

import contextlib
import inspect
import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple

import orjson
from dash import Dash
from flask import Response, make_response, request
from flask_compress import Compress
from werkzeug.test import create_environ

from .. import log
from ..data.snapshot import Tables
from ..settings import Server
from .computations import Computations, NotReady
from .dash_internals import callback_endpoint, find_callback, is_from_dash
from .fast_path import FastPath
from .response_cache import CachedResponse, ResponseCache, cache_key, to_cached
from .views import TABLES, views_of

logger = logging.getLogger(__name__)

# Lists the computations that a client waits for. Each 202 sets it, and the client sends it back:
# otherwise a view slower than the refresh would never arrive. Each server process adds its own key.
WAITS_FOR = "X-Computation"
VERSION = "X-Version"  # of the data that a response was computed from
MAX_KEYS = 8  # in that header
JSON = "application/json"


class Query(NamedTuple):
    """A request for a view: its cache key, the body for Dash, and the tables to compute it from."""

    key: str
    body: dict[str, Any]
    tables: Tables


class SharedViews:
    """Answers requests for views from a cache; Dash answers all other callbacks.

    The cache key is the request body with the server's data version, whatever version the client
    claims. Responses are computed in a request without a viewer, so no viewer can put anything into
    the cache that another must not see.
    """

    def __init__(
        self, app: Dash, compress: Compress, fast_path: FastPath, settings: Server
    ) -> None:
        self._app, self._views = app, views_of(app)
        self._cache = ResponseCache(compress, settings.cache_bytes)
        self._computations: Computations[CachedResponse] = Computations(settings.threads)
        self._version: int | None = None
        self.on_response: Callable[[bool], None] = lambda hit: None
        server, self._path = app.server, callback_endpoint(app)
        self._dash = server.ensure_sync(server.view_functions[self._path])
        server.view_functions[self._path] = self._view
        fast_path.add("POST", self._path, self._path, self._cached)

    @property
    def size(self) -> int:
        """How many bytes are cached."""
        return self._cache.size

    def query(self, payload: dict[str, Any]) -> Query | None:
        """Return the query in the body of a request, or None if it is not for a view."""
        try:
            view = self._views.get(payload["output"])
            if view is None:
                return None
            tables = view.data.tables(_version(payload["inputs"]))
            _set_version(payload["inputs"], tables.version)
            payload["changedPropIds"] = []  # depends on what this viewer changed last
            self._forget_other_versions(tables.version)
            return Query(cache_key(payload), payload, tables)
        except (LookupError, TypeError, RecursionError):
            return None  # Dash reports the error

    def respond(self, query: Query) -> CachedResponse:
        """Return the response that all viewers share, or 202 while it is being computed."""
        waited_for, hit = _keys(request.headers.get(WAITS_FOR, "")), True

        def make() -> CachedResponse:
            nonlocal hit
            hit = False
            compute = partial(self._compute, query, log.REQUEST.get())
            computation = self._computations.wait_for(query.key, compute, waited_for)
            response = computation.future.result()
            return response if computation.key == query.key else replace(response, cacheable=False)

        try:
            response = self._cache.get_or_make(query.key, make)
        except NotReady as it:
            return _not_ready(it.key, waited_for)
        self.on_response(hit)
        return response

    def cached(self, query: Query, environ: dict[str, Any]) -> CachedResponse | None:
        """Return the response without a request context, or None if `respond` must make it."""
        if cached := self._cache.get(query.key, environ.get("HTTP_ACCEPT_ENCODING", "")):
            self.on_response(True)
            return cached
        waited_for = _keys(environ.get("HTTP_X_COMPUTATION", ""))
        try:
            self._computations.raise_if_busy(query.key, waited_for)
        except NotReady as it:
            return _not_ready(it.key, waited_for)
        return None

    def _view(self, **_: Any) -> Response:
        body = request.get_data()
        query = self._query(body)
        return sent(self.respond(query)) if query else self._personal(body)

    def _personal(self, body: bytes) -> Response:
        """Return Dash's response for this viewer only."""
        if self._is_internal(body):
            return make_response(self._dash())
        try:
            with self._computations.slot():
                return make_response(self._dash())
        except NotReady:
            return _not_ready("", []).response()

    def _compute(self, query: Query, request_id: str) -> CachedResponse:
        """Compute the shared response in a request without cookies, headers or client address."""
        log.REQUEST.set(request_id)
        TABLES.set(query.tables)
        body = json.dumps(query.body)
        environ = create_environ(self._path, method="POST", data=body, content_type=JSON)
        with self._app.server.request_context(environ):
            try:
                response = make_response(self._dash())
            except Exception as error:
                response = make_response(self._app.server.handle_user_exception(error))
        if response.status_code >= 400:
            response.headers["X-Request-ID"] = request_id
        else:
            response.headers[VERSION] = str(query.tables.version)
        cached = to_cached(response, _is_complete(response, query.body))
        self._cache.put(query.key, cached)
        return cached

    def _cached(self, environ: dict[str, Any]) -> CachedResponse | None:
        """Return a cached response without going through Flask, or None to leave it to `_view`."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if not 0 < length <= (self._app.server.config["MAX_CONTENT_LENGTH"] or length):
            return None
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = BytesIO(body)
        query = self._query(body)
        return self.cached(query, environ) if query else None

    def _query(self, body: bytes) -> Query | None:
        try:
            # As Flask parses it: what differs there must differ here.
            return self.query(json.loads(body))
        except (ValueError, RecursionError):
            return None  # Dash reports the error

    def _forget_other_versions(self, version: int | None) -> None:
        if version != self._version:
            self._version = version
            self._cache.clear()

    def _is_internal(self, body: bytes) -> bool:
        """Whether a callback is Dash's own, such as the one for pages, or does not exist."""
        with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError):
            callback = find_callback(self._app, json.loads(body)["output"])
            return callback is None or is_from_dash(inspect.unwrap(callback.function))
        return True  # Dash reports the error


def sent(response: CachedResponse) -> Response:
    """Return a response for Flask; an error gets the request id that the log has."""
    result = response.response()
    if request_id := result.headers.pop("X-Request-ID", None):
        request.environ["HTTP_X_REQUEST_ID"] = request_id
    return result


def _not_ready(key: str, waited_for: list[str]) -> CachedResponse:
    keys = " ".join(dict.fromkeys([*waited_for, key]))
    headers = [("Retry-After", "1"), (WAITS_FOR, keys.strip())]
    return CachedResponse(headers, b"", 202, cacheable=False)


def _keys(header: str) -> list[str]:
    return re.findall("[0-9a-f]{128}", header)[-MAX_KEYS:]


def _is_complete(response: Response, payload: dict[str, Any]) -> bool:
    """Whether a response has a value for every output."""
    if response.status_code != 200:
        return False
    updated = orjson.loads(response.get_data()).get("response", {})
    return sum(map(len, updated.values())) >= len(_flatten(payload.get("outputs")))


def _version(inputs: list[Any]) -> int | None:
    """Return the version that a client has seen, possibly from another server."""
    versions = [it.get("value") for it in _flatten(inputs) if it["id"] == "snapshot-version"]
    return versions[0] if versions and isinstance(versions[0], int) else None


def _set_version(inputs: list[Any], version: int | None) -> None:
    for it in _flatten(inputs):
        if it["id"] == "snapshot-version":
            it["value"] = version


def _flatten(parts: Any) -> list[dict[str, Any]]:
    """Return inputs or outputs as a flat list; those of a pattern are nested."""
    parts = parts if isinstance(parts, list) else [parts]
    return [it for part in parts for it in (part if isinstance(part, list) else [part])]
