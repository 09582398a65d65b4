"""Finished responses, compressed as the browser allows, kept in a space of so many bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from cachetools import LRUCache
from flask import Response, request
from flask_compress import Compress
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

ENCODINGS = ("zstd", "br", "gzip")
OVERHEAD = 2_000  # bytes that a kept response takes besides its body, about


@dataclass(frozen=True)
class CachedResponse:
    """A finished response."""

    headers: list[tuple[str, str]]
    body: bytes
    status: int = 200
    lasts: bool = True  # if not, a space passes it on and forgets it

    def response(self) -> Response:
        """Make a response of it, whose headers may be changed."""
        return Response(self.body, self.status, self.headers)


class ResponseCache:
    """Keeps responses up to so many bytes; those that were not asked for the longest go first."""

    def __init__(self, compress: Compress, max_bytes: int) -> None:
        self._compress = compress
        self._kept: LRUCache[tuple[object, str], CachedResponse] = LRUCache(
            max_bytes, lambda it: len(it.body) + OVERHEAD
        )
        self._lock, self._compressing = Lock(), Lock()

    def response(self, key: object, make: Callable[[], CachedResponse]) -> Response:
        """Return what is kept by a key, or else make it."""
        accepted = encoding(request.headers.get("Accept-Encoding", ""))
        if kept := self._get(key, accepted):
            return kept.response()
        if not (plain := self._get(key, "")):
            plain = make()
            self.put(key, plain)
        with self._compressing:  # once, as many may have waited for the same
            if kept := self._get(key, accepted):
                return kept.response()
            response = plain.response()
            # Of the many ways to spell the header one for each encoding, so that no more are kept.
            request.environ["HTTP_ACCEPT_ENCODING"] = accepted
            self._compress.after_request(response)
            self.put(key, keep(response, plain.lasts), accepted)
            return response

    def get(self, key: object, accepted: str) -> CachedResponse | None:
        """Return what is kept by a key for the clients of an `Accept-Encoding` header."""
        return self._get(key, encoding(accepted))

    def has(self, key: object) -> bool:
        """Whether something is kept by a key, compressed or not."""
        return self._get(key, "") is not None

    def put(self, key: object, response: CachedResponse, accepted: str = "") -> None:
        """Keep a response that lasts and is not too large: as it is, or compressed for some."""
        if response.lasts:
            with self._lock:
                if self._kept.getsizeof(response) <= self._kept.maxsize:
                    self._kept[key, accepted] = response

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return int(self._kept.currsize)

    def _get(self, key: object, accepted: str) -> CachedResponse | None:
        with self._lock:
            return self._kept.get((key, accepted))


def keep(response: Response, lasts: bool = True) -> CachedResponse:
    """Take of a response what is kept; only a good one lasts."""
    status = response.status_code
    return CachedResponse(list(response.headers), response.get_data(), status, lasts and status == 200)


def encoding(accepted: str) -> str:
    """Choose how to compress for an `Accept-Encoding` header."""
    return _encoding(accepted[:200])  # a longer one is no browser's, and would be remembered


@lru_cache(maxsize=256)
def _encoding(accepted: str) -> str:
    return parse_accept_header(accepted, Accept).best_match(ENCODINGS) or "identity"
