"""Fixtures for all tests: rendered and installed projects, and a browser."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from helpers.browser import SERVER_GONE, UNUSED_PRELOAD, launch_arguments
from helpers.processes import free_port
from helpers.projects import Project, install
from helpers.readings import never_stale, restored_file
from helpers.rendering import COMBINATIONS, render
from helpers.repository import checkout
from helpers.servers import Server

collect_ignore = ["injected"]  # these run inside a rendered project


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults-table", help="write the results of test_faults.py to this file")
    parser.addoption("--golden", action="store_true", help="rewrite tests/template/rendered")


def pytest_configure() -> None:
    expect.set_options(timeout=30_000)  # a busy machine takes longer than Playwright's 5 s


@pytest.hookimpl(trylast=True)  # after pytest has grouped the tests by fixtures
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda it: it.get_closest_marker("run_first") is None)


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
    """The folder in which all workers of this run cache uv's lock files."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker's folder is inside the run's
        folder = folder.parent
    (folder / "locks").mkdir(exist_ok=True)
    return folder / "locks"


@pytest.fixture(scope="session")
def bake_and_install(bake: Callable[..., Project], locks: Path) -> Callable[..., Project]:
    """Return a function that renders a project and installs it into its own environment."""
    return lambda **answers: install(bake(**answers), locks)


@pytest.fixture(scope="session", params=COMBINATIONS)
def combination(request: pytest.FixtureRequest) -> str:
    """The name of each combination of answers in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def baked(combination: str, bake: Callable[..., Project]) -> Project:
    """A project rendered with each combination of answers."""
    return bake(**COMBINATIONS[combination])


@pytest.fixture(scope="session")
def installed(baked: Project, locks: Path) -> Project:
    """The same project, installed into a fresh environment."""
    return install(baked, locks)


@pytest.fixture(scope="session")
def machine(bake_and_install: Callable[..., Project]) -> Project:
    """An installed project with the default answers."""
    return bake_and_install()


@pytest.fixture(scope="session")
def csv(bake_and_install: Callable[..., Project]) -> Project:
    """An installed project that reads a file."""
    return never_stale(bake_and_install(source="csv", project_name='Søren\'s "Plant" 7'))


@pytest.fixture(scope="session")
def pages(bake_and_install: Callable[..., Project]) -> Project:
    """An installed project with several pages that reads a file."""
    return never_stale(bake_and_install(source="csv", pages="yes", project_slug="several"))


@pytest.fixture
def source(csv: Project) -> Iterator[Path]:
    """The file that the dashboard reads; restored afterwards."""
    yield from restored_file(csv)


@pytest.fixture
def pages_source(pages: Project) -> Iterator[Path]:
    """The file that the dashboard with several pages reads; restored afterwards."""
    yield from restored_file(pages)


@pytest.fixture
def slow_source(csv: Project) -> Iterator[Path]:
    """A flag: the source waits until this file exists."""
    file, flag = csv.path / csv.slug / "reading.py", csv.path / "answered"
    before = file.read_text("utf-8")
    start = "def read("
    wait = (
        "def read(*it):\n    import time\n    from pathlib import Path\n"
        f"    while not Path({str(flag)!r}).exists():\n        time.sleep(0.05)\n"
        "    return read_now(*it)\n\n\n"
    )
    file.write_text(before.replace(start, f"{wait}def read_now("), "utf-8")
    yield flag
    file.write_text(before, "utf-8")
    flag.unlink(missing_ok=True)


@pytest.fixture
def restless(pages: Project) -> Iterator[Server]:
    """Serve several pages with restless.py, which changes the data on every poll."""
    with pages.serving_by("restless", free_port()) as server:
        yield server


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose newest commit is the working tree, with git configured as on Windows."""
    return checkout(tmp_path, monkeypatch)


@pytest.fixture
def many_files() -> Iterator[None]:
    """Raise this process's limit on open files."""
    resource = pytest.importorskip("resource", reason="Windows' select takes 512 files")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 5_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """Ignore requests that are in flight when a test ends, because its server stops."""
    yield page
    page.unroute_all(behavior="ignoreErrors")


@pytest.fixture
def no_console_errors(page: Page, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail if the browser logs errors, unless the test stops or breaks the server."""
    logged: list[str] = []
    kinds = ("error", "warning")
    page.on("console", lambda it: logged.append(it.text) if it.type in kinds else None)
    page.on("pageerror", lambda error: logged.append(str(error)))
    yield
    if not request.node.get_closest_marker("stops_the_server"):
        # The server stops before the page closes, so the page may poll once more.
        assert not [it for it in logged if not SERVER_GONE.search(it) and UNUSED_PRELOAD not in it]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the system's Chromium if there is one."""
    return {**browser_type_launch_args, **launch_arguments()}
