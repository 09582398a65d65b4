"""The listening server: waitress, with as many connections as the system has room for."""

import contextlib
import logging
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

from ..config.types import SettingError
from ..settings import Server

logger = logging.getLogger(__name__)

WINDOWS = 500  # connections: its select takes 512 files
FILES = 20_000  # to be open at once
SPARE = 100  # of them for all that is no connection
# Waitress does not log that it refuses a large body, and Flask does. So waitress lets bodies of up
# to this many times the allowed size through to Flask.
SAID = 10


def listen(app: Flask, server: Server) -> Any:
    """Open a waitress server. Raises SettingError."""
    try:
        listening = waitress.create_server(
            app,
            sockets=bind(server.host, server.port),
            threads=server.threads,
            connection_limit=min(server.connection_limit, room()),
            channel_timeout=server.channel_timeout.total_seconds(),
            max_request_body_size=SAID * server.max_body_bytes,
            asyncore_use_poll=hasattr(select, "poll"),
            ident=None,  # nobody needs to know what serves
            clear_untrusted_proxy_headers=False,  # front.py does, for every server
        )
    except (OSError, ValueError) as error:
        raise SettingError(
            f"server.port = {server.port} on server.host = {server.host!r} cannot be listened on "
            f"({error}): stop what uses it, or choose another with --port."
        ) from error
    return listening


def bind(host: str, port: int) -> list[socket.socket]:
    """Return a socket for each address of a host, bound to a port that nobody else has."""
    kind, flags = socket.SOCK_STREAM, socket.AI_PASSIVE
    with contextlib.ExitStack() as opened:
        bound = []
        for family, _, protocol, _, address in socket.getaddrinfo(host, port, 0, kind, 0, flags):
            it = opened.enter_context(socket.socket(family, kind, protocol))
            if sys.platform == "win32":  # where SO_REUSEADDR would share it
                it.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                it.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            it.bind(address)
            bound.append(it)
        opened.pop_all()
    return bound


def run(listening: Any, stopping: Callable[[], bool], seconds: float) -> None:
    """Serve until it is to stop, then for so many seconds at most until all answers are sent.

    Waitress's own `run` ends at once, and what it has not sent by then is cut short.
    """
    sockets = _sockets(listening)

    def turn(timeout: float) -> None:
        wasyncore.loop(timeout, listening.adj.asyncore_use_poll, sockets, count=1)

    while not stopping():
        turn(timeout=1)
    for it in list(sockets.values()):
        if isinstance(it, BaseWSGIServer):
            wasyncore.dispatcher.close(it)  # the socket alone: threads still wake this loop
    end = time.monotonic() + seconds
    while open_ := [it for it in sockets.values() if isinstance(it, HTTPChannel)]:
        if time.monotonic() > end:
            logger.warning("stopped before %d connections had their answers", len(open_))
            break
        for channel in open_:
            busy = channel.requests or channel.request or channel.total_outbufs_len
            channel.will_close = channel.will_close or not busy
        turn(timeout=0.1)
    listening.task_dispatcher.shutdown()
    wasyncore.close_all(sockets)


def _sockets(listening: Any) -> dict[int, Any]:
    """Return all sockets of a server, or of one with several addresses."""
    sockets: dict[int, Any] = getattr(listening, "map", None) or listening._map
    return sockets


def port(listening: Any) -> int:
    """Return the port of a server; a name such as localhost may stand for several addresses."""
    return int(getattr(listening, "effective_port", None) or listening.effective_listen[0][1])


def room() -> int:
    """Let this process open as many files as it may, and return how many can be connections."""
    if sys.platform == "win32":
        return WINDOWS
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems allow less than they say
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, FILES), hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - SPARE, SPARE) if soft != resource.RLIM_INFINITY else FILES
