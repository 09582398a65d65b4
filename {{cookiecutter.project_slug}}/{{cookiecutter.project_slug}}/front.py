"""What stands in front of the application: the headers of a trusted proxy, and the access log."""

import logging
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from flask import Flask
from waitress.proxy_headers import proxy_headers_middleware

from .setting import Settings

logger = logging.getLogger(__name__)

HEADERS = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"}

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def install(server: Flask, settings: Settings) -> None:
    """Put it in front, whatever serves: what a client itself says of a proxy is not believed."""
    app: Any = _logged(server.wsgi_app) if settings.log.access else server.wsgi_app
    trusted = settings.server.trusted_proxy or None
    server.wsgi_app = proxy_headers_middleware(  # type: ignore[method-assign]
        app,
        trusted_proxy=trusted,
        trusted_proxy_headers=HEADERS if trusted else None,
        clear_untrusted=True,
    )


def _logged(app: Application) -> Application:
    """Log each request, with the address of its client."""

    def logged(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, *args: Any) -> Any:
            path = quote(environ["PATH_INFO"].encode("latin-1"))  # a line break cannot be logged
            request = f"{environ['REQUEST_METHOD']} {environ['SCRIPT_NAME']}{path}"
            logger.info('%s "%s" %s', environ.get("REMOTE_ADDR"), request, status[:3])
            return start_response(status, *args)

        return app(environ, start)

    return logged
