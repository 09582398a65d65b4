"""Runs every command of the READMEs and guides, and tests the edits they describe."""

import os
import re
import shutil
import sqlite3
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, Route, expect

from helpers.databases import execute, postgresql
from helpers.guides import REPOSITORY, Block, Shell, blocks, edits, empty_machine, guide, make
from helpers.nginx import nginx
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.rendering import TEMPLATE
from helpers.repository import commit, publish, run
from helpers.sites import Answer, serving

RENDERED = TEMPLATE / "{{cookiecutter.project_slug}}"
VERSION = tomllib.loads((TEMPLATE / "pyproject.toml").read_text("utf-8"))["project"]["version"]
GUIDES = [it.relative_to(RENDERED).as_posix() for it in sorted(RENDERED.rglob("*.md"))]
# A command is in one of these tables, or one of the two `…commands_work` tests runs it. These are
# run by the given test or file instead:
ELSEWHERE = {
    "python -m pip install uv && python -m uv run nox": ".ci/run",
    "uv run pytest": "tests/project/test_rendered.py::test_one_combination_passes_its_whole_suite",
    "uv run ruff check": "tests/project/test_rendered.py::test_a_combination_passes_its_linters",
    "uv run mypy": "tests/project/test_rendered.py::test_a_combination_passes_its_linters",
    "uv run pre-commit install": "tests/project/test_rendered.py::test_a_commit_is_checked",
    "uv run python -m my_dashboard.alerts": "{{cookiecutter.project_slug}}/tests/engine/"
    "test_alerting.py::test_a_test_message_is_sent_to_each_url",
    "nginx -t": "tests/template/test_guides.py::test_nginx_accepts_its_configuration",
    **dict.fromkeys(
        [
            "python -m uv tool run cookiecutter --no-input gh:org/dash-waitress-template "
            f"--checkout {VERSION} source=sql project_slug=my_dashboard",
            "python -m uv run --directory my_dashboard python -m my_dashboard.server",
            "python -m pip install uv",
        ],
        "tests/template/test_guides.py::test_pip_alone_leads_to_a_page_that_shows_a_table",
    ),
    **dict.fromkeys(
        [
            f"uvx cruft create {REPOSITORY} --checkout {VERSION}",
            f"uv run --with cruft cruft link {REPOSITORY} --checkout {VERSION}",
            f"uv run --with cruft cruft update --skip-apply-ask --checkout {VERSION}",
            "git diff HEAD",
            'git commit -a -m "Update the template"',
        ],
        "tests/template/test_guides.py::test_an_update_works_as_the_guide_says",
    ),
    **dict.fromkeys(
        [
            f"git clone --depth 1 {REPOSITORY} ../template",
            "uv run python ../template/tools/migrate.py",
        ],
        "tests/template/test_update.py::test_a_first_template_project_is_migrated_and_live",
    ),
}
# These need Docker or systemd; tests/containers covers them as far as possible without.
NOT_HERE = {
    "docker compose up --build --detach",
    "docker compose logs --follow",
    "docker compose restart",
    "systemctl enable --now my_dashboard",
    "systemctl restart my_dashboard",
    "systemctl reload nginx",
    "journalctl -f -u my_dashboard",
}
# Programs that only Windows has.
WINDOWS = r"""
    py .venv\Scripts\python mkdir icacls .\my_dashboard.exe Register-ScheduledTask
    New-ScheduledTaskAction @( New-ScheduledTaskSettingsSet New-ScheduledTaskPrincipal
    New-NetFirewallRule Remove-Item Get-CimInstance &
"""
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def project(bake: Callable[..., Project]) -> Project:
    """A project with all the guides, and everything that they mention."""
    return bake(docker="yes", pages="yes")


def commands(file: Path) -> list[str]:
    return [command for block in blocks(file) for command in block.commands]


