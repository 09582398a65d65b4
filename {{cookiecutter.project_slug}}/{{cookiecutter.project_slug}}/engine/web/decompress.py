"""Middleware that decompresses requests, which Dash 4.5 compresses if a callback asks for it."""

import contextlib
import zlib
from collections.abc import Iterable
from io import BytesIO
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

GZIP = zlib.MAX_WBITS | 16  # the format, as zlib's functions call it


def decompress(app: WSGIApplication, max_bytes: int) -> WSGIApplication:
    """Have an application get bodies as they were before compression.

    Of a body that is too large it gets as much as it needs to see that.
    """

    def decompressed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip" and 0 < length <= max_bytes:
            body = environ["wsgi.input"].read(length)
            with contextlib.suppress(zlib.error):  # the application refuses what it cannot read
                body = zlib.decompressobj(GZIP).decompress(body, max_bytes + 1)
            environ.update({"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))})
            del environ["HTTP_CONTENT_ENCODING"]
        return app(environ, start_response)

    return decompressed
