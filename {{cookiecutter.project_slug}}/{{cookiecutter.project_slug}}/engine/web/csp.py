"""The Content-Security-Policy, and a log of what browsers have blocked."""

import logging
import re
from threading import Lock
from typing import Any

import orjson
from dash import Dash
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from ..settings import Server

logger = logging.getLogger(__name__)

REPORTS = "_csp-report"
MAX_BYTES, MAX_LINES = 10_000, 50  # of one report, and in the log of one process


def policy(app: Dash, server: Server) -> str:
    """Return a policy that allows what Dash, Plotly, the app and `csp_sources` need."""
    sources = server.csp_sources
    styles = _origins(app.config.external_stylesheets, "href")
    scripts = _origins(app.config.external_scripts, "src")
    directives = {
        "default-src": ["'self'", *sources],
        "script-src": ["'self'", *app.csp_hashes(), *scripts, *sources],
        "style-src": ["'self'", "'unsafe-inline'", *styles, *sources],  # inline: for Plotly
        "img-src": ["'self'", "data:", "blob:", *sources],
        "font-src": ["'self'", "data:", *styles, *sources],
        "worker-src": ["'self'", "blob:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'", *server.frame_ancestors],
        "report-uri": [f"{app.config.requests_pathname_prefix}{REPORTS}"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def blueprint(app: Dash, server: Server) -> Blueprint:
    """Create the route for browsers' reports of blocked content; each is logged once."""
    routes = Blueprint("csp", __name__, url_prefix=app.config.routes_pathname_prefix)
    seen: set[tuple[str, str]] = set()
    lock = Lock()

    @routes.post(f"/{REPORTS}")
    def report() -> ResponseReturnValue:
        # A page on another site cannot send this type without a preflight, which is rejected.
        is_report = request.mimetype == "application/csp-report"
        if is_report and 0 < (request.content_length or 0) <= MAX_BYTES:
            note(request.get_data())
        return "", 204

    def note(body: bytes) -> None:
        directive, origin = blocked = _blocked(body)
        with lock:
            if not origin or blocked in seen or len(seen) >= MAX_LINES:
                return
            seen.add(blocked)
        line = ", ".join(f'"{it}"' for it in (*server.csp_sources, origin))
        said = (
            "a browser blocked content from another site: %s (%s); to allow it, csp_sources = [%s]"
        )
        logger.warning(said, origin, directive, line)

    return routes


def _blocked(body: bytes) -> tuple[str, str]:
    """Return the directive and origin of a report; no origin if none could be allowed."""
    try:
        said = orjson.loads(body)["csp-report"]
        directive = said.get("effective-directive") or said["violated-directive"]
        known = re.fullmatch(r"[a-z-]{1,30}", directive)
        return directive, _origin(said["blocked-uri"]) if known else ""
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return "", ""


def _origins(resources: Any, attribute: str) -> list[str]:
    """Return the other sites that scripts or stylesheets are loaded from."""
    urls = (it.get(attribute, "") if isinstance(it, dict) else str(it) for it in resources)
    return list(dict.fromkeys(filter(None, map(_origin, urls))))


def _origin(url: str) -> str:
    """Return scheme and host of an absolute URL, or nothing for others such as `data:`."""
    found = re.match(r"(?:(https?|wss?):)?//([\w.-]{1,253}(?::\d{1,5})?)(?=[/?#]|$)", url, re.ASCII)
    return f"{found[1] or 'https'}://{found[2]}" if found else ""
