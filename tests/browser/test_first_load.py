"""What pages load, and what they show before plotly.js has arrived."""

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from helpers.browser import shown, state
from helpers.projects import Project

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_console_errors")]

LARGE = ("plotly.", "async-datepicker", "dash_ag_grid.")
PACKAGE = "plotly.js-cartesian-dist-min"


@pytest.fixture
def requested(page: Page) -> list[str]:
    """The URLs that the page requests."""
    urls: list[str] = []
    page.on("request", lambda it: urls.append(it.url))
    return urls


def test_pages_load_what_they_need_and_show_cards_before_plotly_js(
    pages: Project, page: Page, requested: list[str]
) -> None:
    held: list[Route] = []
    page.route("**/plotly.*", lambda route: held.append(route))

    def large() -> list[str]:
        return sorted(it for it in LARGE if any(it in url for url in requested))

    def go(name: str) -> None:
        page.get_by_role("navigation").get_by_role("link", name=name).click()

    with pages.serving(REFRESH__EVERY="1h") as server:
        page.goto(f"{server.url}/status")
        expect(page.locator("#history tr").first).to_contain_text("OK")
        assert large() == []
        go("Data")
        expect(page.locator("#rows .ag-row").first).to_be_visible()
        expect(page.get_by_label("From", exact=True)).to_be_visible()
        assert large() == ["async-datepicker", "dash_ag_grid."]
        go("Overview")
        expect(page.locator(".card")).to_have_count(4)
        expect(page.get_by_label("From", exact=True)).to_be_visible()
        expect(page.locator(".js-plotly-plot")).to_have_count(0)
        page.route("**/plotly.*", lambda route: route.continue_())  # from now on
        for route in held:
            route.continue_()
        assert shown(page) == 4
        go("Data")
        expect(page.locator("#rows .ag-row").first).to_be_visible()
        go("Overview")
        assert shown(page) == 4
        for name in LARGE:
            assert sum(name in url for url in requested) == 1, name


@pytest.fixture
def cartesian(csv: Project, tmp_path: Path) -> Iterator[Path]:
    """The cartesian bundle in the project's assets/."""
    npm = shutil.which("npm") or pytest.skip("needs npm")
    code = "import plotly.offline as it; print(it.get_plotlyjs_version())"
    version = csv.run("python", "-c", code).stdout.strip()
    command = [npm, "pack", "--silent", f"{PACKAGE}@{version}"]
    if subprocess.run(command, cwd=tmp_path).returncode:
        pytest.skip("npm does not have it")
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    file = csv.path / csv.slug / "assets" / "plotly-cartesian.min.js"
    shutil.copyfile(tmp_path / "package" / file.name, file)
    yield file
    file.unlink()


def test_the_cartesian_bundle_in_assets_draws_all_charts(
    csv: Project, cartesian: Path, page: Page, requested: list[str]
) -> None:
    with csv.serving(REFRESH__EVERY="1h") as server:
        page.goto(server.url)
        state(page, "live")
        assert shown(page) == 4
        (url,) = [it for it in requested if "plotly" in it]
        assert page.request.get(url).body() == cartesian.read_bytes()
