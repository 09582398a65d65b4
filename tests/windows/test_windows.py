"""A project rendered, tested, served and stopped by the Windows build of Python under Wine."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

import pytest
from playwright.sync_api import Page, expect

from helpers.browser import next_version, state
from helpers.debian import cache
from helpers.processes import free_port, output, wait_until
from helpers.projects import Project
from helpers.readings import correcting
from helpers.rendering import INJECTED
from helpers.repository import checkout
from helpers.servers import started
from helpers.wine import Windows

pytestmark = [pytest.mark.slow, pytest.mark.windows]

FOLDER = PureWindowsPath("C:/users/Jörg Müller/Meine Projekte")
# Why tests are skipped: all of these hold for Windows, too.
SKIPPED = {
    "Windows allows symbolic links to some users only",
    "Windows ignores TZ",
    "Windows keeps a folder with an open file",
    "only root can mount a folder, on Linux",
    "redis-server is not installed",
}
EXCLUDED = {"3.11": "not dask", "3.12": "not dask"}  # Dask hangs, under Wine only
HANGS = "300"  # seconds; the longest test takes one minute
DECLARED = """import locale, os
assert os.name == "nt" and os.cpu_count() and locale.getpreferredencoding() == "cp1252"
"""


@pytest.fixture(scope="module", params=["3.11", "3.13"])
def windows(request: pytest.FixtureRequest) -> Iterator[Windows]:
    windows = Windows(request.param)
    windows.prepare()
    with windows.wineserver():
        yield windows


@pytest.fixture(scope="module")
def project(windows: Windows, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that Windows' cookiecutter has rendered, with all it needs installed."""
    assert windows.run("-c", DECLARED).returncode == 0
    if not (windows.site / "cookiecutter").exists():
        windows.install("cookiecutter>=2.6")
    template = windows.folder / "template"
    shutil.rmtree(template, ignore_errors=True)
    shutil.rmtree(windows.path(FOLDER), ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        shutil.move(checkout(tmp_path_factory.mktemp("template"), patch), template)
    windows.path(FOLDER).mkdir(parents=True)
    answers = ("source=csv", "pages=yes")
    result = windows.run(
        *("-m", "cookiecutter", "Z:/win/template", "--no-input", "-o", str(FOLDER), *answers)
    )
    assert result.returncode == 0, result.stderr
    project = Project(next(windows.path(FOLDER).iterdir()))
    install(windows, project, tmp_path_factory.mktemp("requirements"))
    return project


def install(windows: Windows, project: Project, folder: Path) -> None:
    """Install what `uv sync` would install on Windows."""
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(project.path / name, folder)
    export = ("uv", "export", "--quiet", "--all-extras", "--no-hashes", "--no-emit-project")
    lines = output(*export, "--python", sys.executable, cwd=folder).splitlines()
    wanted = folder / "requirements.txt"
    wanted.write_text("\n".join(it for it in lines if not it.startswith("numpy==")), "utf-8")
    windows.install("--no-deps", "-r", wanted)


def test_the_project_passes_its_tests(windows: Windows, project: Project) -> None:
    folder = f"{FOLDER.as_posix()}/{project.slug}"
    options = ["-p", "no:cacheprovider", "-q", "-rs", "-k", EXCLUDED.get(windows.version, "")]
    options += ["-o", f"faulthandler_timeout={HANGS}", "-o", "faulthandler_exit_on_timeout=true"]
    result = windows.run("-m", "pytest", *options, folder=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    print(windows.version, result.stdout.splitlines()[-1])
    reasons = set(re.findall(r"^SKIPPED \[\d+\] \S+: (.*)$", result.stdout, re.MULTILINE))
    assert reasons == SKIPPED


@pytest.mark.parametrize("tool", ["ruff check", "ruff format --check", "mypy"])
def test_the_project_passes_its_checks(windows: Windows, project: Project, tool: str) -> None:
    folder = f"{FOLDER.as_posix()}/{project.slug}"
    result = windows.run("-m", *tool.split(), folder=folder)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_page_is_live_until_the_server_is_stopped(
    windows: Windows, project: Project, page: Page, tmp_path: Path
) -> None:
    script, flag = windows.folder / "until_told.py", windows.folder / "stop"
    shutil.copy(INJECTED / script.name, script)
    flag.unlink(missing_ok=True)
    prefix = project.slug.upper()
    settings = {f"{prefix}__SERVER__PORT": str(free_port()), f"{prefix}__REFRESH__EVERY": "1s"}
    command = windows.command(
        *("Z:/win/until_told.py", project.slug, "Z:/win/stop"),
        folder=f"{FOLDER.as_posix()}/{project.slug}",
        **settings,
    )
    log = tmp_path / "server.txt"
    with started(command, tmp_path, log, dict(os.environ)) as server, correcting(project):
        page.goto(server.url)
        state(page, "live")
        expect(page.locator(".card").first).to_be_visible()
        next_version(page)
        page.screenshot(path=cache() / f"page-{windows.version}.png", full_page=True)
        flag.touch()
        wait_until(lambda: server.process.poll() is not None, server.output)
        assert server.process.returncode == 0
        assert server.output().splitlines()[-1].endswith(": stopped")
