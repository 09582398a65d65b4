"""Middleware that decompresses request bodies; Dash 4.5 can send compressed ones."""

import contextlib
import zlib
from collections.abc import Iterable
from io import BytesIO
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

GZIP = zlib.MAX_WBITS | 16  # the format, as zlib's functions call it


def decompress(app: WSGIApplication, max_bytes: int) -> WSGIApplication:
    """Give an application decompressed bodies.

    A body that is too large is cut one byte above `max_bytes`, so that it is refused.
    """

    def decompressed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip" and 0 < length <= max_bytes:
            body = environ["wsgi.input"].read(length)
            with contextlib.suppress(zlib.error):  # the application refuses a broken body
                body = zlib.decompressobj(GZIP).decompress(body, max_bytes + 1)
            environ.update({"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))})
            del environ["HTTP_CONTENT_ENCODING"]
        return app(environ, start_response)

    return decompressed
