"""One computation per snapshot version and choices, for all viewers of a page."""

import contextlib
import inspect
import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from io import BytesIO
from typing import Any, TypeVar

import orjson
from dash import Dash
from flask import Response, make_response, request
from flask_compress import Compress

from .... import anonymous
from .. import log
from .computations import Computations, NotReady
from .response_cache import CachedResponse, ResponseCache, keep
from ..settings import Server
from .fast_path import FastPath, is_dashs
from ..data.store import Store

logger = logging.getLogger(__name__)

Callback = TypeVar("Callback", bound=Callable[..., Any])
# The computations that a client waits for, from its last 202. With several processes there is one
# of each process that was asked; otherwise a view slower than the refresh would never be delivered.
WAITS_FOR = "X-Computation"
MOST = 8  # computations in that header


class Personal(Exception):
    """An answer is for one viewer only."""


def personal(callback: Callback) -> Callback:
    """Mark a callback that goes by the session, cookies, headers or address of a request.

    It is computed for each viewer. A callback without the mark that reads one of these is detected,
    too, but only after it has been computed once for nobody.
    """
    callback.personal = True  # type: ignore[attr-defined]
    return callback


class SharedViews:
    """Answers the callbacks that take `Input("snapshot-version", "data")`.

    What is kept goes by the server's version of the data, and by what a request says besides the
    version. It is computed in a request without a client. So a viewer can neither plant an answer
    under another version nor be left with an old one, nor get what is another's.
    """

    def __init__(
        self,
        app: Dash,
        store: Store,
        compress: Compress,
        fast_path: FastPath,
        settings: Server,
        shares: bool = True,
    ) -> None:
        self._app, self._store, self._shares = app, store, shares
        self._space = ResponseCache(compress, settings.cache_bytes)
        self._computations: Computations[CachedResponse] = Computations(settings.threads)
        self._personal: set[str] = set()
        self._version: int | None = None
        server = app.server
        self._path = f"{app.config.routes_pathname_prefix}_dash-update-component"
        self._dash = server.ensure_sync(server.view_functions[self._path])
        # As a view it is behind whatever guards the server.
        server.view_functions[self._path] = self._view
        fast_path.add("POST", self._path, self._path, self._kept)
        anonymous.install(app)
        self.count: Callable[[bool], None] = lambda kept: None
        server.extensions["response_cache"] = self

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return self._space.size

    def _view(self, **_: Any) -> Response:
        body = request.get_data()
        try:
            if asked := self._asked(body):
                with contextlib.suppress(Personal):
                    return self._shared(*asked)
            return self._own(body)
        except NotReady as it:
            return _not_yet(it.key, _keys(request.headers.get(WAITS_FOR, ""))).response()

    def _shared(self, key: str, asked: dict[str, Any]) -> Response:
        """Return the answer that is for everybody. Raises Personal, and NotReady."""
        hit = True

        def make() -> CachedResponse:
            nonlocal hit
            hit = False
            compute = partial(self._compute, key, asked, log.REQUEST.get())
            waited_for = _keys(request.headers.get(WAITS_FOR, ""))
            computation = self._computations.ended(key, compute, waited_for)
            kept = computation.future.result()
            return kept if computation.key == key else replace(kept, lasts=False)

        response = self._space.response(key, make)
        self.count(hit)
        if number := response.headers.pop("X-Request-ID", None):
            request.environ["HTTP_X_REQUEST_ID"] = number  # the one that the log has
        return response

    def _own(self, body: bytes) -> Response:
        """Have Dash answer this viewer alone. Raises NotReady."""
        if self._is_quick(body):
            return make_response(self._dash())
        with self._computations.slot():
            return make_response(self._dash())

    def _compute(self, key: str, asked: dict[str, Any], number: str) -> CachedResponse:
        """Have Dash answer for everybody. Raises Personal."""
        log.REQUEST.set(number)
        response, looked_for = anonymous.respond(self._app, self._path, asked, self._dash)
        output = asked["output"]
        if looked_for:
            if output not in self._personal:
                self._personal.add(output)
                logger.warning(
                    "the callback of %s reads %s, so it is computed for each viewer: mark it with "
                    "@response_cache.personal, or use only its arguments",
                    output,
                    looked_for[0],
                )
            raise Personal
        if response.status_code >= 400:
            response.headers["X-Request-ID"] = number
        kept = keep(response, _is_whole(response, asked))
        self._space.put(key, kept)
        return kept

    def _kept(self, environ: dict[str, Any]) -> CachedResponse | None:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if not 0 < length <= (self._app.server.config["MAX_CONTENT_LENGTH"] or length):
            return None
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = BytesIO(body)
        asked = self._asked(body)
        if not asked:
            return None
        if kept := self._space.get(asked[0], environ.get("HTTP_ACCEPT_ENCODING", "")):
            self.count(True)
            return kept
        waited_for = _keys(environ.get("HTTP_X_COMPUTATION", ""))
        try:
            self._computations.refuse_in_a_crowd(asked[0], waited_for)
        except NotReady as it:
            return _not_yet(it.key, waited_for)
        return None

    def _asked(self, body: bytes) -> tuple[str, dict[str, Any]] | None:
        """Return the key of a shared answer and what is asked; None if the request is not for one.

        What is asked names the server's version, whatever a client has claimed.
        """
        if not self._shares:
            return None
        try:
            asked = json.loads(body)  # as Flask does: what differs for it must differ here
            output = asked["output"]
            if output in self._personal or not _is_shared(self._app.callback_map[output]):
                return None
            _set_version(asked["inputs"], self._newest(_version(asked["inputs"])))
            return blake2b(repr(asked).encode()).hexdigest(), asked
        except (ValueError, LookupError, TypeError, RecursionError):
            return None  # Dash says what is wrong

    def _is_quick(self, body: bytes) -> bool:
        """Whether a callback is Dash's own, as that for pages is, or there is none."""
        try:
            callback = self._app.callback_map[json.loads(body)["output"]]["callback"]
            return is_dashs(inspect.unwrap(callback))
        except (ValueError, LookupError, TypeError, RecursionError):
            return True  # Dash says what is wrong

    def _newest(self, seen: int | None = None) -> int | None:
        snapshot = self._store.latest(seen)
        version = snapshot.version if snapshot else None
        if version != self._version:
            self._version = version
            self._space.clear()
        return version


