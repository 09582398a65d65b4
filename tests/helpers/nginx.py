"""Runs nginx with one of the project's server blocks."""

from pathlib import Path

from helpers.processes import output


def nginx(server: Path, folder: Path) -> list[str | Path]:
    """Write an nginx configuration with one server block, check it, and return the command."""
    config = folder / "nginx.conf"
    lines = ["daemon off;", f"pid {folder}/nginx.pid;", "error_log stderr;", "events {}"]
    config.write_text("\n".join([*lines, f"http {{ access_log off; include {server}; }}"]), "utf-8")
    command = ["nginx", "-e", "stderr", "-c", config]
    output(*command, "-t")
    return command
