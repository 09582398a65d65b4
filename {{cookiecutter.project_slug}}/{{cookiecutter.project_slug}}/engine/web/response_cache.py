"""A cache of finished responses, each compressed in the encodings that browsers accept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from threading import Lock
from typing import Any

from cachetools import LRUCache
from flask import Response, request
from flask_compress import Compress
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

ENCODINGS = ("zstd", "br", "gzip")
OVERHEAD = 2_000  # approximate bytes that a cached response takes besides its body


@dataclass(frozen=True)
class CachedResponse:
    """A finished response; one that is not `cacheable` is sent, but not cached."""

    headers: list[tuple[str, str]]
    body: bytes
    status: int = 200
    cacheable: bool = True

    def response(self) -> Response:
        """Return a response whose headers may be changed."""
        return Response(self.body, self.status, self.headers)

    def public(self, lifetime: str) -> "CachedResponse":
        """Allow browsers and proxies to cache it, as in `max-age=1`, and to share it."""
        return replace(self, headers=[*self.headers, ("Cache-Control", f"public, {lifetime}")])


class ResponseCache:
    """Holds up to `max_bytes` of responses; drops the least recently used first.

    The first of `encodings` that a client accepts is used. Without `keep_plain`, a response is made
    again for each of them, which saves memory if it is easily made.
    """

    def __init__(
        self,
        compress: Compress,
        max_bytes: int,
        encodings: tuple[str, ...] = ENCODINGS,
        keep_plain: bool = True,
    ) -> None:
        self._compress, self._encodings, self._keep_plain = compress, encodings, keep_plain
        self._cached: LRUCache[tuple[object, str], CachedResponse] = LRUCache(
            max_bytes, lambda it: len(it.body) + OVERHEAD
        )
        self._lock, self._compressing = Lock(), Lock()

    def get_or_make(self, key: object, make: Callable[[], CachedResponse]) -> CachedResponse:
        """Return the response for a key, encoded for the current request; make it if needed."""
        accepted = encoding(request.headers.get("Accept-Encoding", ""), self._encodings)
        if cached := self._get(key, accepted):
            return cached
        if not (plain := self._get(key, "")):
            plain = make()
            if self._keep_plain:
                self.put(key, plain)
        with self._compressing:  # only once, even if many requests wait for the same response
            if cached := self._get(key, accepted):
                return cached
            response = plain.response()
            # Clients spell the header in many ways; cache one response per encoding.
            request.environ["HTTP_ACCEPT_ENCODING"] = accepted
            self._compress.after_request(response)
            encoded = to_cached(response, plain.cacheable)
            self.put(key, encoded, accepted)
            return encoded

    def get(self, key: object, accepted: str) -> CachedResponse | None:
        """Return the response for a key in the best encoding for an `Accept-Encoding` header."""
        return self._get(key, encoding(accepted, self._encodings))

    def put(self, key: object, response: CachedResponse, accepted: str = "") -> None:
        """Cache a response, plain or encoded, if it is cacheable and not too large."""
        if response.cacheable:
            with self._lock:
                if self._cached.getsizeof(response) <= self._cached.maxsize:
                    self._cached[key, accepted] = response

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._cached.clear()

    @property
    def size(self) -> int:
        """How many bytes are cached."""
        return int(self._cached.currsize)

    def _get(self, key: object, accepted: str) -> CachedResponse | None:
        with self._lock:
            return self._cached.get((key, accepted))


def to_cached(response: Response, cacheable: bool = True) -> CachedResponse:
    """Convert a response for the cache; only one with status 200 is cacheable."""
    status = response.status_code
    cacheable = cacheable and status == 200
    return CachedResponse(list(response.headers), response.get_data(), status, cacheable)


def cache_key(body: Mapping[str, Any]) -> str:
    """Return the cache key of a view's response: the request body and the data version."""
    return blake2b(repr(body).encode()).hexdigest()


def encoding(accepted: str, encodings: tuple[str, ...] = ENCODINGS) -> str:
    """Choose an encoding for an `Accept-Encoding` header, by default the first that is accepted."""
    # Browsers send less; caching long headers would fill memory.
    return _encoding(accepted[:200], encodings)


@lru_cache(maxsize=256)
def _encoding(accepted: str, encodings: tuple[str, ...]) -> str:
    return parse_accept_header(accepted, Accept).best_match(encodings) or "identity"
