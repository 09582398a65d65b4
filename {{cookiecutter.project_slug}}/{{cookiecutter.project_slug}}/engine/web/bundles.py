"""Dash's own JavaScript: compressed once, and kept by browsers for good."""

import sys
from pathlib import Path

from dash import Dash
from dash.exceptions import DependencyException
from dash.fingerprint import build_fingerprint, check_fingerprint
from flask import Response, abort, make_response, request
from flask_compress import Compress

from .response_cache import CachedResponse, ResponseCache, keep

MAX_BYTES = 32_000_000
# Dash 4.4 asks for these only once it has drawn the page, and by names that cannot be kept.
EARLY = [
    ("plotly", "package_data/plotly.min.js"),
    ("dash", "dcc/async-graph.js"),
    ("dash", "dcc/async-dropdown.js"),
]


def install(app: Dash, compress: Compress) -> None:
    """Keep what `_dash-component-suites` gives, and have the page load the large ones early."""
    space = ResponseCache(compress, MAX_BYTES)
    name = "_dash-component-suites/<string:package_name>/<path:fingerprinted_path>"
    endpoint = app.config.routes_pathname_prefix + name
    serve = app.server.view_functions[endpoint]

    def bundle(package_name: str, fingerprinted_path: str) -> Response:
        path, lasts = check_fingerprint(fingerprinted_path)

        def make() -> CachedResponse:
            request.environ.pop("HTTP_IF_NONE_MATCH", None)  # the whole is kept, whoever asks
            return keep(make_response(serve(package_name, fingerprinted_path)))

        try:
            response = space.response((package_name, path, lasts), make)
        except (DependencyException, OSError):  # the second if Dash lists what it does not ship
            abort(404)
        if lasts:
            response.cache_control.immutable = True
        else:
            response.cache_control.no_cache = True  # kept, but asked about each time
        response.make_conditional(request)
        return response

    app.server.view_functions[endpoint] = bundle
    # Before Dash's own, which need storage when they are loaded; and not once more with the assets.
    app.config.external_scripts.insert(0, app.get_asset_url("storage.js"))
    ignored = filter(None, (app.config.assets_ignore, r"^storage\.js$"))
    app.config.assets_ignore = "|".join(ignored)
    for package, path in EARLY:
        module = sys.modules[package]
        file = Path(str(module.__file__)).parent / path
        if file.exists():  # another Dash may have others
            marked = build_fingerprint(path, module.__version__, int(file.stat().st_mtime))
            prefix = app.config.requests_pathname_prefix
            url = f"{prefix}_dash-component-suites/{package}/{marked}"
            app.config.external_scripts.append(url)
