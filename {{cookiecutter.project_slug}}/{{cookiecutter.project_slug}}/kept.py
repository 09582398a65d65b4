"""Finished responses, compressed as the browser allows, kept in a space of so many bytes."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from cachetools import LRUCache
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
        self._making: dict[object, Future[Kept | None]] = {}
        self._lock = Lock()

    def response(self, key: object, make: Callable[[], Response]) -> Response:
        """Return what is kept by a key, or else make it; those who ask meanwhile wait for it."""
        accepted = encoding(request.headers.get("Accept-Encoding", ""))
        try:
            return self._once((key, accepted), lambda: self._pack(key, accepted, make)).response()
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
        """How many bytes are kept."""
        return int(self._kept.currsize)

    def _once(self, key: object, make: Callable[[], Kept]) -> Kept:
        with self._lock:
            if kept := self._kept.get(key):
                return kept
            first = key not in self._making
            future = self._making.setdefault(key, Future())
        if not first:
            return future.result() or make()  # all at once, if it is not to be shared
        kept = None
        try:
            kept = make()
        finally:
            with self._lock:
                del self._making[key]
                if kept and self._kept.getsizeof(kept) <= self._kept.maxsize:
                    self._kept[key] = kept
            future.set_result(kept)
        return kept

    def _pack(self, key: object, accepted: str, make: Callable[[], Response]) -> Kept:
        response = self._once(key, lambda: keep(make())).response()
        # Of the many ways to spell the header one for each encoding, so that no more are kept.
        request.environ["HTTP_ACCEPT_ENCODING"] = accepted
        self._compress.after_request(response)
        return keep(response)


def keep(response: Response) -> Kept:
    """Take of a response what is kept. Raises NotKept."""
    if response.status_code != 200 or "Set-Cookie" in response.headers:
        raise NotKept(response)
    return Kept(list(response.headers), response.get_data())


def encoding(accepted: str) -> str:
    """Choose how to compress for an `Accept-Encoding` header."""
    return _encoding(accepted[:200])  # a longer one is no browser's, and would be remembered


@lru_cache(maxsize=256)
def _encoding(accepted: str) -> str:
    return parse_accept_header(accepted, Accept).best_match(ENCODINGS) or "identity"
