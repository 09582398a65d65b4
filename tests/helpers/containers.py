"""Builds a rendered project's image and runs its services like Docker, but without Docker.

Buildah builds on a base made by debootstrap, so no image registry is needed. A service then runs in
its own namespaces: as process 1 and the image's user, on a read-only root.
"""

import ast
import ctypes
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from helpers.processes import end, output, wait_until
from helpers.projects import Project

CERTIFICATES = "/etc/ssl/certs"
PIP_OPTIONS = {"index-url", "extra-index-url", "trusted-host", "proxy", "cert", "timeout"}
ENTER = """
root=$1 user=$2 && shift 2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
mount -o remount,bind,ro "$root"
shift
exec chroot --userspec="$user" --groups= "$root" env -i "$@"
"""


def compose(project: Project, name: str) -> dict[str, Any]:
    """Return the services of a compose file."""
    services: dict[str, Any] = yaml.safe_load((project.path / name).read_text("utf-8"))["services"]
    return services


@dataclass(frozen=True)
class Image:
    """An unpacked image and its configuration."""

    root: Path
    config: dict[str, Any]


@dataclass(frozen=True)
class Builder:
    """Buildah, with its own storage."""

    folder: Path

    def buildah(self, *args: str | Path) -> str:
        storage = ("--root", self.folder / "storage", "--runroot", self.folder / "run")
        return output("buildah", *storage, "--storage-driver", "vfs", *args).strip()

    def make_base(self) -> None:
        """Make a slim image of this machine's Debian, with Python but without time zones."""
        root = self.folder / "base"
        line = "$(REPO_URI) $(RELEASE)"
        targets = output("apt-get", "indextargets", "--format", line, "Created-By: Packages")
        release = output("sh", "-c", '. /etc/os-release && echo "$VERSION_CODENAME"').strip()
        mirror = next(it.split()[0] for it in targets.splitlines() if it.split()[1:] == [release])
        packages = "--include=ca-certificates,python3,python3-venv"
        output("debootstrap", "--variant=minbase", packages, release, root, mirror)
        output("rm", "-r", root / "usr/share/zoneinfo")
        container = self.buildah("from", "scratch")
        self.buildah("add", container, root, "/")
        self.buildah("commit", "--rm", container, "slim")

    def build(self, project: Project, service: dict[str, Any]) -> Image:
        """Build a service's image with this machine's pip settings."""
        settings = self.folder / "pip.conf"
        settings.write_text(pip_settings(), "utf-8")
        arguments = {"BASE": "localhost/slim", **service["build"]["args"]}
        self.buildah(
            *("build", "--isolation", "chroot", "--format", "docker", "--pull-never"),
            *(f"--build-arg={name}={value}" for name, value in arguments.items()),
            *(f"--secret=id=pip,src={settings}", f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"),
            *("--tag", project.slug, project.path / service["build"]["context"]),
        )
        config = json.loads(self.buildah("inspect", "--type", "image", project.slug))
        container = self.buildah("from", "--pull-never", project.slug)
        return Image(Path(self.buildah("mount", container)), config["Docker"]["config"])


def pip_settings() -> str:
    """Return this machine's pip settings as a pip.conf that refers to no local files."""
    lines = output(sys.executable, "-m", "pip", "config", "list").splitlines()
    # Reversed, so that the environment's settings, which take precedence, come last.
    pairs = (it.partition("=") for it in reversed(lines))
    found = {key.rpartition(".")[2]: value for key, _, value in pairs}
    values = {key: ast.literal_eval(found[key]) for key in sorted(PIP_OPTIONS & set(found))}
    remote = [f"{key} = {value}" for key, value in values.items() if "file:" not in value]
    return "\n".join(["[global]", *remote, ""])


@dataclass
class Service:
    """A running service."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def main(self) -> psutil.Process:
        """The service's main process, which is process 1 in its namespace."""
        return psutil.Process(self.process.pid).children()[0]

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def last_lines(self) -> str:
        """Return the last lines of its output."""
        return "".join(self.output().splitlines(keepends=True)[-50:])

    def stop(self) -> int:
        """Send SIGTERM, and return the exit code; fail after 10 s."""
        self.main.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)


