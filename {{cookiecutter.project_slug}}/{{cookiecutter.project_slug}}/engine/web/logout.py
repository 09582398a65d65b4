"""Logging out: ends the session, and makes the browser forget the password.

A browser keeps the password of HTTP basic authentication until the server rejects it or another one
works. So logout.js logs in as NOBODY, whom only this route accepts.
"""

from collections.abc import Callable

from flask import Blueprint, Response, abort, redirect, request, session
from werkzeug.wrappers import Response as BaseResponse

from .plain_page import plain_page

NOBODY = "*"  # also in logout.js


def is_nobody() -> bool:
    """Return whether a request has the credentials that replace a user's after logging out."""
    given = request.authorization
    return given is not None and given.type == "basic" and given.username == NOBODY


def routes(
    title: str, prefix: str, end_session: Callable[[], None], challenge: Callable[[], Response]
) -> Blueprint:
    """Return the route, and its page, which says that the user is logged out."""
    found = Blueprint("logout", __name__, url_prefix=prefix)

    @found.get("/_logout")
    def page() -> str | BaseResponse:
        if session:
            return redirect(prefix)
        said = "This browser has forgotten the password."
        return plain_page(title, "You are logged out", said, "Log in again", prefix)

    @found.post("/_logout")
    def log_out() -> Response:
        if not request.is_json:  # a page of another site cannot send JSON
            abort(415)
        end_session()
        return Response(status=204) if is_nobody() else challenge()

    return found
