"""The short way: answers that need no Flask, which costs more than most of them."""

from collections.abc import Callable
from typing import Any

from dash import Dash
from flask_compress import Compress

from .kept import Kept

Environ = dict[str, Any]
Answer = Callable[[Environ], Kept | None]


class ShortWay:
    """Answers some requests in front of Flask, as long as nobody else guards the server.

    A hook that somebody has registered, for authentication or else, a view put in place of the
    one that stood there, or trusted hosts leave the answer to Flask. So does a client that is not
    known: without the guard of `auth` one with a cookie or a password, which may be of somebody's.
    """

    def __init__(self, app: Dash, compress: Compress) -> None:
        self._server = app.server
        # Dash's own, which has one more with pages.
        self._before = {None: [*app.server.before_request_funcs[None]]}
        self._after = {None: [compress.after_request]}
        self._routes: dict[tuple[str, str], tuple[str, Any, Answer]] = {}
        self._knows: Callable[[Environ], bool] = _is_nobody
        self._flask, app.server.wsgi_app = app.server.wsgi_app, self._answer
        app.server.extensions["short_way"] = self

    def guard(self, hook: Callable[[], Any], knows: Callable[[Environ], bool]) -> None:
        """Stay open for clients that are known, and whom the hook would let through."""
        self._before[None].append(hook)
        self._knows = knows

    def add(self, method: str, path: str, endpoint: str, answer: Answer) -> None:
        """Answer what else an endpoint's view would; None leaves it to that."""
        self._routes[method, path] = endpoint, self._server.view_functions[endpoint], answer

    def _answer(self, environ: Environ, start_response: Callable[..., Any]) -> Any:
        route = self._routes.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if route and self._is_open(environ, *route[:2]) and (answer := route[2](environ)):
            start_response("200 OK", list(answer.headers))
            return [answer.body]
        return self._flask(environ, start_response)

    def _is_open(self, environ: Environ, endpoint: str, view: Any) -> bool:
        return (
            self._knows(environ)
            and self._server.before_request_funcs == self._before
            and self._server.after_request_funcs == self._after
            and not self._server.url_value_preprocessors
            and self._server.config["TRUSTED_HOSTS"] is None
            and self._server.view_functions[endpoint] == view
        )


def _is_nobody(environ: Environ) -> bool:
    return "HTTP_COOKIE" not in environ and "HTTP_AUTHORIZATION" not in environ
