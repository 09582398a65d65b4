"""Serves JavaScript: compressed once, and cached by browsers permanently."""

import ctypes
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import orjson
from dash import Dash
from flask import Flask, Response, abort, make_response, request
from flask_compress import Compress

from . import plotly_js
from .dash_internals import (
    BundleNotFound,
    bundle_endpoint,
    bundles_on_demand,
    early_bundles,
    parse_bundle_path,
)
from .response_cache import CachedResponse, ResponseCache, to_cached

MAX_BYTES = 16_000_000
# Slower than for other responses, but still less than a second for plotly.js; the levels above
# these take several.
LEVELS = {"COMPRESS_BR_LEVEL": 9, "COMPRESS_LEVEL": 9, "COMPRESS_ZSTD_LEVEL": 12}
ENCODINGS = ("br", "zstd", "gzip")  # at these levels, the first is the smallest
STATIC = Path(__file__).with_name("static")


def install(app: Dash) -> None:
    """Cache Dash's bundles, tell pages where they are, and add the engine's script."""
    levels = Flask(__name__)  # which the compression takes from an application
    levels.config |= LEVELS
    cache = ResponseCache(Compress(levels), MAX_BYTES, ENCODINGS, keep_plain=False)
    _serve_bundles(app, cache)
    # The engine's script comes first, because it may have to replace the browser storage that
    # Dash's scripts use.
    script = b"\n".join(it.read_bytes() for it in sorted(STATIC.glob("*.js")))
    early = [_serve(app, cache, "engine", script), *early_bundles(app)]
    app.config.external_scripts[:] = [early[0], *app.config.external_scripts, *early[1:]]
    on_demand = bundles_on_demand(app)
    if smaller := plotly_js.find(app):
        on_demand["Graph"] = _serve(app, cache, "plotly", smaller)
    content = orjson.dumps(on_demand).decode()
    app.config.meta_tags.append({"name": "scripts", "content": content})


def _serve_bundles(app: Dash, cache: ResponseCache) -> None:
    """Cache the responses of the route that serves Dash's own JavaScript."""
    endpoint = bundle_endpoint(app)
    serve = app.server.view_functions[endpoint]

    def bundle(package_name: str, fingerprinted_path: str) -> Response:
        path, has_fingerprint = parse_bundle_path(package_name, fingerprinted_path)
        is_new = False

        def make() -> CachedResponse:
            nonlocal is_new
            is_new = True
            request.environ.pop("HTTP_IF_NONE_MATCH", None)  # a 304 must not be cached
            served = fingerprinted_path if has_fingerprint else path
            return to_cached(make_response(serve(package_name, served)))

        try:
            response = cache.get_or_make((package_name, path, has_fingerprint), make).response()
        except BundleNotFound:
            abort(404)
        if is_new:
            _return_memory()
        return _with_cache_control(response, has_fingerprint)

    app.server.view_functions[endpoint] = bundle


def _serve(app: Dash, cache: ResponseCache, name: str, script: bytes) -> str:
    """Serve a script from a URL that browsers can cache permanently; return the URL."""
    file = f"_{name}-{blake2b(script, digest_size=8).hexdigest()}.js"

    def serve() -> Response:
        headers = [("Content-Type", "text/javascript; charset=utf-8")]
        headers.append(("Cache-Control", "public, max-age=31536000"))
        response = cache.get_or_make(file, lambda: CachedResponse(headers, script)).response()
        return _with_cache_control(response, has_fingerprint=True)

    app.server.add_url_rule(f"{app.config.routes_pathname_prefix}{file}", f"{name}_script", serve)
    return f"{app.config.requests_pathname_prefix}{file}"


def _return_memory() -> None:
    """Return the memory that reading and compressing took to the system; only glibc keeps it."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _with_cache_control(response: Response, has_fingerprint: bool) -> Response:
    """Let browsers cache a response permanently, or revalidate it each time."""
    if has_fingerprint:
        response.cache_control.immutable = True
    else:
        response.cache_control.no_cache = True
    response.make_conditional(request)
    return response
