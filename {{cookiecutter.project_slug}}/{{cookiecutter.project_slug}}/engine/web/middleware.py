"""Middleware for all requests: proxy headers, request ids, response headers, access log."""

import ipaddress
import logging
import re
import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from dash import Dash

from .. import log
from ..serve.waitress_server import PROXY_HEADERS, with_proxy_headers
from ..settings import AnySettings
from . import headers
from .decompress import decompress

logger = logging.getLogger(__name__)

# Headers that only proxies send.
SENT_ON = {f"HTTP_{it.upper().replace('-', '_')}" for it in PROXY_HEADERS}
SENT_ON |= {"HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP"}
TRUSTED = "dashboard.trusted"  # in the environ: whether the trusted proxy sent the request
BY_PROXY = "dashboard.by_proxy"  # in the environ: whether any proxy sent it, trusted or not


def install(app: Dash, settings: AnySettings) -> None:
    """Wrap an app in its middleware, the outermost last."""
    wrapped: Any = decompress(app.server.wsgi_app, settings.server.max_body_bytes)
    wrapped = _with_headers(wrapped, headers.pages(app, settings.server))
    if settings.log.access:
        wrapped = _logged(wrapped)
    app.server.wsgi_app = _with_request_id(_proxied(wrapped), settings.server.trusted_proxy)


@lru_cache(maxsize=1_024)  # called for each request, but there are few addresses
def _is_trusted(address: str, trusted: str) -> bool:
    """Whether an address is the trusted proxy's, or in its network."""
    if trusted in ("", "*"):
        return trusted == "*"
    try:
        known = ipaddress.ip_address(address)
    except ValueError:  # a Unix socket has no address
        return False
    if (
        isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped
    ):  # on a socket for IPv4 and IPv6
        known = known.ipv4_mapped
    return known in ipaddress.ip_network(trusted)


def _proxied(app: WSGIApplication) -> WSGIApplication:
    """Take the client's address from a trusted proxy's headers; drop such headers of others."""
    believed, unproxied = with_proxy_headers(app, True), with_proxy_headers(app, False)

    def proxied(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        chosen: WSGIApplication = believed if environ[TRUSTED] else unproxied
        return chosen(environ, start_response)

    return proxied


def _with_request_id(app: WSGIApplication, proxy: str) -> WSGIApplication:
    """Give each request an id, for its response and for the lines that are logged meanwhile."""

    def with_request_id(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        trusted = environ[TRUSTED] = _is_trusted(environ.get("REMOTE_ADDR", ""), proxy)
        known = trusted and re.fullmatch(r"[\w-]{8,64}", given)
        environ["HTTP_X_REQUEST_ID"] = given if known else uuid.uuid4().hex[:16]
        _drop_what_fails(environ)
        environ[BY_PROXY] = not SENT_ON.isdisjoint(environ)
        token = log.REQUEST.set(environ["HTTP_X_REQUEST_ID"])
        try:
            return app(environ, start_response)
        finally:
            log.REQUEST.reset(token)

    return with_request_id


def _drop_what_fails(environ: WSGIEnvironment) -> None:
    """Drop headers that browsers do not send here, and that werkzeug fails on."""
    for name in ("HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE"):  # else an error with the whole file
        environ.pop(name, None)
    if not environ.get("HTTP_AUTHORIZATION", "").isascii():
        del environ["HTTP_AUTHORIZATION"]
    try:
        environ.get("HTTP_COOKIE", "").encode("latin-1").decode()
    except UnicodeError:
        del environ["HTTP_COOKIE"]


def _with_headers(app: WSGIApplication, pages: headers.Headers) -> WSGIApplication:
    """Add the security headers that a response does not set itself."""

    def with_headers(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, given: headers.Headers, *args: Any) -> Any:
            wanted = headers.DATA if ("Content-Type", "application/json") in given else pages
            if environ["wsgi.url_scheme"] == "https":
                wanted = [*wanted, *headers.TLS]
            names = {name.lower() for name, _ in given}
            more = [it for it in wanted if it[0].lower() not in names]
            number = ("X-Request-ID", environ["HTTP_X_REQUEST_ID"])
            return start_response(status, [*given, *more, number], *args)

        return app(environ, start)

    return with_headers


def _logged(app: WSGIApplication) -> WSGIApplication:
    """Log each request with the address of its client."""

    def logged(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, *args: Any) -> Any:
            path = quote(environ["PATH_INFO"].encode("latin-1"))  # no line breaks in the log
            request = f"{environ['REQUEST_METHOD']} {environ['SCRIPT_NAME']}{path}"
            logger.info('%s "%s" %s', environ.get("REMOTE_ADDR"), request, status[:3])
            return start_response(status, *args)

        return app(environ, start)

    return logged
