"""A rendered project's checks on each newer Python that it allows."""

import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable

import pytest

from helpers.debian import Debian, cache
from helpers.processes import output
from helpers.projects import Project

pytestmark = [pytest.mark.slow, pytest.mark.pythons]

# The releases of Debian that have the Pythons that uv may not find.
DEBIAN = {"3.13": "trixie", "3.14": "sid"}
# Apprise imports imghdr where it exists, up to Python 3.12.
WARNINGS = "-W error::DeprecationWarning -W ignore:'imghdr':DeprecationWarning"
CHECKS = ["ruff check", "ruff format --check", "mypy", f"pytest -q {WARNINGS}"]
# Settings of pip and uv, and certificates.
SETTINGS = ("PIP_", "UV_", "SSL_")


@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_a_project_passes_its_checks(version: str, bake: Callable[..., Project]) -> None:
    project = bake(source="csv", pages="yes")
    find = ("uv", "python", "find", "--quiet", "--no-project", version)
    if version not in DEBIAN or subprocess.run(find, capture_output=True).returncode == 0:
        run = ("uv", "run", "--python", version)
        for check in CHECKS:
            print(version, output(*run, *check.split(), cwd=project.path).splitlines()[-1:])
    else:
        check_on_debian(project, version)


def check_on_debian(project: Project, version: str) -> None:
    """Run the checks in a release of Debian that has a version of Python."""
    debian = Debian(cache() / DEBIAN[version], DEBIAN[version])
    debian.prepare(f"python{version}-venv", "redis-server", "git")
    shutil.rmtree(debian.root / "srv", ignore_errors=True)
    shutil.copytree(project.path, debian.root / "srv")
    settings = {key: value for key, value in os.environ.items() if key.startswith(SETTINGS)}

    def run(*command: str) -> str:
        return output(*debian.command(*command, folder="/srv", **settings))

    run(f"python{version}", "-m", "venv", "/opt/uv")
    run("/opt/uv/bin/pip", "install", "--quiet", "uv")
    for check in CHECKS:
        lines = run("/opt/uv/bin/uv", "run", "--python", version, *check.split()).splitlines()
        print(version, lines[-1:])


def test_no_newer_python_is_allowed_than_the_tested_ones(bake: Callable[..., Project]) -> None:
    pyproject = tomllib.loads((bake().path / "pyproject.toml").read_text("utf-8"))
    assert pyproject["project"]["requires-python"] == ">=3.11,<3.15"