def test_the_tables_list_only_commands_from_the_guides(project: Project) -> None:
    files = [TEMPLATE / "README.md", *(project.path / name for name in GUIDES)]
    found = {command for file in files for command in commands(file)}
    assert ELSEWHERE.keys() | NOT_HERE <= found
    assert not ELSEWHERE.keys() & NOT_HERE
    for command, place in ELSEWHERE.items():
        file, _, test = place.partition("::")
        assert (f"def {test}(" if test else command) in (TEMPLATE / file).read_text("utf-8")


@pytest.mark.parametrize("name", GUIDES)
def test_links_resolve(name: str, project: Project) -> None:
    file = project.path / name
    for path, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", file.read_text("utf-8")):
        text = (file.parent / path if path else file).read_text("utf-8")
        headings = re.findall("^#+ (.*)$", text, re.M)
        anchors = [re.sub(r"[^\w -]", "", it).lower().replace(" ", "-") for it in headings]
        assert not anchor or anchor in anchors


@pytest.mark.skipif(not shutil.which("sh"), reason="needs a shell")
@pytest.mark.parametrize("command", sorted(NOT_HERE))
def test_commands_that_cannot_run_here_are_valid_shell(command: str) -> None:
    subprocess.run(["sh", "-n"], input=command, text=True, check=True)


def test_windows_commands_start_known_programs(project: Project) -> None:
    for block in blocks(project.path / "deploy" / "windows-service.md"):
        assert block.language in ("powershell", "xml")
        programs = [re.sub(r"^\$\w+ = ", "", it).split()[0] for it in block.commands]
        assert set(programs) <= set(WINDOWS.split())


def test_the_windows_service_runs_with_few_rights(project: Project) -> None:
    text = (project.path / "deploy" / "windows-service.md").read_text("utf-8")
    found = blocks(project.path / "deploy" / "windows-service.md")
    service = ElementTree.fromstring(next(it.text for it in found if it.language == "xml"))
    account = {it.tag: it.text for it in service.findall("serviceaccount/*")}
    assert account == {"domain": "NT AUTHORITY", "user": "LocalService"}, "WinSW 2 reads these"
    rights = [it for block in found for it in block.commands if it.startswith("icacls")]
    assert any("/inheritance:r" in it and "*S-1-5-19:(OI)(CI)RX" in it for it in rights)
    assert "-Priority 5" in text


@slow
@pytest.mark.parametrize("name", [it for it in GUIDES if "windows" not in it])
def test_a_guides_commands_work(name: str, project: Project, tmp_path: Path) -> None:
    """They run in order in the project's folder."""
    if os.name == "nt" and "deploy" in name:
        pytest.skip("it is for a Linux machine")
    for folder in ("opt", "etc/systemd/system", "etc/nginx/conf.d"):
        (tmp_path / folder).mkdir(parents=True)
    copy = tmp_path / project.slug
    shutil.copytree(project.path, copy)
    shell = Shell(copy, places={f" /{it}/": f" {tmp_path}/{it}/" for it in ("opt", "etc")})
    for command in commands(project.path / name):
        if command not in ELSEWHERE.keys() | NOT_HERE:
            assert command.split()[0] not in {it.split()[0] for it in NOT_HERE}, command
            shell.type(command)


@slow
@pytest.mark.parametrize(
    "block",
    [it for it in blocks(TEMPLATE / "README.md") if it.commands[-1] not in ELSEWHERE],
    ids=lambda it: it.commands[-1],
)
def test_the_readmes_commands_work(block: Block, tmp_path: Path) -> None:
    """Each block runs in an empty folder or a clone; what it installs is not there before."""
    installs = "pip install" in block.text
    shell = empty_machine(tmp_path) if installs else Shell(tmp_path)
    if "nox" in block.text:
        ignored = shutil.ignore_patterns(".git", ".nox", ".venv", "*_cache", "__pycache__")
        shell.folder = shutil.copytree(TEMPLATE, tmp_path / "clone", ignore=ignored)
    for command in block.commands:
        shell.type(command)


