"""Serves with waitress; contains everything that relies on undocumented parts of waitress 3."""

import contextlib
import logging
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from wsgiref.types import WSGIApplication

import waitress
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.proxy_headers import proxy_headers_middleware
from waitress.server import BaseWSGIServer

from ..config.types import SettingError
from ..settings import Server

logger = logging.getLogger(__name__)

PROXY_HEADERS = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"}
MAX_ON_WINDOWS = 500  # connections: select() on Windows handles at most 512 sockets
MAX_FILES = 20_000  # open at once
RESERVED_FILES = 100  # for open files other than connections
POLL = hasattr(select, "poll")
# Waitress passes on bodies up to this many times the limit, because Flask logs a body that is too
# large and waitress does not.
BODY_FACTOR = 10


class Listening(NamedTuple):
    """A listening server, and all its sockets by file descriptor."""

    server: Any
    sockets: dict[int, Any]


def listen(app: WSGIApplication, server: Server) -> Listening:
    """Start listening. Raises SettingError."""
    sockets: dict[int, Any] = {}
    try:
        listening = waitress.create_server(
            app,
            map=sockets,
            sockets=_bind(server.host, server.port),
            threads=server.threads,
            connection_limit=min(server.connection_limit, max_connections()),
            channel_timeout=server.channel_timeout.total_seconds(),
            max_request_body_size=BODY_FACTOR * server.max_body_bytes,
            asyncore_use_poll=POLL,
            ident=None,  # hide the server's name from clients
            clear_untrusted_proxy_headers=False,  # the middleware does this on every server
        )
    except (OSError, ValueError) as error:
        raise SettingError(
            f"cannot listen on server.host = {server.host!r}, server.port = {server.port} "
            f"({error}): stop whatever uses the port, or choose another with --port."
        ) from error
    return Listening(listening, sockets)


def _bind(host: str, port: int) -> list[socket.socket]:
    """Return a socket for each address of a host, bound to a port that no other program uses."""
    kind, flags = socket.SOCK_STREAM, socket.AI_PASSIVE
    with contextlib.ExitStack() as opened:
        bound = []
        for family, _, protocol, _, address in socket.getaddrinfo(host, port, 0, kind, 0, flags):
            it = opened.enter_context(socket.socket(family, kind, protocol))
            if sys.platform == "win32":  # SO_REUSEADDR would share the port there
                it.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                it.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            it.bind(address)
            bound.append(it)
        opened.pop_all()
    return bound


def port(listening: Listening) -> int:
    """Return the port, even if the system chose it (port 0)."""
    ports = [it.socket.getsockname()[1] for it in _listeners(listening)]
    return int(ports[0])


def run(listening: Listening, stopping: Callable[[], bool], seconds: float) -> None:
    """Serve until `stopping` returns true, then finish sending responses for up to `seconds`.

    Waitress's own `run` returns immediately and cuts off unsent responses.
    """
    server, sockets = listening

    def poll(timeout: float) -> None:
        wasyncore.loop(timeout, POLL, sockets, count=1)

    while not stopping():
        poll(timeout=1)
    for it in _listeners(listening):
        wasyncore.dispatcher.close(it)  # closes only the socket: threads still wake this loop
    end = time.monotonic() + seconds
    while channels := [it for it in sockets.values() if isinstance(it, HTTPChannel)]:
        if time.monotonic() > end:
            logger.warning("stopped before %d connections were answered", len(channels))
            break
        for channel in channels:
            busy = channel.requests or channel.request or channel.total_outbufs_len
            channel.will_close = channel.will_close or not busy
        poll(timeout=0.1)
    server.task_dispatcher.shutdown()
    wasyncore.close_all(sockets)


def _listeners(listening: Listening) -> list[BaseWSGIServer]:
    """Return the dispatchers that accept connections, one per address of the host."""
    return [it for it in listening.sockets.values() if isinstance(it, BaseWSGIServer)]


def max_connections() -> int:
    """Raise the limit on open files, and return how many connections it allows."""
    if sys.platform == "win32":
        return MAX_ON_WINDOWS
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems allow less than they say
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MAX_FILES), hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_FILES
    return max(soft - RESERVED_FILES, RESERVED_FILES)


def with_proxy_headers(app: WSGIApplication, trusted: bool) -> WSGIApplication:
    """Take the client's address from a trusted proxy's headers, or drop those of anyone else."""
    options: dict[str, Any] = {}
    if trusted:
        options = {"trusted_proxy": "*", "trusted_proxy_headers": PROXY_HEADERS}
    wrapped: WSGIApplication = proxy_headers_middleware(app, **options, clear_untrusted=True)
    return wrapped
