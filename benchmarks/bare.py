"""Waitress alone, serving a file. Run as: python bare.py PORT FILE HEADERS, which are JSON."""

import json
import sys
from pathlib import Path

import waitress

BODY = Path(sys.argv[2]).read_bytes()
HEADERS = [(name, value) for name, value in json.loads(sys.argv[3])]


def application(environ, start_response):
    """Send the same response to every request."""
    start_response("200 OK", list(HEADERS))
    return [BODY]


waitress.serve(application, host="127.0.0.1", port=int(sys.argv[1]), threads=8)