@slow
def test_an_update_works_as_the_guide_says(
    project: Project,
    template: Path,
    tmp_path: Path,
) -> None:
    create, link, update, *_ = (it.commands for it in blocks(guide(project, "updating.md")))
    run(template, "git", "tag", "--force", VERSION)
    shell = Shell(tmp_path, places={REPOSITORY: str(template)})
    for command in create:
        shell.type(command)
    shell.type("cd my_dashboard")
    shell.type("git init --quiet")
    (shell.folder / ".cruft.json").unlink()  # as if cookiecutter had created it
    for command in link:
        shell.type(command)
    commit(shell.folder)
    publish(template, "docs/scaling.md")
    run(template, "git", "tag", "newest")
    shell.places[VERSION] = "newest"
    for command in update:
        if command not in ELSEWHERE or "test_guides" in ELSEWHERE[command]:
            shell.type(command)
    assert (shell.folder / "docs" / "scaling.md").read_text("utf-8").endswith("newer\n")
    assert not run(shell.folder, "git", "status", "--porcelain")


@pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx")
def test_nginx_accepts_its_configuration(project: Project, tmp_path: Path) -> None:
    nginx(project.path / "deploy" / "nginx.conf", tmp_path)  # checks the configuration


@pytest.mark.parametrize("source", ["machine", "csv", "sql", "http", "parquet"])
def test_the_edits_fit_each_source(
    source: str, bake: Callable[..., Project], tmp_path: Path
) -> None:
    project = bake(source=source)
    for names in (("change.md", "deploy.md"), ("two-tables.md",), ("components.md",)):
        copy = shutil.copytree(project.path, tmp_path / names[0])
        for edit in [it for name in names for it in edits(guide(project, name))]:
            make(edit, copy)


@slow
def test_the_change_guides_edits_pass_the_checks_and_are_shown(
    bake_and_install: Callable[..., Project], page: Page
) -> None:
    project = bake_and_install()
    for edit in edits(guide(project, "change.md")):
        make(edit, project.path)
    project.check(*project.differing_tests())
    with project.serving() as server:
        page.goto(server.url)
        expect(page.locator(".card-label").first).to_have_text("Processor", timeout=30_000)
        expect(page.locator("#limits-graph .point").first).to_be_attached()
        shape = "document.querySelector('#trend-graph .js-plotly-plot')._fullData?.[0]?.line.shape"
        wait_until(lambda: page.evaluate(shape) == "hv")
        chosen = page.locator("#window .selected")
        expect(chosen).to_have_css("background-color", "rgb(124, 58, 237)")


THEME = ".alert-info { color: rgb(1, 2, 3); }"
TILE = '<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256"/>'


@slow
@pytest.mark.usefixtures("no_console_errors")
def test_a_theme_and_a_map_from_other_sites_are_shown(
    bake_and_install: Callable[..., Project], page: Page
) -> None:
    """The browser complains if the Content-Security-Policy blocks either site."""
    project = bake_and_install()
    components = guide(project, "components.md")
    project.run(*next(it for it in commands(components) if it.startswith("uv add")).split())
    for edit in edits(components):
        make(edit, project.path)
    project.check(*project.differing_tests())

    def answer(route: Route) -> None:
        tile = route.request.url.endswith(".png")
        kind, body = ("image/svg+xml", TILE) if tile else ("text/css", THEME)
        headers = {"Access-Control-Allow-Origin": "*"}
        route.fulfill(content_type=kind, headers=headers, body=body)

    page.route(re.compile("^https://"), answer)
    with project.serving() as server:
        page.goto(server.url)
        alert = page.locator(".alert-info")
        expect(alert).to_have_text("All times are local.", timeout=30_000)
        expect(alert).to_have_css("color", "rgb(1, 2, 3)")
        expect(page.locator(".leaflet-tile-loaded").first).to_be_visible()
        expect(page.locator(".leaflet-container path.leaflet-interactive")).to_be_visible()
        expect(page.locator(".card").first).to_be_visible()


MEASURED = "CREATE TABLE measured (taken_at {}, machine text, temperature numeric)"
FILES = {"sqlite": "config.toml", "postgresql": ".env"}


