"""One computation per snapshot version and choices, for all viewers of a page."""

from collections.abc import Callable, Iterable
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

    @property
    def size(self) -> int:
        """How much is kept."""
        return self._space.size

    def _view(self, **_: Any) -> Response:
        user = session.get("user")
        key = self._key(request.get_data(), user.get("groups") if isinstance(user, dict) else user)
        return self._space.response(key, self._compute) if key else make_response(self._dash())

    def _kept(self, environ: dict[str, Any]) -> Kept | None:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        return self._space.get(self._key(body, None), environ.get("HTTP_ACCEPT_ENCODING", ""))

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
