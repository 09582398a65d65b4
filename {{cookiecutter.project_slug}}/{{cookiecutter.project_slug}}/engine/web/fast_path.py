"""The fast path: serves cached responses without Flask, where most of the time would go."""

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from itertools import chain
from typing import Any
from wsgiref.types import WSGIEnvironment

from dash import Dash
from flask import Flask, request_finished, request_started, request_tearing_down

from .dash_internals import is_from_dash
from .response_cache import CachedResponse

logger = logging.getLogger(__name__)

Handler = Callable[[WSGIEnvironment], CachedResponse | None]
# In the environ: whether the response is the same for everyone, so that proxies may cache it.
PUBLIC = "dashboard.public"
SIGNALS = (request_started, request_finished, request_tearing_down)
# Flask's request-handling methods, which a subclass may override.
METHODS = (
    "request_context",
    "full_dispatch_request",
    "preprocess_request",
    "dispatch_request",
    "process_response",
)


class FastPath:
    """Answers some requests before they reach Flask, if nothing else can affect the response.

    Every request goes through Flask if the app has hooks other than Dash's (for authentication,
    say), middleware, signal receivers, trusted hosts or replaced views. So do requests that `auth`
    does not recognize or, if no users are configured, that carry a cookie or a password.
    """

    def __init__(self, app: Dash) -> None:
        self._server: Flask = app.server
        self._hooks: list[Callable[..., Any]] = []
        self._routes: dict[tuple[str, str], tuple[str, Any, Handler]] = {}
        self._accepts: Callable[[WSGIEnvironment], bool] = _is_anonymous
        self._logged: set[str] = set()
        self._flask = self._complete = app.server.wsgi_app
        self._wrapped = _overridden(app.server, ["wsgi_app"])
        app.server.wsgi_app = self._handle

    def allow(self, hook: Callable[[], Any], accepts: Callable[[WSGIEnvironment], bool]) -> None:
        """Ignore a hook that would let through every request that `accepts` accepts."""
        self._hooks.append(hook)
        self._accepts = accepts

    def add(self, method: str, path: str, endpoint: str, handler: Handler) -> None:
        """Let `handler` answer requests for an endpoint; if it returns None, the view does."""
        self._routes[method, path] = endpoint, self._server.view_functions[endpoint], handler

    def seal(self) -> None:
        """Take the middleware as complete: what is added later may be a guard."""
        self._complete = self._server.wsgi_app

    def is_public(self, endpoint: str) -> bool:
        """Return whether a route's responses may be the same for everyone, after `seal`."""
        views = (it[1] for it in self._routes.values() if it[0] == endpoint)
        return self._is_open() and not any(self._reason(endpoint, view) for view in views)

    def _handle(self, environ: WSGIEnvironment, start_response: Callable[..., Any]) -> Any:
        route = self._routes.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        is_allowed = route is not None and self._is_allowed(environ, *route[:2])
        environ[PUBLIC] = is_allowed and self._is_open()
        if route and is_allowed and (response := route[2](environ)):
            status = f"{response.status} {HTTPStatus(response.status).phrase}"
            start_response(status, [*response.headers])
            return [response.body]
        return self._flask(environ, start_response)

    def _is_allowed(self, environ: WSGIEnvironment, endpoint: str, view: Any) -> bool:
        if reason := self._reason(endpoint, view):
            if reason not in self._logged:
                text = "the fast path is off, and all requests go through Flask: %s"
                logger.warning(text, reason)
                self._logged.add(reason)
            return False
        return self._accepts(environ)

    def _is_open(self) -> bool:
        """Return whether no login is required, as far as the app can know."""
        return self._accepts is _is_anonymous and self._server.wsgi_app == self._complete

    def _reason(self, endpoint: str, view: Any) -> str:
        """Return what else can affect a route's responses, or ""."""
        server = self._server
        if self._wrapped:
            return self._wrapped
        by_blueprint = (
            server.before_request_funcs,
            server.after_request_funcs,
            server.teardown_request_funcs,
            server.url_value_preprocessors,
        )
        named = (hooks for funcs in by_blueprint for hooks in funcs.values())
        for hook in chain(*named, server.teardown_appcontext_funcs):
            if not is_from_dash(hook) and hook not in self._hooks:
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
    """Return which of Flask's methods is replaced and by what, or ""."""
    for name in names:
        method = getattr(server, name)
        if getattr(method, "__func__", None) is not getattr(Flask, name):
            return f"{name} is {_name(method)}"
    return ""


def _name(function: Any) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{function.__module__}.{name}"


def _is_anonymous(environ: WSGIEnvironment) -> bool:
    return "HTTP_COOKIE" not in environ and "HTTP_AUTHORIZATION" not in environ
