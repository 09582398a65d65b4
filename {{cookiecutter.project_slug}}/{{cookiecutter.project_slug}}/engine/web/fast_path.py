"""The fast path: serves cached responses without Flask, which would take most of the time."""

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from itertools import chain
from typing import Any
from wsgiref.types import WSGIEnvironment

from dash import Dash
from flask import Flask, request_finished, request_started, request_tearing_down

from .dash_internals import is_dashs
from .response_cache import CachedResponse

logger = logging.getLogger(__name__)

Answer = Callable[[WSGIEnvironment], CachedResponse | None]
SIGNALS = (request_started, request_finished, request_tearing_down)
# Methods that handle a request in Flask, and that a subclass may override.
METHODS = (
    "request_context",
    "full_dispatch_request",
    "preprocess_request",
    "dispatch_request",
    "process_response",
)


class FastPath:
    """Answers some requests before they reach Flask, if nothing else can affect the response.

    All requests go through Flask if there are hooks (for authentication, say) that are not Dash's,
    middleware, signal receivers, trusted hosts or replaced views. So do requests of clients that
    `auth` does not know; without users, requests with a cookie or a password.
    """

    def __init__(self, app: Dash) -> None:
        self._server: Flask = app.server
        self._hooks: list[Callable[..., Any]] = []
        self._routes: dict[tuple[str, str], tuple[str, Any, Answer]] = {}
        self._knows: Callable[[WSGIEnvironment], bool] = _is_nobody
        self._said: set[str] = set()
        self._flask = app.server.wsgi_app
        self._wrapped = _overridden(app.server, ["wsgi_app"])
        app.server.wsgi_app = self._answer

    def guard(self, hook: Callable[[], Any], knows: Callable[[WSGIEnvironment], bool]) -> None:
        """Allow a hook; it would let through the clients that `knows` accepts."""
        self._hooks.append(hook)
        self._knows = knows

    def add(self, method: str, path: str, endpoint: str, answer: Answer) -> None:
        """Answer requests for an endpoint; if `answer` returns None, its view does."""
        self._routes[method, path] = endpoint, self._server.view_functions[endpoint], answer

    def _answer(self, environ: WSGIEnvironment, start_response: Callable[..., Any]) -> Any:
        route = self._routes.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if route and self._is_open(environ, *route[:2]) and (answer := route[2](environ)):
            start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", [*answer.headers])
            return [answer.body]
        return self._flask(environ, start_response)

    def _is_open(self, environ: WSGIEnvironment, endpoint: str, view: Any) -> bool:
        if why := self._wrapped or self._foreign(endpoint, view):
            if why not in self._said:
                logger.warning("the fast path is off, and all requests go through Flask: %s", why)
                self._said.add(why)
            return False
        return self._knows(environ)

    def _foreign(self, endpoint: str, view: Any) -> str:
        """Return what else can affect responses, or nothing."""
        server = self._server
        by_blueprint = (
            server.before_request_funcs,
            server.after_request_funcs,
            server.teardown_request_funcs,
            server.url_value_preprocessors,
        )
        named = (hooks for funcs in by_blueprint for hooks in funcs.values())
        for hook in chain(*named, server.teardown_appcontext_funcs):
            if not is_dashs(hook) and hook not in self._hooks:
                return f"the hook {_name(hook)} runs for them"
        if overridden := _overridden(server, METHODS):
            return overridden
        if any(signal.receivers for signal in SIGNALS):
            return "Flask's signals have receivers"
        if server.config["TRUSTED_HOSTS"] is not None:
            return "TRUSTED_HOSTS is set"
        if server.view_functions[endpoint] != view:
            return f"the view {endpoint} was replaced by {_name(server.view_functions[endpoint])}"
        return ""


def _overridden(server: Flask, names: Iterable[str]) -> str:
    """Return which of Flask's methods is replaced by what, or nothing."""
    for name in names:
        method = getattr(server, name)
        if getattr(method, "__func__", None) is not getattr(Flask, name):
            return f"{name} is {_name(method)}"
    return ""


def _name(function: Any) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', '')}.{name}"


def _is_nobody(environ: WSGIEnvironment) -> bool:
    return "HTTP_COOKIE" not in environ and "HTTP_AUTHORIZATION" not in environ
