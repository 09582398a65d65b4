"""The response cache: makes and compresses each response once, within a size limit."""

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import brotli
import pytest
from flask import Flask, Response
from flask_compress import Compress

from {{cookiecutter.project_slug}}.engine.web.response_cache import (
    OVERHEAD,
    CachedResponse,
    ResponseCache,
    encoding,
    to_cached,
)

TEXT = [("Content-Type", "text/plain")]
LONG = b"long " * 1_000


class Counting(Compress):
    """Compresses responses and counts them."""

    count = 0

    def after_request(self, response: Response | None) -> Response:
        self.count += 1
        return super().after_request(response)


class Cache(ResponseCache):
    """A cache that a test queries as a client; counts the responses made and compressed."""

    def __init__(self, max_bytes: int = 1_000_000) -> None:
        self.flask, self.made = Flask(__name__), 0
        self.compress = Counting(self.flask)
        super().__init__(self.compress, max_bytes)

    def ask(self, key: str, accepted: str = "", body: bytes = LONG, **options: Any) -> Response:
        def make() -> CachedResponse:
            self.made += 1
            return CachedResponse(TEXT, body, **options)

        headers = {"Accept-Encoding": accepted} if accepted else {}
        with self.flask.test_request_context(headers=headers):
            return self.get_or_make(key, make).response()


ENCODED = {
    "": (None, bytes),
    "identity": (None, bytes),
    "gzip": ("gzip", gzip.decompress),
    "gzip, deflate;q=0.5": ("gzip", gzip.decompress),
    "br": ("br", brotli.decompress),
    "br;q=1, gzip;q=0.1": ("br", brotli.decompress),
}


def test_a_response_is_made_once_and_compressed_once_per_encoding() -> None:
    cache = Cache()
    packed: dict[str | None, int] = {}
    for accepted, (name, decompress) in [*ENCODED.items()] * 2:
        response = cache.ask("key", accepted)
        assert response.headers.get("Content-Encoding") == name
        assert decompress(response.data) == LONG
        packed[name] = len(response.data)
    assert (cache.made, cache.compress.count) == (1, 3)
    assert packed["gzip"] < 100 and packed["br"] < 100
    bodies = [len(LONG), *packed.values()]  # as it was made, and as it was sent
    assert cache.size == sum(bodies) + len(bodies) * OVERHEAD


def test_clients_for_whom_one_encoding_is_chosen_share_it_whatever_else_they_accept() -> None:
    cache = Cache()
    for accepted in ("deflate, gzip;q=0.5", "gzip", "GZIP;q=0.1", "deflate;q=1, gzip;q=0.9"):
        response = cache.ask("key", accepted)
        assert response.headers["Content-Encoding"] == "gzip", accepted
        assert gzip.decompress(response.data) == LONG
    assert (cache.made, cache.compress.count) == (1, 1)


@pytest.mark.parametrize("accepted", ["", "gzip"])
def test_each_key_has_its_own_response(accepted: str) -> None:
    cache = Cache()
    for body in (b"a", b"b", b"a", b"b"):
        assert cache.ask(body.decode(), accepted, body).data == body
        assert cache.get(body.decode(), accepted) == cache.get(body.decode(), f"{accepted};q=0.9")
    assert cache.made == 2
    assert cache.get("a", "br") is None


def test_a_response_for_many_clients_is_compressed_once() -> None:
    cache, together = Cache(), threading.Barrier(8)

    def make() -> CachedResponse:
        together.wait(30)  # the response was not cached for any of them
        return CachedResponse(TEXT, LONG)

    def ask(_: int) -> bytes:
        with cache.flask.test_request_context(headers={"Accept-Encoding": "gzip"}):
            return cache.get_or_make("key", make).body

    with ThreadPoolExecutor(8) as pool:
        assert {gzip.decompress(it) for it in pool.map(ask, range(8))} == {LONG}
    assert cache.compress.count == 1


def test_an_uncacheable_response_is_sent_but_not_cached() -> None:
    cache = Cache()
    for _ in range(2):
        assert cache.ask("key", "gzip", cacheable=False).headers["Content-Encoding"] == "gzip"
    assert (cache.made, cache.size) == (2, 0)


@pytest.mark.parametrize("status", [204, 302, 404, 500])
def test_only_a_response_with_status_200_is_cacheable(status: int) -> None:
    assert to_cached(Response(b"fine")).cacheable
    assert not to_cached(Response(b"fine"), cacheable=False).cacheable
    assert not to_cached(Response(b"not", status)).cacheable
    cached = to_cached(Response(b"not", status, {"X-A": "b"}))
    again = cached.response()
    assert (again.status_code, again.data, again.headers["X-A"]) == (status, b"not", "b")


def test_changing_a_response_does_not_affect_other_clients() -> None:
    cache = Cache()
    for accepted in ("", "gzip") * 2:
        response = cache.ask("key", accepted)
        assert "X-For" not in response.headers
        response.headers["X-For"] = "one client"


def test_the_least_recently_used_responses_are_dropped_first() -> None:
    cache = Cache(3 * OVERHEAD)
    small = CachedResponse(TEXT, b"x" * (OVERHEAD // 2))
    cache.put("a", small)
    cache.put("b", small)
    assert cache.get("a", "") is None, "it is looked up as it is sent"
    cache.put("a", small, "identity")  # drops the first response
    cache.put("b", small, "identity")
    cache.get("a", "")
    cache.put("c", small, "identity")
    assert cache.get("b", "") is None
    assert cache.get("a", "") == cache.get("c", "") == small
    cache.put("d", CachedResponse(TEXT, b"x" * (2 * OVERHEAD + 1)), "identity")
    assert cache.get("d", "") is None and cache.get("a", "") == small
    largest = CachedResponse(TEXT, b"x" * (2 * OVERHEAD))
    cache.put("d", largest, "identity")
    assert cache.get("d", "") == largest and cache.size == 3 * OVERHEAD
    cache.clear()
    assert cache.get("d", "") is None and cache.size == 0


def test_accepted_encodings_are_parsed_but_not_in_endless_headers() -> None:
    assert encoding("deflate, br;q=0.2, gzip;q=0.8") == "gzip"
    assert encoding("*") == encoding("gzip, br, zstd") == "zstd"
    assert encoding("") == encoding("deflate") == encoding("gzip;q=0") == "identity"
    assert encoding("x" * 194 + ", gzip") == "gzip"
    assert encoding("x" * 195 + ", gzip") == encoding("x" * 9_000 + ", gzip") == "identity"
