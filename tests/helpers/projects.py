"""Installs and serves rendered projects as a user would."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from helpers.processes import output
from helpers.readings import correcting
from helpers.rendering import INJECTED
from helpers.servers import Server, started


@dataclass(frozen=True)
class Project:
    """A rendered project."""

    path: Path

    @property
    def slug(self) -> str:
        return self.path.name

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in the project's environment; show its output if it fails."""
        result = subprocess.run(
            ["uv", "run", *command], cwd=self.path, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def check(self, *tests: str) -> None:
        """Run the project's linter, type checker and some of its tests."""
        self.run("ruff", "check")
        self.run("ruff", "format", "--check")
        self.run("mypy")
        self.run("pytest", "-q", *tests)

    def differing_tests(self) -> list[str]:
        """Return the tests that depend on the answers: the user's, and those of web sources.

        The engine's tests are the same in every project, so one project runs them for all.
        """
        config = tomllib.loads((self.path / "pyproject.toml").read_text("utf-8"))
        yours = [it for it in config["tool"]["cruft"]["skip"] if it.startswith("tests/")]
        patterns = [*yours, "tests/**/test_web*.py"]
        found = {path for pattern in patterns for path in self.path.glob(pattern)}
        return [str(path.relative_to(self.path)) for path in sorted(found) if "test_" in path.name]

    def tool(self, name: str) -> str:
        """Return the path of a program in the project's environment."""
        return str(self.path / ".venv" / ("Scripts" if os.name == "nt" else "bin") / name)

    @contextmanager
    def serving(
        self, *flags: str, server: str = "waitress", news: bool = False, **settings: str
    ) -> Iterator[Server]:
        """Serve on a free port, with settings such as REFRESH__EVERY="1s" in the environment.

        With `news`, the file that the project reads keeps changing.
        """
        command = [self.tool("python"), "-m", f"{self.slug}.server", *flags]
        if server == "gunicorn":
            command = [self.tool("gunicorn"), "-c", "gunicorn.conf.py", *flags]
        settings = {"SERVER__PORT": "0", **settings}
        environment = self._environment(settings)
        with (
            started(command, self.path, self._log("server"), environment) as it,
            correcting(self) if news else nullcontext(),
        ):
            yield it

    @contextmanager
    def serving_by(
        self,
        script: str,
        *arguments: object,
        environment: Mapping[str, str] = MappingProxyType({}),
        **settings: str,
    ) -> Iterator[Server]:
        """Serve with a script of tests/injected; its first argument is the package."""
        file = INJECTED / f"{script}.py"
        command = [self.tool("python"), str(file), self.slug, *map(str, arguments)]
        variables = {**self._environment(settings), "PYTHONPATH": str(self.path), **environment}
        with started(command, self.path, self._log(script), variables) as it:
            yield it

    def users(self) -> str:
        """Return an AUTH__USERS setting with the user "ann" and the password "right"."""
        command = [self.tool("python"), "-m", f"{self.slug}.server", "--hash-password", "ann"]
        line = output(*command, cwd=self.path, input="right\n")
        return json.dumps({"ann": line.split('"')[-2]})

    def _log(self, name: str) -> Path:
        return self.path / f"{name}-{time.monotonic_ns()}.txt"

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        named = {f"{self.slug.upper()}__{name}": value for name, value in settings.items()}
        return {**os.environ, **named}


def install(project: Project, locks: Path | None = None) -> Project:
    """Install a project into a fresh environment.

    Lock files are cached in `locks` by the content of pyproject.toml: resolving takes seconds, so
    each run resolves the same requirements only once.
    """
    assert shutil.which("uv"), "run the tests by nox, which brings uv"
    lock = project.path / "uv.lock"
    requirements = (project.path / "pyproject.toml").read_bytes()
    cached = locks and locks / f"{hashlib.sha256(requirements).hexdigest()}.lock"
    if cached and not lock.exists():
        with suppress(FileNotFoundError):
            shutil.copyfile(cached, lock)
    command = ["uv", "sync", "--quiet", "--python", sys.executable]
    subprocess.run(command, cwd=project.path, check=True)
    if cached and not cached.exists():
        temporary = cached.with_suffix(f".{os.getpid()}")
        shutil.copyfile(lock, temporary)
        temporary.replace(cached)  # atomic, because another process may read it
    return project
