"""Gives views URLs, so that browsers, proxies and CDNs can cache what all viewers share."""

import json
import re
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from dash import Dash
from flask import Response, abort, request

from ..data.access import Data
from ..data.snapshot import Tables
from .dash_internals import find_callback, outputs
from .fast_path import PUBLIC, FastPath
from .response_cache import CachedResponse
from .shared_views import Query, SharedViews, sent
from .views import BoundView, views_of

# The response to a URL never changes, but a login that is set up later must end the sharing.
LIFETIME = "max-age=3600, immutable"
PARAMETERS = ["code", "version", "output", "values"]
LONGEST = 8_000  # characters; pages use POST from 2,000
MOST, SHORT = 2_000, 500  # parsed URLs that are remembered, and their characters


class Asked(NamedTuple):
    """What a URL asks for, and whether it names this release and the newest data."""

    query: Query
    is_newest: bool


class ViewUrls:
    """Answers `GET _view?code=...&version=...&output=...&values=...`.

    `code` identifies the release, and `values` is the JSON of the choices. Caches may store a
    response only if this release made it from that version, no login is required, and nothing about
    the viewer can affect it.
    """

    def __init__(
        self, app: Dash, data: Data, shared: SharedViews, fast_path: FastPath, code: str
    ) -> None:
        self._app, self._data, self._shared, self._code = app, data, shared, code
        self._fast_path = fast_path
        self._parsed: tuple[Tables | None, dict[str, Asked]] = None, {}
        self._names = {name for name, it in views_of(app).items() if _has_plain_ids(name, it)}
        path = f"{app.config.routes_pathname_prefix}_view"
        app.server.add_url_rule(path, "view_url", self._view)
        fast_path.add("GET", path, "view_url", self._cached)

    def announce(self) -> None:
        """Tell pages which views have URLs: none if caches may not store the responses.

        A proxy's cache would let viewers wait for each other's responses, and then drop them.
        """
        names = sorted(self._names) if self._fast_path.is_public("view_url") else []
        self._app.config.meta_tags.append(
            {"name": "views", "content": orjson.dumps(names).decode()}
        )

    def _view(self) -> Response:
        asked = self._ask(request.query_string.decode("latin-1"))
        if asked is None:
            abort(400, "The URL must name a view, its version and its choices.")
        return sent(_for_caches(self._shared.respond(asked.query), asked, request.environ))

    def _cached(self, environ: dict[str, Any]) -> CachedResponse | None:
        """Return a cached response without going through Flask, or None to leave it to `_view`."""
        asked = self._ask(environ["QUERY_STRING"])
        response = self._shared.cached(asked.query, environ) if asked else None
        return _for_caches(response, asked, environ) if asked and response else None

    def _ask(self, url: str) -> Asked | None:
        """Parse a URL; those of most viewers once per version."""
        tables = self._data.tables()
        if (parsed := self._parsed)[0] is not tables:
            parsed = self._parsed = tables, {}
        known = parsed[1]
        asked = known.get(url) or self._parse(url)
        if asked and asked.is_newest and len(url) <= SHORT and len(known) < MOST:
            known[url] = asked
        return asked

    def _parse(self, url: str) -> Asked | None:
        try:
            given = parse_qsl(url[:LONGEST], strict_parsing=True, max_num_fields=len(PARAMETERS))
            if len(url) > LONGEST or [name for name, _ in given] != PARAMETERS:
                return None
            code, version, output, values = (value for _, value in given)
            body = self._body(version, output, json.loads(values))
        except (ValueError, RecursionError):
            return None
        query = self._shared.query(body) if body else None
        is_newest = query is not None and (code, version) == (self._code, str(query.tables.version))
        return Asked(query, is_newest) if query else None

    def _body(self, version: str, output: str, values: Any) -> dict[str, Any] | None:
        """Return the body of the request that Dash's own client would send."""
        callback = find_callback(self._app, output) if output in self._names else None
        if callback is None or not re.fullmatch("[0-9]{1,19}", version):
            return None
        _, *choices = callback.inputs
        if not isinstance(values, list) or len(values) != len(choices) + len(callback.state):
            return None
        places = [*callback.inputs, *callback.state]
        parts = [
            {"id": it["id"], "property": it["property"], "value": value}
            for it, value in zip(places, [int(version), *values], strict=True)
        ]
        count = len(callback.inputs)
        body = {"output": output, "outputs": outputs(output), "inputs": parts[:count]}
        return {**body, "changedPropIds": [], "state": parts[count:]}


def _has_plain_ids(name: str, view: BoundView) -> bool:
    """Return whether a view has no patterns, whose ids a URL does not have."""
    return "{" not in name and all(isinstance(it.component_id, str) for it in view.choices)


def _for_caches(response: CachedResponse, asked: Asked, environ: dict[str, Any]) -> CachedResponse:
    """Allow caches to store a response if it belongs to its URL, and to everyone."""
    belongs = asked.is_newest and response.cacheable and response.status == 200
    return response.public(LIFETIME) if belongs and environ.get(PUBLIC) else response
