"""Dash's own JavaScript: compressed once, and kept by browsers for good."""

import sys
from pathlib import Path
from typing import Any

from dash import Dash
from dash.fingerprint import build_fingerprint, check_fingerprint
from flask import Response, make_response, request
from flask_compress import Compress

from .kept import Space

MAX_BYTES = 32_000_000
# Dash 4.4 asks for these only once it has drawn the page, and by names that cannot be kept.
EARLY = {
    "plotly": ["package_data/plotly.min.js"],
    "dash": ["dcc/async-graph.js", "dcc/async-dropdown.js"],
}


def install(app: Dash, compress: Compress) -> None:
    """Keep what `_dash-component-suites` gives, and have the page load the large ones early."""
    space = Space(compress, MAX_BYTES)
    name = "_dash-component-suites/<string:package_name>/<path:fingerprinted_path>"
    endpoint = app.config.routes_pathname_prefix + name
    serve = app.server.view_functions[endpoint]

    def bundle(package_name: str, fingerprinted_path: str) -> Response:
        path, lasts = check_fingerprint(fingerprinted_path)

        def make() -> Response:
            request.environ.pop("HTTP_IF_NONE_MATCH", None)  # the whole is kept, whoever asks
            return make_response(serve(package_name, fingerprinted_path))

        response = space.response((package_name, path, lasts), make)
        if lasts:
            response.cache_control.immutable = True
        response.make_conditional(request)
        return response

    app.server.view_functions[endpoint] = bundle
    prefix = app.config.requests_pathname_prefix
    app.config.external_scripts += [
        f"{prefix}_dash-component-suites/{package}/{_fingerprinted(sys.modules[package], path)}"
        for package, paths in EARLY.items()
        for path in paths
    ]


def _fingerprinted(package: Any, path: str) -> str:
    file = Path(package.__file__).parent / path
    return str(build_fingerprint(path, package.__version__, int(file.stat().st_mtime)))
