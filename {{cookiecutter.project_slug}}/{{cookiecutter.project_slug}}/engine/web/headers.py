"""The headers of every answer that tell a browser what it may do with the page."""

from dash import Dash

from ..settings import Server
from . import csp

Headers = list[tuple[str, str]]

# After OWASP's list of secure headers. Cross-Origin-Embedder-Policy is left out, as a page needs
# none without shared memory, and it would forbid a map's tiles; Clear-Site-Data, as one cannot log
# out of HTTP's own passwords. JSON, which no browser shows as a page, has DATA alone.
DATA: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),  # unless an answer says otherwise, as the bundles do
]
PAGES: Headers = [
    ("Referrer-Policy", "no-referrer"),
    ("X-Permitted-Cross-Domain-Policies", "none"),
    ("X-DNS-Prefetch-Control", "off"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
# A browser does not take these without TLS, and complains of the second.
TLS: Headers = [
    ("Strict-Transport-Security", "max-age=31536000"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]


def pages(app: Dash, server: Server) -> Headers:
    """Return the headers of all answers but JSON; to be asked for when the page is complete."""
    framed = [] if server.frame_ancestors else [("X-Frame-Options", "SAMEORIGIN")]
    return [("Content-Security-Policy", csp.policy(app, server)), *framed, *PAGES, *DATA]