@contextmanager
def database(kind: str, project: Path) -> Iterator[tuple[str, Callable[..., None]]]:
    """Yield the URL of a database (if it differs from the guide's) and a function to run SQL."""
    if kind == "postgresql":
        with postgresql() as url:
            yield url, partial(execute, url)
    else:
        yield "", partial(sqlite, project / "data" / "plant.db")


def sqlite(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def measure(machine: str, count: int) -> list[str]:
    """Return statements that add one row per hour; the newest has 1 degree."""
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    rows = [(now - timedelta(hours=back), machine, back + 1) for back in range(count)]
    return ["INSERT INTO measured VALUES ('{}', '{}', {})".format(*row) for row in rows]


@slow
@pytest.mark.parametrize("kind", FILES)
def test_pip_alone_leads_to_a_page_that_shows_a_table(
    kind: str, project: Project, tmp_path: Path, page: Page
) -> None:
    """As in the guide: three commands, and editing at most ten lines of one file."""
    data = guide(project, "data.md")
    typed = next(it.commands for it in blocks(data) if "pip install uv" in it.text)
    edit = next(it for it in edits(data) if it.file == FILES[kind])
    assert len(typed) <= 3
    assert len(re.findall("^[-+]", edit.text, re.M)) <= 10

    shell = empty_machine(tmp_path)
    for command in typed[:-1]:
        shell.type(command)
    folder = shell.folder / project.slug
    with database(kind, folder) as (url, run):
        run(MEASURED.format("text" if kind == "sqlite" else "timestamp"), *measure("press", 48))
        text = edit.text.replace("postgresql://user:password@host/name", url)
        make(replace(edit, text=text), folder)
        with shell.serving(typed[-1], REFRESH__EVERY="1s") as server:
            page.goto(server.url)
            card = page.locator(".card")
            expect(card.locator(".card-label")).to_have_text(["press"], timeout=30_000)
            expect(card.locator(".card-range")).to_have_text("1 to 48")
            run(*measure("lathe", 1))
            expect(card.locator(".card-label")).to_have_text(["lathe", "press"], timeout=30_000)
            expect(page.locator("#status")).to_have_attribute("data-state", "live")


def examples(guide: Path) -> list[tuple[Block, dict[str, Any]]]:
    """Return the files that a guide shows, each with the settings that follow it."""
    found = blocks(guide)
    pairs = [(file, it) for file, it in pairwise(found) if it.language == "toml"]
    return [(file, tomllib.loads(it.text)["source"]) for file, it in pairs]


@slow
def test_each_file_of_the_guide_is_proposed_the_settings_below_it(
    bake_and_install: Callable[..., Project],
) -> None:
    project = bake_and_install(source="csv")
    found = examples(guide(project, "data.md"))
    assert len(found) >= 10
    for file, settings in found:
        path = project.path / settings["path"]
        path.write_text(file.text, settings.get("read", {}).get("encoding", "utf-8"))
        project.run("python", "-m", f"{project.slug}.reading", settings["path"], "--write")
        config = tomllib.loads((project.path / "config.toml").read_text("utf-8"))
        written = config["source"]
        assert written.pop("timezone") == "UTC"
        assert {**written, "read": written.get("read", {})} == {"read": {}, **settings}
        project.run("pytest", "-q", "tests/test_app.py", "tests/test_reading.py")


@slow
def test_the_function_of_the_guide_changes_the_raw_rows(
    bake_and_install: Callable[..., Project],
) -> None:
    project = bake_and_install(source="csv")
    edit = next(it for it in blocks(guide(project, "data.md")) if it.language == "python")
    module = project.path / project.slug / "reading.py"
    before = module.read_text("utf-8")
    text, count = re.subn(r"def read\(.*?\n\n\n", lambda _: f"{edit.text}\n\n", before, flags=re.S)
    assert count == 1
    module.write_text(text, "utf-8")
    file = project.path / "data" / "readings.csv"
    file.write_text("time,series,departure,arrival\n2026-01-01,a,3,10\n", "utf-8")
    with (project.path / ".env").open("a", encoding="utf-8") as environment:
        environment.write("MY_DASHBOARD__SOURCE__VALUE=delay\n")
    shown = project.run("python", "-m", f"{project.slug}.reading").stdout
    assert re.search(r"^readings: 1 row\b(.*\n)+.* a +7", shown, re.M), shown


@slow
def test_the_api_of_the_guide_is_read(bake_and_install: Callable[..., Project]) -> None:
    """Its JSON, its settings and its key come from the guide."""
    project = bake_and_install(source="http")
    data = guide(project, "data.md")
    answer, settings = next(it for it in examples(data) if it[0].language == "json")
    key = re.findall("`(MY_DASHBOARD__SOURCE__HEADERS__.*?)`", data.read_text("utf-8"))[0]
    with serving() as site:
        site.answers["/"] = Answer(answer.text)
        chosen = {**settings, "path": site.url}
        lines = [f"MY_DASHBOARD__SOURCE__{name.upper()}={it}" for name, it in chosen.items()]
        lines = [it.replace("__PATH=", "__URL=") for it in lines]
        with (project.path / ".env").open("a", encoding="utf-8") as environment:
            environment.write("\n".join([key, *lines]) + "\n")
        shown = project.run("python", "-m", f"{project.slug}.reading").stdout
    assert re.search(r"^readings: 4 rows\b(.*\n)+.* a +7\.5", shown, re.M), shown
    assert "Bearer KEY" in site.headers.values()


# The amount is the time of reading, in seconds since 1970.
NOW = "(julianday('now') - 2440587.5) * 86400"
SHOP = [
    "CREATE VIEW orders AS SELECT strftime('%Y-%m-%d %H:%M:%f', 'now') AS ordered_at, "
    f"'bolts' AS product, {NOW} AS amount",
    f"CREATE VIEW stock AS SELECT 'nuts' AS item, {NOW} AS amount",
]
NOTE = """
window.orders = [], window.stocks = [];
setInterval(() => {
    const last = (id) => document.querySelector(`#${id} .js-plotly-plot`)?.calcdata?.[0]?.at(-1);
    const note = (list, value) => value && value !== list.at(-1) && list.push(value);
    note(window.orders, last("trend-graph")?.y);
    note(window.stocks, last("stock-graph")?.s);
}, 50);
"""


@slow
def test_two_tables_refresh_at_their_own_pace(
    bake_and_install: Callable[..., Project], page: Page
) -> None:
    """As in the guide, but with periods of 1 and 6 seconds instead of 1 and 10 minutes."""
    project = bake_and_install(source="sql")
    for edit in edits(guide(project, "two-tables.md")):
        make(edit, project.path)
    sqlite(project.path / "data" / "shop.db", *SHOP)
    project.check("tests/test_app.py", "tests/test_engineering.py", "tests/test_preprocess.py")
    text = project.run("python", "-m", f"{project.slug}.reading").stdout
    assert re.search(r"^readings: 1 row\b(.*\n)+^stock: 1 row\b", text, re.M)

    pace = 6
    with project.serving(REFRESH__EVERY="1s", SOURCE__STOCK_EVERY=f"{pace}s") as server:
        page.add_init_script(NOTE)
        page.goto(server.url)
        wait_until(lambda: len(page.evaluate("window.stocks")) > 4, server.output)
        orders, stocks = page.evaluate("[window.orders, window.stocks]")
        # The first reading comes at any time, so its period may end while it is read.
        stocks = stocks[1:]
        numbers = [stock // pace for stock in stocks]
        assert numbers == sorted(set(numbers)), "the stock is read once in each of its periods"
        for start, end in pairwise(stocks):
            between = [order for order in orders if start < order < end]
            assert len(between) >= 3, "while orders go on"
        expect(page.get_by_role("heading", name="Stock")).to_be_visible()
        expect(page.locator(".card-label")).to_have_text("bolts")
