"""The security headers of every response."""

from dash import Dash

from ..settings import Server
from . import csp

Headers = list[tuple[str, str]]

# From OWASP's list of secure headers. Two are left out: Cross-Origin-Embedder-Policy would block
# map tiles, and matters only with shared memory; Clear-Site-Data would log out of everything else
# on the same domain, too. JSON, which no browser shows as a page, gets only DATA.
DATA: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "private, no-store"),  # unless a response has its own, as bundles do
]
PAGES: Headers = [
    ("Referrer-Policy", "no-referrer"),
    ("X-Permitted-Cross-Domain-Policies", "none"),
    ("X-DNS-Prefetch-Control", "off"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
# Browsers ignore these without TLS, and warn about the second.
TLS: Headers = [
    ("Strict-Transport-Security", "max-age=31536000"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]


def pages(app: Dash, server: Server) -> Headers:
    """Return the headers for all responses except JSON; call it once the app is fully set up."""
    framed = [] if server.frame_ancestors else [("X-Frame-Options", "SAMEORIGIN")]
    return [("Content-Security-Policy", csp.policy(app, server)), *framed, *PAGES, *DATA]
