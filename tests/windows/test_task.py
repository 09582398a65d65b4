"""A project as a task of Windows, by the commands of deploy/windows-service.md.

They change the machine, so they run only on GitHub's.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from helpers.guides import SERVES, blocks
from helpers.processes import output, wait_until
from helpers.projects import Project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.name != "nt" or "GITHUB_ACTIONS" not in os.environ, reason="it changes Windows"
    ),
]


def powershell(folder: Path, *commands: str) -> str:
    script = "\n".join(["$ErrorActionPreference = 'Stop'", *commands])
    return output("powershell", "-NoProfile", "-Command", script, cwd=folder)


def serves() -> bool:
    try:
        return urlopen("http://127.0.0.1:8050/readyz", timeout=10).status == 200
    except OSError:
        return False


def test_a_task_serves_a_project_that_other_accounts_cannot_read(
    bake: Callable[..., Project],
) -> None:
    project = bake(source="csv")
    folder = shutil.copytree(project.path, Path(f"C:/{project.slug}"))
    install, rights, *_, task, _ = (
        it.commands for it in blocks(folder / "deploy" / "windows-service.md") if it.commands
    )
    named, python = r"C:\Program Files\Python313\python.exe", Path(sys.base_prefix, "python.exe")
    steps = [it.replace(named, str(python)) for it in install if not SERVES.search(it)]
    powershell(folder, *steps)
    listed = powershell(folder, *rights)
    assert listed.count("(I)") == 3, "Administrators, Windows and LocalService"
    assert "LOCAL SERVICE:(I)(RX)" in listed and "Users:" not in listed
    powershell(folder, *task, f"Start-ScheduledTask {project.slug}")
    try:
        wait_until(serves)
    finally:
        powershell(
            folder,
            f"Stop-ScheduledTask {project.slug}",
            f"Unregister-ScheduledTask {project.slug} -Confirm:$false",
        )
