"""Finished responses, compressed as the browser allows, kept in a space of so many bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Condition
from typing import Any

from cachetools import LRUCache, cached
from flask import Response, request
from flask_compress import Compress
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

ENCODINGS = ("zstd", "br", "gzip")
OVERHEAD = 2_000  # bytes that a kept response takes besides its body, about


@dataclass(frozen=True)
class Kept:
    """A finished response."""

    headers: list[tuple[str, str]]
    body: bytes

    def response(self) -> Response:
        """Make a response of it, whose headers may be changed."""
        return Response(self.body, headers=self.headers)


class NotKept(Exception):
    """A response that is not for everybody: a failure, nothing new, or one that sets a cookie."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class Space:
    """Keeps responses up to so many bytes; those that were not asked for the longest go first."""

    def __init__(self, compress: Compress, max_bytes: int) -> None:
        self._compress = compress
        self._kept: LRUCache[Any, Kept] = LRUCache(max_bytes, lambda it: len(it.body) + OVERHEAD)
        self._lock = Condition()
        # While a request makes what several want, the others wait for it.
        once = cached(self._kept, lambda key, *_: key, condition=self._lock)
        self._plain, self._finished = once(self._make), once(self._finish)

    def response(self, key: object, make: Callable[[], Response]) -> Response:
        """Return what is kept by a key, or else make it, for one request at a time."""
        accepted = encoding(request.headers.get("Accept-Encoding", ""))
        try:
            return self._finished((key, accepted), key, accepted, make).response()
        except NotKept as it:
            return it.response

    def get(self, key: object, accepted: str) -> Kept | None:
        """Return what is kept by a key for the clients of an `Accept-Encoding` header."""
        with self._lock:
            return self._kept.get((key, encoding(accepted)))

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()

    @property
    def size(self) -> int:
        """How much is kept."""
        return int(self._kept.currsize)

    def _make(self, _key: object, make: Callable[[], Response]) -> Kept:
        response = make()
        if response.status_code != 200 or "Set-Cookie" in response.headers:
            raise NotKept(response)
        return Kept(list(response.headers), response.get_data())

    def _finish(
        self, _key: object, key: object, accepted: str, make: Callable[[], Response]
    ) -> Kept:
        response = self._plain(key, make).response()
        # Of the many ways to spell the header one for each encoding, so that no more are kept.
        request.environ["HTTP_ACCEPT_ENCODING"] = accepted
        self._compress.after_request(response)
        return Kept(list(response.headers), response.get_data())


@lru_cache(maxsize=256)
def encoding(accepted: str) -> str:
    """Choose how to compress for an `Accept-Encoding` header."""
    return parse_accept_header(accepted, Accept).best_match(ENCODINGS) or "identity"