@dataclass
class Machine:
    """A network namespace for the services, in which all ports are free."""

    folder: Path
    name: str = field(default_factory=lambda: f"containers-{os.getpid()}")

    def __enter__(self) -> "Machine":
        output("ip", "netns", "add", self.name)
        output("ip", "-n", self.name, "link", "set", "lo", "up")
        self.visitor = ThreadPoolExecutor(1, initializer=self._enter_network)
        return self

    def __exit__(self, *_: object) -> None:
        self.visitor.shutdown()
        output("ip", "netns", "delete", self.name)

    def _enter_network(self) -> None:
        with Path("/run/netns", self.name).open() as namespace:
            new_network = 0x40000000
            assert ctypes.CDLL(None).setns(namespace.fileno(), new_network) == 0

    def get(self, path: str, host: str = "127.0.0.1", port: int = 8050) -> tuple[int, str]:
        """Send a request from 127.0.0.5; the status is 0 if there is no response."""

        def ask() -> tuple[int, str]:
            client = http.client.HTTPConnection(host, port, 10, source_address=("127.0.0.5", 0))
            try:
                client.request("GET", path, headers={"Host": "example.com"})
                response = client.getresponse()
                return response.status, response.read().decode("utf-8")
            except OSError as error:
                return 0, str(error)
            finally:
                client.close()

        return self.visitor.submit(ask).result()

    def call(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a program and wait until it ends."""
        program = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(program, capture_output=True, text=True)

    @contextmanager
    def running(self, *command: str | Path) -> Iterator[Service]:
        """Run a program until the end of the block."""
        log = self.folder / f"{time.monotonic_ns()}.txt"
        with log.open("wb") as file:
            program = ["ip", "netns", "exec", self.name, *command]
            process = subprocess.Popen(program, stdout=file, stderr=file)
        try:
            yield Service(process, log)
        finally:
            end(process)

    def enter(
        self,
        image: Image,
        project: Project,
        service: dict[str, Any],
        command: list[str] | None = None,
        **settings: str,
    ) -> list[str | Path]:
        """Return the command line that runs a service, or another command in its container."""
        config = image.config
        settings = {f"{project.slug.upper()}__{name}": value for name, value in settings.items()}
        secrets = (project.path / ".env").read_text("utf-8").splitlines()
        pairs = (it.partition("=") for it in secrets if it and not it.startswith("#"))
        variables = {key: value for key, _, value in pairs} | service["environment"] | settings
        environment = (*config["Env"], *(f"{key}={value}" for key, value in variables.items()))
        assert service["read_only"] and service["tmpfs"] == "/tmp", "which is all that is done here"
        return [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
            *("sh", "-euc", ENTER, "sh", image.root, config["User"]),
            *self._mounts(image, project, service),
            *("--", f"--chdir={config['WorkingDir']}", *environment),
            *(command or service.get("command", config["Cmd"])),
        ]

    def _mounts(
        self, image: Image, project: Project, service: dict[str, Any]
    ) -> Iterator[str | Path]:
        """Yield what to mount and where; a new volume gets the owner of the image's folder."""
        names = self.folder / "hosts"
        names.write_text("127.0.0.1 localhost redis scheduler\n", "utf-8")
        yield from (names, "/etc/hosts")
        for volume in service["volumes"]:
            source, target, *_ = volume.split(":")
            folder = project.path if source.startswith(".") else self.folder
            if folder is self.folder and not (folder / source).exists():
                (folder / source).mkdir()
                owner = (image.root / target.lstrip("/")).stat()
                os.chown(folder / source, owner.st_uid, owner.st_gid)
            yield from (folder / source, target)


def wait_for_text(machine: Machine, service: Service, path: str, host: str = "127.0.0.1") -> str:
    """Wait for a response with status 200 and return its text; fail if the service ends."""

    def ask() -> str:
        assert service.process.poll() is None, service.output()
        status, text = machine.get(path, host)
        return text if status == 200 else ""

    return str(wait_until(ask, service.last_lines))