def _not_yet(key: str, waited_for: list[str]) -> CachedResponse:
    keys = " ".join(dict.fromkeys([*waited_for, key]))
    return CachedResponse([("Retry-After", "1"), (WAITS_FOR, keys.strip())], b"", 202)


def _keys(header: str) -> list[str]:
    return re.findall("[0-9a-f]{128}", header)[-MOST:]


def _is_shared(callback: dict[str, Any]) -> bool:
    own = callback.get("background") or callback.get("no_output")
    own = own or getattr(inspect.unwrap(callback["callback"]), "personal", False)
    return not own and {"id": "snapshot-version", "property": "data"} in callback["inputs"]


def _is_whole(response: Response, asked: dict[str, Any]) -> bool:
    """Whether a response has something new for each output."""
    if response.status_code != 200:
        return False
    updated = orjson.loads(response.get_data()).get("response", {})
    return sum(map(len, updated.values())) >= len(_flat(asked.get("outputs")))


def _version(inputs: list[Any]) -> int | None:
    """Return the version that a client has seen, which another server may have shown it."""
    versions = [it.get("value") for it in _flat(inputs) if it["id"] == "snapshot-version"]
    return versions[0] if versions and isinstance(versions[0], int) else None


def _set_version(inputs: list[Any], version: int | None) -> None:
    for it in _flat(inputs):
        if it["id"] == "snapshot-version":
            it["value"] = version


def _flat(parts: Any) -> list[dict[str, Any]]:
    """Return the inputs or outputs; those of a pattern are in a list of their own."""
    parts = parts if isinstance(parts, list) else [parts]
    return [it for part in parts for it in (part if isinstance(part, list) else [part])]
