"""One computation per snapshot version and choices, for all viewers of a page."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from io import BytesIO
from typing import Any, TypeVar

import orjson
from dash import Dash
from flask import Response, make_response, request, session
from flask_compress import Compress

from .kept import NotKept, Space
from .store import Store

Callback = TypeVar("Callback", bound=Callable[..., Any])


def personal(callback: Callback) -> Callback:
    """Mark a callback that reads the session, cookies or headers: nobody else gets its answers.

    It stands below `@app.callback`.
    """
    callback.personal = True  # type: ignore[attr-defined]
    return callback


class ResponseCache:
    """Answers the callbacks that take `Input("snapshot-version", "data")`.

    What is kept goes by the server's version of the data, by what a request says besides the
    version, and by the viewer's groups, as dash-auth has them in the session. So a viewer can
    neither plant an answer under another version nor be left with an old one.
    """

    def __init__(self, app: Dash, store: Store, compress: Compress, max_bytes: int) -> None:
        self._app, self._store, self._compress = app, store, compress
        self._space = Space(compress, max_bytes)
        self._version: int | None = None
        server = app.server
        self._path = f"{app.config.routes_pathname_prefix}_dash-update-component"
        self._dash = server.ensure_sync(server.view_functions[self._path])
        # As a view it is behind whatever guards the server.
        server.view_functions[self._path] = self._view
        self._flask, server.wsgi_app = server.wsgi_app, self._short_way

    @property
    def size(self) -> int:
        """How much is kept."""
        return self._space.size

    def _view(self, **_: Any) -> Response:
        user = session.get("user")
        key = self._key(request.get_data(), user.get("groups") if isinstance(user, dict) else user)
        return self._space.response(key, self._compute) if key else make_response(self._dash())

    def _short_way(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer what is kept without Flask, which costs as much as all the rest.

        Only where there is no one to ask: a hook that somebody has registered, a view put around
        this one, a cookie or a password leave the answer to `_view`.
        """
        if environ["PATH_INFO"] == self._path and self._is_open(environ):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = BytesIO(body)
            kept = self._space.get(self._key(body, None), environ.get("HTTP_ACCEPT_ENCODING", ""))
            if kept:
                start_response("200 OK", list(kept.headers))
                return [kept.body]
        return self._flask(environ, start_response)

    def _is_open(self, environ: dict[str, Any]) -> bool:
        server = self._app.server
        return (
            "CONTENT_LENGTH" in environ
            and "HTTP_COOKIE" not in environ
            and "HTTP_AUTHORIZATION" not in environ
            and server.view_functions[self._path] == self._view
            and server.before_request_funcs == {None: [self._app._setup_server]}
            and server.after_request_funcs == {None: [self._compress.after_request]}
        )

    def _key(self, body: bytes, groups: object) -> bytes | None:
        """Return what a shared answer is kept by, or None if the request is not for one."""
        try:
            asked = orjson.loads(body)
            if not _is_shared(self._app.callback_map[asked["output"]]):
                return None
            _set_version(asked["inputs"], self._newest())
        except (orjson.JSONDecodeError, LookupError, TypeError):
            return None  # Dash says what is wrong
        return blake2b(orjson.dumps([asked, groups], option=orjson.OPT_SORT_KEYS)).digest()

    def _newest(self) -> int | None:
        snapshot = self._store.latest()
        version = snapshot.version if snapshot else None
        if version != self._version:
            self._version = version
            self._space.clear()
        return version

    def _compute(self) -> Response:
        """Have Dash answer for everybody. Raises NotKept if an output is left as it is."""
        asked = request.get_json()
        _set_version(asked["inputs"], self._newest())  # a client's own is not for others to see
        response = make_response(self._dash())
        if response.status_code == 200:
            updated = orjson.loads(response.get_data()).get("response", {})
            if sum(map(len, updated.values())) < len(list(_flat(asked.get("outputs")))):
                raise NotKept(response)
        return response


def _is_shared(callback: dict[str, Any]) -> bool:
    own = callback.get("background") or callback.get("no_output")
    own = own or getattr(callback["callback"], "personal", False)
    return not own and {"id": "snapshot-version", "property": "data"} in callback["inputs"]


def _set_version(inputs: list[Any], version: int | None) -> None:
    for it in _flat(inputs):
        if it["id"] == "snapshot-version":
            it["value"] = version


def _flat(parts: Any) -> Iterable[dict[str, Any]]:
    """Go through inputs or outputs; those of a pattern are in a list of their own."""
    for part in parts if isinstance(parts, list) else [parts]:
        yield from part if isinstance(part, list) else [part]
