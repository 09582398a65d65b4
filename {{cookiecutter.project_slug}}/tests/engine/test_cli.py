import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import toy
from dash import Dash
from helpers import wait_until

from {{cookiecutter.project_slug}}.engine.page import Data

PREFIX = toy.PREFIX
COMMAND = [sys.executable, toy.__file__]
WINDOWS = os.name == "nt"


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@contextmanager
def serving(log: Path, *flags: str, **env: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Start the server on a free port, and yield its URL once it listens."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [*COMMAND, "--port", "0", *flags], stderr=output, env={**os.environ, **env}, text=True
        )
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"serving at (http://\S+)", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield found[1], process
    finally:
        process.kill()
        process.wait()


def test_the_server_serves_refreshes_and_stops_cleanly(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    often = {f"{PREFIX}REFRESH__EVERY": "1s", f"{PREFIX}REFRESH__DAILY_AT": ""}
    often[f"{PREFIX}APP__STALE_AFTER"] = "36500d"  # the sample may be old
    with serving(log, **often) as (url, process):
        assert get(f"{url}/healthz") == (200, "ok")
        refreshed: list[str] = []
        deadline = time.monotonic() + 60
        while len(refreshed) < 3 and time.monotonic() < deadline:
            code, body = get(f"{url}/readyz")
            ready = json.loads(body)
            assert (code, ready["version"] is None) in ((200, False), (503, True))
            if ready["refreshed"] and ready["refreshed"] not in refreshed:
                refreshed.append(ready["refreshed"])
            time.sleep(0.1)
        assert len(refreshed) == 3 and refreshed == sorted(refreshed)
        wait_until(lambda: f"version={ready['version']} rows=" in log.read_text())
        if not WINDOWS:  # Windows cannot ask another process to stop
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert "stopped" in log.read_text()


def test_a_host_name_with_several_addresses_is_served(tmp_path: Path) -> None:
    with serving(tmp_path / "log.txt", "--host", "localhost") as (url, _):
        assert get(f"{url}/healthz") == (200, "ok")


def test_a_request_that_is_too_large_is_rejected(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with serving(log, **{f"{PREFIX}SERVER__MAX_BODY_BYTES": "1000"}) as (url, _):
        for size, code in ((10, 400), (2_000, 413), (20_000, 413)):
            with pytest.raises(urllib.error.HTTPError) as rejected:
                urllib.request.urlopen(f"{url}/_dash-update-component", b"x" * size, timeout=10)
            assert rejected.value.code == code
        said = "A request of 2000 bytes is larger than server.max_body_bytes = 1000 allows."
        wait_until(lambda: said in log.read_text("utf-8"))


def test_an_unknown_transfer_coding_is_not_implemented(tmp_path: Path) -> None:
    with serving(tmp_path / "log.txt") as (url, _):
        request = urllib.request.Request(f"{url}/_live", b"", {"Transfer-Encoding": "x"})
        with pytest.raises(urllib.error.HTTPError) as rejected:
            urllib.request.urlopen(request, timeout=10)
        assert rejected.value.code == 501


def test_an_error_in_the_first_request_ends_the_start(settings: toy.Settings) -> None:
    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = toy.create_app(settings, data)

        @app.server.before_request
        def fail() -> None:
            raise LookupError("a hook that fails")

        return app

    with pytest.raises(LookupError, match="a hook that fails"):
        toy.DASHBOARD.build(settings, create_app)


def test_logs_can_be_json_and_go_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.log"
    env = {f"{PREFIX}LOG__FORMAT": "json", f"{PREFIX}LOG__FILE": str(file)}
    with serving(tmp_path / "log.txt", **env) as (url, _):
        wait_until(
            lambda: any({"version", "rows", "seconds"} <= line.keys() for line in logged(file))
        )
        assert get(f"{url}/readyz")[0] == 200


def logged(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def run(*flags: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *flags], capture_output=True, text=True, timeout=60, env={**os.environ, **env}
    )


def test_help_names_the_flags() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert all(flag in result.stdout for flag in ("--host", "--port", "--config", "--debug"))


def test_garbage_is_collected_again_after_the_imports() -> None:
    gc.disable()
    try:
        with pytest.raises(SystemExit):
            toy.main(["--help"])
        assert gc.isenabled()
    finally:
        gc.enable()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with serving(tmp_path / "log.txt") as (url, _):
        port = url.rpartition(":")[2]
        assert_rejected(run("--port", port), "server.port", port, "--port")


@pytest.mark.parametrize(
    ("flags", "env", "words"),
    [
        (["--port", "abc"], {}, ["server.port", "'abc'"]),
        (["--config", "nowhere.toml"], {}, ["nowhere.toml", "--config"]),
        ([], {f"{PREFIX}SERVER__PROT": "1"}, [f"{PREFIX}SERVER__PROT", "did you mean"]),
        ([], {f"{PREFIX}NONSENSE": "1"}, [f"{PREFIX}NONSENSE"]),
        (["--host", "nowhere.invalid"], {}, ["server.host", "nowhere.invalid"]),
        ([], {f"{PREFIX}LOG__FILE": "no_such_folder/a.log"}, ["log.file", "no_such_folder"]),
    ],
)
def test_an_invalid_setting_is_reported_in_one_line(
    flags: list[str], env: dict[str, str], words: list[str]
) -> None:
    assert_rejected(run(*flags, **env), *words)


@pytest.mark.parametrize("line", ["AUTH__USERS='{}", "AUTH__USERS: {}", "AUTH__USER={}"])
def test_a_broken_env_line_does_not_open_the_server(line: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(Path("config.toml").read_text("utf-8"), "utf-8")
    (tmp_path / ".env").write_text(f"{PREFIX}{line}\n{PREFIX}SERVER__PORT=0\n", "utf-8")
    assert_rejected(run("--config", str(config)), f"{tmp_path / '.env'}, line 1")


def test_rejected_settings_are_logged_to_the_file_too(tmp_path: Path) -> None:
    """A service has no console."""
    file = tmp_path / "dashboard.log"
    env = {f"{PREFIX}LOG__FILE": str(file)}
    assert_rejected(run("--port", "abc", **env), "server.port")
    assert_rejected(run("--host", "nowhere.invalid", **env), "server.host")
    lines = [it for it in file.read_text("utf-8").splitlines() if " ERROR " in it]
    assert ["server.port" in lines[0], "server.host" in lines[1]] == [True, True]


def test_no_other_program_can_share_the_port(tmp_path: Path) -> None:
    with serving(tmp_path / "log.txt") as (url, _), socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError):
            other.bind(("127.0.0.1", int(url.rpartition(":")[2])))


def assert_rejected(result: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert all(word in result.stderr for word in words), result.stderr
