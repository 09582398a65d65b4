"""The listening server: waitress, with as many connections as the system has room for."""

import contextlib
import select
from typing import Any

import waitress
from flask import Flask

from .setting import Server, SettingError

WINDOWS = 500  # connections: its select takes 512 files
FILES = 20_000  # to be open at once
SPARE = 100  # of them for all that is no connection


def listen(app: Flask, server: Server) -> Any:
    """Open a waitress server; `run` serves. Raises SettingError."""
    polls = hasattr(select, "poll")
    try:
        return waitress.create_server(
            app,
            host=server.host,
            port=server.port,
            threads=server.threads,
            connection_limit=min(server.connection_limit, room() if polls else WINDOWS),
            channel_timeout=server.channel_timeout.total_seconds(),
            max_request_body_size=server.max_body_bytes,
            asyncore_use_poll=polls,
            clear_untrusted_proxy_headers=False,  # front.py does, for every server
        )
    except (OSError, ValueError) as error:
        raise SettingError(
            f"server.port = {server.port} on server.host = {server.host!r} cannot be listened on "
            f"({error}): stop what uses it, or choose another with --port."
        ) from error


def port(listening: Any) -> int:
    """Return the port of a server; a name such as localhost may stand for several addresses."""
    return int(getattr(listening, "effective_port", None) or listening.effective_listen[0][1])


def room() -> int:
    """Let this process open as many files as it may, and return how many can be connections."""
    import resource  # POSIX only

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems allow less than they say
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, FILES), hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - SPARE, SPARE) if soft != resource.RLIM_INFINITY else FILES
