"""Runs nginx on the first core: as a cache in front of a server, or with a static file."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers import CORES, Server, free_port, pin, running, wait_for

# As in Debian's nginx.conf, with a line for each request that reaches the server behind.
CONFIG = """
daemon off; user root; pid {folder}/pid; error_log {folder}/error.log; worker_rlimit_nofile 10000;
events {{ worker_connections 5000; }}
http {{
    sendfile on; tcp_nopush on;
    log_format origin "$msec $uri";
    access_log {folder}/origin.log origin if=$upstream_addr;
    keepalive_requests 1000000;
    {block}
}}
"""
STATIC = """
server {{
    listen 127.0.0.1:{port};
    location = /view {{
        alias {file};
        default_type application/json;
        add_header Content-Encoding gzip;
        add_header Cache-Control "public, max-age=86400, immutable";
    }}
}}
"""
# What a project needs behind its own configuration of nginx.
SETTINGS = {"server__url_prefix": "/dashboard/", "server__trusted_proxy": "127.0.0.1"}


@dataclass(frozen=True)
class Front:
    """A server behind nginx, and what reached the server."""

    server: Server  # its address is nginx's
    log: Path

    def requests(self) -> list[tuple[float, str]]:
        """Return the time and path of each request that nginx did not answer itself."""
        lines = self.log.read_text("utf-8").splitlines()
        return [(float(at), path) for at, path in map(str.split, lines)]


@contextmanager
def caching(live: Path, origin: Server) -> Iterator[Front]:
    """Run nginx with the project's own configuration in front of a server."""
    port = free_port()
    block = (live / "deploy" / "nginx.conf").read_text("utf-8")
    block = block.replace("127.0.0.1:8050", origin.url.split("/")[2])
    block = re.sub(r"listen \d+", f"listen 127.0.0.1:{port} backlog=5000", block)
    server = Server(f"http://127.0.0.1:{port}/dashboard", origin.kind, origin.processes)
    with _nginx(block) as folder:
        wait_for(server)
        yield Front(server, folder / "origin.log")


@contextmanager
def static(file: Path) -> Iterator[Server]:
    """Run nginx with a compressed file at /view."""
    port = free_port()
    server = Server(f"http://127.0.0.1:{port}", "static", ())
    with _nginx(STATIC.format(port=port, file=file)):
        wait_for(server, "/view")
        yield server


@contextmanager
def _nginx(block: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        block = re.sub(r"/var/cache/\w+", f"{folder}/cache", block)
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, block=block), "utf-8")
        with running(["nginx", "-e", "stderr", "-c", str(config)], folder) as process:
            pin(CORES[:1], process)
            yield folder
