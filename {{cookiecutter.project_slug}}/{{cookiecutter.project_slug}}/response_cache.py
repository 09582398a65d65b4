"""One computation per snapshot version and choices, for all viewers of a page."""

import inspect
import json
from collections.abc import Callable
from hashlib import blake2b
from io import BytesIO
from typing import Any, TypeVar

import orjson
from dash import Dash
from flask import Response, make_response, request, session
from flask_compress import Compress

from .kept import Kept, NotKept, Space
from .short_way import ShortWay
from .store import Store

Callback = TypeVar("Callback", bound=Callable[..., Any])


def personal(callback: Callback) -> Callback:
    """Mark a callback that goes by the session, cookies, headers or address of a request.

    Each viewer gets its answer anew. One whose errors an `on_error` turns into answers is marked
    too, or all viewers get the first.
    """
    callback.personal = True  # type: ignore[attr-defined]
    return callback


class ResponseCache:
    """Answers the callbacks that take `Input("snapshot-version", "data")`.

    What is kept goes by the server's version of the data, by what a request says besides the
    version, and by the viewer's groups, as dash-auth has them in the session. So a viewer can
    neither plant an answer under another version nor be left with an old one.
    """

    def __init__(
        self, app: Dash, store: Store, compress: Compress, short_way: ShortWay, max_bytes: int
    ) -> None:
        self._app, self._store = app, store
        self._space = Space(compress, max_bytes)
        self._version: int | None = None
        server = app.server
        path = f"{app.config.routes_pathname_prefix}_dash-update-component"
        self._dash = server.ensure_sync(server.view_functions[path])
        # As a view it is behind whatever guards the server.
        server.view_functions[path] = self._view
        short_way.add("POST", path, path, self._kept)
        self.count: Callable[[bool], None] = lambda kept: None
        server.extensions["response_cache"] = self

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return self._space.size

    def _view(self, **_: Any) -> Response:
        user = session.get("user")
        groups = user.get("groups") if isinstance(user, dict) else user
        key = self._key(request.get_data(), request.query_string.decode("latin-1"), groups or None)
        if key is None:
            return make_response(self._dash())
        kept = True

        def compute() -> Response:
            nonlocal kept
            kept = False
            return self._compute()

        response = self._space.response(key, compute)
        self.count(kept)
        return response

    def _kept(self, environ: dict[str, Any]) -> Kept | None:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if not 0 < length <= (self._app.server.config["MAX_CONTENT_LENGTH"] or length):
            return None
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = BytesIO(body)
        key = self._key(body, environ["QUERY_STRING"], None)
        kept = self._space.get(key, environ.get("HTTP_ACCEPT_ENCODING", ""))
        if kept:
            self.count(True)
        return kept

    def _key(self, body: bytes, query: str, groups: object) -> bytes | None:
        """Return what a shared answer is kept by, or None if the request is not for one."""
        if query and ("&" in query or not query.startswith("endId=")):  # a view may read it
            return None
        try:
            asked = json.loads(body)  # as Flask does: what differs for it must differ here
            if not _is_shared(self._app.callback_map[asked["output"]]):
                return None
            _set_version(asked["inputs"], self._newest(_version(asked["inputs"])))
            return blake2b(repr((asked, groups)).encode()).digest()
        except (ValueError, LookupError, TypeError, RecursionError):
            return None  # Dash says what is wrong

    def _newest(self, seen: int | None = None) -> int | None:
        snapshot = self._store.latest(seen)
        version = snapshot.version if snapshot else None
        if version != self._version:
            self._version = version
            self._space.clear()
        return version

    def _compute(self) -> Response:
        """Have Dash answer for everybody. Raises NotKept if the answer is for one viewer alone."""
        asked = request.get_json()
        _set_version(asked["inputs"], self._newest())  # a client's own is not for others to see
        before, session.modified = session.modified, False
        response = make_response(self._dash())
        written, session.modified = session.modified, before or session.modified
        if response.status_code == 200:
            updated = orjson.loads(response.get_data()).get("response", {})
            if written or sum(map(len, updated.values())) < len(_flat(asked.get("outputs"))):
                raise NotKept(response)
        return response


def _is_shared(callback: dict[str, Any]) -> bool:
    own = callback.get("background") or callback.get("no_output")
    own = own or getattr(inspect.unwrap(callback["callback"]), "personal", False)
    return not own and {"id": "snapshot-version", "property": "data"} in callback["inputs"]


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
