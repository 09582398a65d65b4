"""Requests without a client, in which the answers for all viewers are computed."""

import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from dash import Dash
from flask import Response, g, make_response, request, session
from flask.sessions import SessionMixin
from werkzeug.test import create_environ

# Where Dash's callback context tells of the client.
CLIENT = frozenset({"args", "cookies", "headers", "origin", "path", "remote"})


@dataclass(frozen=True)
class Anonymous:
    """What a callback has read that would tell of the client, in the order of reading."""

    session: SessionMixin
    reads: dict[str, None] = field(default_factory=dict)

    def looked_for(self) -> list[str]:
        """Return where a client was looked for."""
        used = self.session.accessed or self.session.modified
        return [*self.reads, *(["session"] if used else [])]


RUNNING: ContextVar[Anonymous | None] = ContextVar("RUNNING", default=None)


def install(app: Dash) -> None:
    """Have `respond` note what a callback reads, once Dash itself has read what it needs."""
    initialize = app._initialize_context

    def initialize_and_watch(body: Any) -> Any:
        context = initialize(body)
        if RUNNING.get():
            _watch("callback_context", context, CLIENT)
            _watch("request", _real(request))
            _watch("g", _real(g))
        return context

    app._initialize_context = initialize_and_watch  # type: ignore[method-assign]


def respond(
    app: Dash, path: str, body: Mapping[str, Any], view: Callable[[], Any]
) -> tuple[Response, list[str]]:
    """Call Dash's view for nobody; return its response, and where a callback looked for a client.

    There are no cookies, headers or address, the session is empty, and no hooks have run that
    tell who asks. So the response cannot depend on them, even if a look at them goes unnoticed.
    """
    kind = "application/json"
    environ = create_environ(path, method="POST", data=json.dumps(body), content_type=kind)
    with app.server.request_context(environ):
        anonymous = Anonymous(_real(session))
        anonymous.session.accessed = anonymous.session.modified = False
        token = RUNNING.set(anonymous)
        try:
            response = make_response(view())
        except Exception as error:
            if looked_for := anonymous.looked_for():
                return Response(status=500), looked_for
            RUNNING.set(None)  # Flask reads the request itself
            return make_response(app.server.handle_user_exception(error)), []
        finally:
            RUNNING.reset(token)
        sets = ["callback_context.response"] if "Set-Cookie" in response.headers else []
        return response, anonymous.looked_for() + sets


def in_vain() -> bool:
    """Whether what runs now has looked for a client where there is none."""
    running = RUNNING.get()
    return running is not None and bool(running.looked_for())


def _real(proxy: Any) -> Any:
    """Return what is behind a proxy of Flask's."""
    return proxy._get_current_object()


def _watch(name: str, it: Any, attributes: frozenset[str] | None = None) -> None:
    kind: Any = type(it)
    object.__setattr__(it, "__class__", _watched(kind, name, attributes))


@cache
def _watched(kind: Any, name: str, attributes: frozenset[str] | None) -> type:
    """Return a class that notes each reading of some attributes of its instances, or of all."""

    class Watched(kind):  # type: ignore[misc]
        def __getattribute__(self, attribute: str) -> Any:
            running = RUNNING.get()
            if running and (attributes is None or attribute in attributes):
                running.reads.setdefault(f"{name}.{attribute}")
            return super().__getattribute__(attribute)

    return Watched
