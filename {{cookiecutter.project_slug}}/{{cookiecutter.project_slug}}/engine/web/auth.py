"""Who may see the dashboard: HTTP basic authentication, then a signed session cookie."""

import secrets
from hashlib import sha256
from threading import Lock
from typing import Any
from wsgiref.types import WSGIEnvironment

from cachetools import TTLCache
from dash import Dash
from flask import Flask, Response, request, session
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature
from werkzeug.datastructures import Authorization
from werkzeug.http import parse_cookie

from ..settings import AnySettings
from . import logout
from .credentials import PAUSE, Credentials, TooManyFailures
from .fast_path import FastPath
from .operators import is_operator

OPEN = {"health.healthz", "metrics_off", "logout.page", "logout.log_out"}
FOR_OPERATORS = {"health.readyz", "metrics"}


def install(app: Dash, name: str, settings: AnySettings, fast_path: FastPath) -> None:
    """Require a password for all routes except `OPEN` if there are users.

    The cookie is named after the dashboard, as several dashboards may share a host.
    """
    if not settings.auth.users:
        return
    auth = BasicAuth(app.server, name, settings, fast_path)
    prefix = app.config.routes_pathname_prefix
    routes = logout.routes(settings.app.title, prefix, auth.end_session, auth.challenge)
    app.server.register_blueprint(routes)


def warning(settings: AnySettings) -> str:
    """Return a warning about a server that others can reach without a password, or nothing."""
    host = settings.server.host
    if settings.auth.users or host in ("localhost", "127.0.0.1", "::1"):
        return ""
    return (
        f"server.host = {host!r} exposes the dashboard to everyone who can reach this machine: "
        "set auth.users, unless a proxy requires a login"
    )


class Session(SecureCookieSessionInterface):
    """A session whose cookie is sent only over TLS if it was set over TLS."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


class BasicAuth:
    """Checks a password once, and after that the signed session cookie.

    The server stores no sessions. It remembers those ended by logging out, but only in this
    process: others accept a copy of such a cookie until it expires.
    """

    def __init__(
        self, server: Flask, name: str, settings: AnySettings, fast_path: FastPath
    ) -> None:
        self._name, self._cookie = name, f"{name}_session"
        self._auth, self._lock = settings.auth, Lock()
        self._hashes = {name: it.get_secret_value() for name, it in settings.auth.users.items()}
        self._credentials = Credentials(self._hashes)
        self._known: TTLCache[str, bool] = TTLCache(10_000, 60)
        self._ended: TTLCache[str, bool] = TTLCache(10_000, settings.auth.session.total_seconds())
        server.session_interface = Session()
        server.config.update(
            # Its own name and path, because all dashboards on a host share the browser's cookies.
            SESSION_COOKIE_NAME=self._cookie,
            SESSION_COOKIE_PATH=settings.server.url_prefix,
            SESSION_COOKIE_SAMESITE="Lax",
            SESSION_REFRESH_EACH_REQUEST=False,
            PERMANENT_SESSION_LIFETIME=settings.auth.session,
        )
        self._signer: Any = server.session_interface.get_signing_serializer(server)
        server.before_request(self.check)
        fast_path.allow(self.check, self.knows)

    def check(self) -> Response | None:
        """Let a request through, or ask for a password."""
        if request.endpoint in OPEN or self._has_session(request.environ):
            return None
        if session:
            has_ended = self._has_ended(session.get("id"))
            session.clear()  # or the user was removed, or has a new password
            if has_ended:  # a request from before, which still has the password
                return self.challenge()
        if request.endpoint in FOR_OPERATORS and is_operator(self._auth):
            return None
        given = request.authorization
        if given is None or given.type != "basic" or logout.is_nobody():
            return self.challenge()
        name, password = given.username or "", given.password or ""
        try:
            if not self._credentials.check(name, password, request.remote_addr or ""):
                return self.challenge()
        except TooManyFailures:
            said = "Too many wrong passwords: wait a minute.\n"
            return Response(said, 429, {"Retry-After": str(PAUSE)}, mimetype="text/plain")
        session.permanent = True
        session["user"] = {"email": name, "groups": []}  # as in dash-auth
        session["mark"] = _mark(self._hashes[name])
        session["id"] = secrets.token_hex(8)
        return None

    def end_session(self) -> None:
        """Delete a request's session, and reject copies of its cookie."""
        if id_ := session.get("id"):
            with self._lock:
                self._ended[id_] = True
                self._known.clear()
        session.clear()

    def knows(self, environ: WSGIEnvironment) -> bool:
        """Return whether a request has a valid session or a password that was checked before."""
        if self._has_session(environ):
            return True
        given = Authorization.from_header(environ.get("HTTP_AUTHORIZATION"))
        if given is None or given.type != "basic":
            return False
        return self._credentials.knows(given.username or "", given.password or "")

    def _has_session(self, environ: WSGIEnvironment) -> bool:
        """Return whether a request has the session of a user whose password is still the same."""
        cookie = environ.get("HTTP_COOKIE", "")
        with self._lock:
            if cookie in self._known:
                return True
        if not self._is_signed(cookie):
            return False
        if len(cookie) < 4_000:
            with self._lock:
                self._known[cookie] = True
        return True

    def _is_signed(self, cookie: str) -> bool:
        value = parse_cookie(cookie).get(self._cookie, "")
        try:
            said = self._signer.loads(value, max_age=self._auth.session.total_seconds())
            mark = _mark(self._hashes[said["user"]["email"]])
            return secrets.compare_digest(mark, said["mark"]) and not self._has_ended(said["id"])
        except (BadSignature, LookupError, TypeError):
            return False

    def _has_ended(self, id_: Any) -> bool:
        with self._lock:
            return id_ in self._ended

    def challenge(self) -> Response:
        """Ask for a password.

        A script of the page gets no challenge: the browser would open a dialog and hold the
        request back. The script reloads the page instead.
        """
        challenge = {"WWW-Authenticate": f'Basic realm="{self._name}", charset="UTF-8"'}
        if request.headers.get("X-Requested-With") == "XMLHttpRequest":
            challenge = {}
        return Response("Log in.\n", 401, challenge, mimetype="text/plain")


def _mark(hash_: str) -> str:
    """Return a digest of a password's hash, to notice that it has changed."""
    return sha256(hash_.encode()).hexdigest()[:32]
