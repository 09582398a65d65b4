"""Serves JavaScript: compressed once, and cached by browsers permanently."""

from hashlib import blake2b
from pathlib import Path

from dash import Dash
from flask import Response, abort, make_response, request
from flask_compress import Compress

from .dash_internals import BundleNotFound, bundle_endpoint, early_bundles, parse_bundle_path
from .response_cache import CachedResponse, ResponseCache, to_cached

MAX_BYTES = 32_000_000
STATIC = Path(__file__).with_name("static")


def install(app: Dash, compress: Compress) -> None:
    """Cache Dash's bundles, load the large ones early, and add the engine's script."""
    cache = ResponseCache(compress, MAX_BYTES)
    endpoint = bundle_endpoint(app)
    serve = app.server.view_functions[endpoint]

    def bundle(package_name: str, fingerprinted_path: str) -> Response:
        path, has_fingerprint = parse_bundle_path(fingerprinted_path)

        def make() -> CachedResponse:
            request.environ.pop("HTTP_IF_NONE_MATCH", None)  # a 304 must not be cached
            return to_cached(make_response(serve(package_name, fingerprinted_path)))

        try:
            response = cache.response((package_name, path, has_fingerprint), make)
        except BundleNotFound:
            abort(404)
        return _with_cache_control(response, has_fingerprint)

    app.server.view_functions[endpoint] = bundle
    _add_script(app, cache)
    app.config.external_scripts.extend(early_bundles(app))


def _add_script(app: Dash, cache: ResponseCache) -> None:
    """Make the page load the engine's JavaScript.

    It comes first, because it may have to replace the browser storage that Dash's scripts use.
    """
    script = b"\n".join(it.read_bytes() for it in sorted(STATIC.glob("*.js")))
    name = f"_engine-{blake2b(script, digest_size=8).hexdigest()}.js"

    def engine() -> Response:
        headers = [("Content-Type", "text/javascript; charset=utf-8")]
        headers.append(("Cache-Control", "public, max-age=31536000"))
        response = cache.response(name, lambda: CachedResponse(headers, script))
        return _with_cache_control(response, has_fingerprint=True)

    app.server.add_url_rule(f"{app.config.routes_pathname_prefix}{name}", "engine_script", engine)
    app.config.external_scripts.insert(0, f"{app.config.requests_pathname_prefix}{name}")


def _with_cache_control(response: Response, has_fingerprint: bool) -> Response:
    """Let browsers cache a response permanently, or revalidate it each time."""
    if has_fingerprint:
        response.cache_control.immutable = True
    else:
        response.cache_control.no_cache = True
    response.make_conditional(request)
    return response
