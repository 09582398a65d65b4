"""The fixtures of all tests: projects that are rendered and installed, and a browser."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from helpers.browser import SERVER_GONE, launch_arguments
from helpers.processes import free_port
from helpers.projects import Project, install
from helpers.readings import kept_file, patient
from helpers.rendering import COMBINATIONS, TEMPLATE, render
from helpers.repository import commit, run
from helpers.servers import Server

collect_ignore = ["injected"]  # which is run within a rendered project


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults-table", help="write what test_faults.py has seen to this file")
    parser.addoption("--golden", action="store_true", help="write tests/template/rendered anew")


def pytest_configure() -> None:
    expect.set_options(timeout=30_000)  # a busy machine takes longer than Playwright's 5 s


@pytest.hookimpl(trylast=True)  # once pytest has put together what shares a fixture
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda it: it.get_closest_marker("begun_first") is None)


@pytest.fixture(scope="session")
def bake(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """Return a function that renders a project with some answers."""

    def bake(**answers: str) -> Project:
        folder = tmp_path_factory.mktemp("rendered")
        result = render(folder, **answers)
        assert result.returncode == 0, result.stderr
        return Project(next(folder.iterdir()))

    return bake


@pytest.fixture(scope="session")
def locks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which this run, by all of its workers, keeps what versions uv has found."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder in that of the run
        folder = folder.parent
    (folder / "locks").mkdir(exist_ok=True)
    return folder / "locks"


@pytest.fixture(scope="session")
def bake_and_install(bake: Callable[..., Project], locks: Path) -> Callable[..., Project]:
    """Return a function that renders a project, and installs it into an environment of its own."""
    return lambda **answers: install(bake(**answers), locks)


@pytest.fixture(scope="session", params=COMBINATIONS)
def combination(request: pytest.FixtureRequest) -> str:
    """Go through the named combinations."""
    return str(request.param)


@pytest.fixture(scope="session")
def baked(combination: str, bake: Callable[..., Project]) -> Project:
    """Return a project rendered by each combination of answers."""
    return bake(**COMBINATIONS[combination])


@pytest.fixture(scope="session")
def installed(baked: Project, locks: Path) -> Project:
    """Return each project, installed into a fresh environment as its user would."""
    return install(baked, locks)


@pytest.fixture(scope="session")
def machine(bake_and_install: Callable[..., Project]) -> Project:
    """An installed project of the default answers."""
    return bake_and_install()


@pytest.fixture(scope="session")
def csv(bake_and_install: Callable[..., Project]) -> Project:
    """An installed project that reads a file."""
    return patient(bake_and_install(source="csv", project_name='Søren\'s "Plant" 7'))


@pytest.fixture(scope="session")
def pages(bake_and_install: Callable[..., Project]) -> Project:
    """An installed project of several pages, which reads a file."""
    return patient(bake_and_install(source="csv", pages="yes", project_slug="several"))


@pytest.fixture
def source(csv: Project) -> Iterator[Path]:
    """The file that the dashboard reads; put back afterwards."""
    yield from kept_file(csv)


@pytest.fixture
def restless(pages: Project) -> Iterator[Server]:
    """Serve several pages whose data change each time that one of them polls, by restless.py."""
    with pages.serving_by("restless", free_port()) as server:
        yield server


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose newest commit is the working tree; git is set as it is on Windows."""
    if not (TEMPLATE / ".git").exists():
        pytest.skip("the template is not in a git repository here")
    config, copy = tmp_path / "gitconfig", tmp_path / "template"
    config.write_text("[user]\nname=A\nemail=a@example.com\n[core]\nautocrlf=true\n", "utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    run(tmp_path, "git", "clone", "--quiet", "--no-checkout", str(TEMPLATE), str(copy))
    commit(TEMPLATE, f"--git-dir={copy / '.git'}", "--work-tree=.")
    run(copy, "git", "reset", "--quiet", "--hard")
    return copy


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open as many files as the system allows."""
    resource = pytest.importorskip("resource", reason="Windows' select takes 512 files")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 5_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def no_console_errors(page: Page, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail if the browser complains, unless the test itself stops the server or breaks it."""
    said: list[str] = []
    page.on("console", lambda it: said.append(it.text) if it.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield
    if not request.node.get_closest_marker("stops_the_server"):
        # The server of a test ends before its page is closed, which may poll once more.
        assert not [text for text in said if not SERVER_GONE.search(text)]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the system's Chromium where there is one."""
    return {**browser_type_launch_args, **launch_arguments()}
