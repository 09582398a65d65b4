"""Runs nginx with one of the project's server blocks."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from helpers.processes import free_port, output, running, wait_until
from helpers.projects import Project
from helpers.servers import Server, reachable

# What a project needs behind nginx.
SETTINGS = {"SERVER__URL_PREFIX": "/dashboard/", "SERVER__TRUSTED_PROXY": "127.0.0.1"}


def nginx(server: Path, folder: Path) -> list[str | Path]:
    """Write an nginx configuration with one server block, check it, and return the command."""
    config = folder / "nginx.conf"
    # Its cache is in the folder, which only its owner may open.
    block = re.sub(r"/var/cache/\w+", f"{folder}/cache", server.read_text("utf-8"))
    lines = ["daemon off;", "user root;", f"pid {folder}/nginx.pid;", "error_log stderr;"]
    lines += ["worker_rlimit_nofile 4096;", "events { worker_connections 2048; }"]
    config.write_text("\n".join([*lines, f"http {{ access_log off; {block} }}"]), "utf-8")
    command = ["nginx", "-e", "stderr", "-c", config]
    output(*command, "-t")
    return command


@contextmanager
def behind_nginx(
    project: Project, server: Server, folder: Path, caches_all: bool = False, guard: str = ""
) -> Iterator[str]:
    """Run nginx with the project's configuration in front of a server, and yield its address.

    With `caches_all`, it is told by mistake to cache all requests that it can. `guard` answers
    whether a request may pass, as in the guide for single sign-on.
    """
    port = free_port()
    text = (project.path / "deploy" / "nginx.conf").read_text("utf-8")
    text = text.replace("127.0.0.1:8050", urlsplit(server.url).netloc)
    text = re.sub(r"listen \d+", f"listen 127.0.0.1:{port} backlog=2048", text)
    if caches_all:
        text = re.sub(r"proxy_(cache_bypass|no_cache|cache_lock) .*", "", text)
        text = re.sub(r"proxy_cache \w+;", "", text)
        cache = f"proxy_cache {project.slug}; proxy_cache_methods GET HEAD POST;"
        text = text.replace("server_tokens", f"{cache} server_tokens")
    if guard:
        location = f"location = /guard {{ internal; {guard} }} location /dashboard/ {{"
        text = text.replace("location /dashboard/ {", location + "auth_request /guard;")
    block = folder / "block.conf"
    block.write_text(text, "utf-8")
    with running(*nginx(block, folder)):
        url = f"http://127.0.0.1:{port}/dashboard/"
        wait_until(lambda: reachable(url + "healthz"))
        yield url
