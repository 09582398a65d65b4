"""Updating a project as in docs/updating.md keeps its user's edits."""

import json
import re
import sys
import tomllib
from pathlib import Path, PurePath

import pytest
from playwright.sync_api import Page, expect

from helpers.guides import blocks, edits, make
from helpers.projects import Project, install
from helpers.rendering import COMBINATIONS, TEMPLATE
from helpers.repository import FOLDER, LINES, add_line, commit, publish, run

ANSWERS = {**COMBINATIONS["csv"], "project_name": 'Søren\'s "Plant" 7'}
OLD = {**ANSWERS, "pages": "no"}  # the first template had no such prompt
MODULE = f"{FOLDER}/{FOLDER}/live.py"  # removed when engine/ was introduced
# A user's edits to the first template: file, old text, new text.
EDITS = [
    ("config.toml", 'every = "2s"', 'every = "3s"'),
    ("reading.py", "pd.read_csv(path)", 'pd.read_csv(path).assign(note="ok")'),
    ("reading.py", ": time and size, or what its server says", ""),  # the line is too long
    ("preprocess.py", "pa.Column(float),", 'pa.Column(float),\n"note": pa.Column(str),'),
    (
        "app.py",
        '"trend-graph"),',
        '"trend-graph"),\npanel("Newest", "newest-graph"),\nhtml.P(id="rows"),',
    ),
    (
        "app.py",
        "    return app\n",
        """\
    @app.callback(
        Output("newest-graph", "figure"),
        Input("snapshot-version", "data"),
        Input("series", "value"),
        Input("window", "value"),
    )
    def show_newest(_version: int, names: list[str], window: str) -> go.Figure:
        newest = chosen(names, window).groupby("series", observed=True)["value"].last()
        return go.Figure(go.Bar(x=newest.index, y=newest))

    unit = "rows"

    @app.callback(Output("rows", "children"), Input("snapshot-version", "data"))
    def count(_version: int) -> str:
        return f"{len(chosen([], 'All'))} {unit}"

    return app
""",
    ),
]


def cruft(folder: Path, *arguments: str) -> None:
    run(folder, sys.executable, "-m", "cruft", *arguments)


def create(template: Path, folder: Path, *options: str, answers: dict[str, str] = ANSWERS) -> Path:
    """Create a project from the template, by default the newest, in its own repository."""
    options = ("--no-input", "--extra-context", json.dumps(answers), *options)
    folder.mkdir()
    cruft(folder, "create", str(template), *options)
    project = next(folder.iterdir())
    run(project, "git", "init", "--quiet")
    commit(project)
    return project


def skipped(project: Path) -> list[str]:
    """Return the patterns of files that an update skips."""
    state = json.loads((project / ".cruft.json").read_text("utf-8"))
    config = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["tool"]
    return [*state.get("skip", []), *config.get("cruft", {}).get("skip", [])]


def contents(project: Path, skip: list[str], yours: bool) -> dict[str, bytes]:
    """Return the contents of the user's files, or of all others, by name."""

    def is_yours(name: PurePath) -> bool:
        return any(name.match(it) or PurePath(it) in name.parents for it in skip)

    files = {path.relative_to(project): path for path in project.rglob("*") if path.is_file()}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in files.items()
        if name.parts[0] not in (".git", ".cruft.json") and is_yours(name) == yours
    }


def edit_and_update(project: Path, newest: Path) -> None:
    """Edit all the user's files and update: they are kept, and all others become the newest."""
    skip = skipped(project)
    for name in contents(project, skip, yours=True):
        if PurePath(name).suffix in LINES:
            add_line(project / name, "mine")
    commit(project)
    mine = contents(project, skip, yours=True)
    cruft(project, "update", "--skip-apply-ask")
    assert contents(project, skip, yours=True) == mine
    assert contents(project, skip, yours=False) == contents(newest, skip, yours=False)


def test_an_update_replaces_the_engine_and_keeps_the_users_files(
    template: Path, tmp_path: Path
) -> None:
    project = create(template, tmp_path / "project")
    folder = template / FOLDER
    (folder / FOLDER / "engine" / "added.py").touch()
    files = [path for path in folder.rglob("*") if path.suffix in LINES]
    publish(template, *(path.relative_to(folder).as_posix() for path in files))
    edit_and_update(project, create(template, tmp_path / "newest"))
    for module in ("added.py", "page.py"):
        assert (project / project.name / "engine" / module).read_text("utf-8").endswith("# newer\n")


def test_edits_are_merged_conflicts_are_marked_and_deleted_files_stay_deleted(
    template: Path, tmp_path: Path
) -> None:
    project = create(template, tmp_path / "project")
    publish(template, "pyproject.toml", "README.md", "docs/scaling.md")
    pyproject, readme = project / "pyproject.toml", project / "README.md"
    text = pyproject.read_text("utf-8").replace("[\n", '[\n    "openpyxl>=3.1",\n', 1)
    pyproject.write_text(text, "utf-8", newline="\n")
    add_line(readme, "mine")
    (project / "docs" / "scaling.md").unlink()
    commit(project)
    cruft(project, "update", "--skip-apply-ask")
    assert pyproject.read_text("utf-8") == text + "# newer\n"
    assert run(project, "git", "diff", "--name-only", "--diff-filter=U").split() == ["README.md"]
    assert not (project / "docs" / "scaling.md").exists()
    conflict = r"<<<<<<< \S+\nmine\n=======\nnewer\n>>>>>>> \S+\n"
    assert re.search(conflict, readme.read_text("utf-8"))


def before_engine(template: Path) -> str:
    """Return the last commit in which the engine's modules were next to the user's."""
    if run(TEMPLATE, "git", "rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("the template's older commits are not in this shallow clone")
    removed = run(template, "git", "log", "-1", "--diff-filter=D", "--format=%H^", "--", MODULE)
    return removed.strip()


@pytest.fixture
def adopted(template: Path, tmp_path: Path) -> Path:
    """A project made by cookiecutter from the first commit, then linked and updated by cruft."""
    before_engine(template)
    first = run(template, "git", "log", "--reverse", "--format=%H", "--", "hooks").split()[0]
    project = create(template, tmp_path / "project", "--checkout", first, answers=OLD)
    newest = create(template, tmp_path / "newest", answers=OLD)

    (project / ".cruft.json").unlink()
    answers = ("--no-input", "--extra-context", json.dumps(OLD))
    cruft(project, "link", str(template), "--checkout", first, *answers)
    (skip,) = (it for it in blocks(newest / "docs" / "updating.md") if it.language == "json")
    state = project / ".cruft.json"
    values = {**json.loads(state.read_text("utf-8")), **json.loads(f"{{{skip.text}}}")}
    state.write_text(json.dumps(values), "utf-8")
    for name, old, new in EDITS:
        file = project / name if name == "config.toml" else project / project.name / name
        text = file.read_text("utf-8")
        assert text.count(old) == 1, name
        file.write_text(text.replace(old, new), "utf-8", newline="\n")
    edit_and_update(project, newest)
    return project


def migrate(project: Path) -> tuple[Project, list[str]]:
    """Migrate a project as its guide says, and check it; return the remaining tasks."""
    commit(project)
    installed = install(Project(project))
    tasks = installed.run("python", str(TEMPLATE / "tools" / "migrate.py")).stdout.splitlines()
    installed.run("ruff", "format")
    installed.run("ruff", "check", "--fix")
    tests = sorted(it.name for it in project.glob("tests/test_*.py"))
    installed.check(*(f"tests/{name}" for name in tests or ["engine/test_cli.py"]))
    return installed, tasks


def test_a_project_from_the_first_template_updates_to_the_newest(adopted: Path) -> None:
    """The fixture has compared every file."""
    package = adopted / adopted.name
    assert (package / "engine" / "page.py").exists()
    assert not (package / "live.py").exists()


@pytest.mark.slow
def test_a_first_template_project_is_migrated_and_live(adopted: Path, page: Page) -> None:
    project, (tasks,) = migrate(adopted)
    assert re.match(r"\S+app\.py:\d+: .*@view", tasks), "one callback uses a name around it"
    assert "skip" not in json.loads((adopted / ".cruft.json").read_text("utf-8"))
    app = (adopted / adopted.name / "app.py").read_text("utf-8")
    assert app.count("@view(") == 4
    with project.serving(APP__STALE_AFTER="36500d") as server:  # its sample data are old
        page.goto(server.url)
        expect(page.locator("#status")).to_have_attribute("data-state", "live", timeout=30_000)
        expect(page.locator("#rows")).to_have_text(re.compile(r"^[1-9]\d* rows$"))
        expect(page.locator("#newest-graph .point").first).to_be_attached()
        expect(page.locator(".card").first).to_be_visible()


@pytest.mark.slow
def test_a_project_from_before_the_engine_is_migrated_and_live(
    template: Path, tmp_path: Path, page: Page
) -> None:
    """It has the edits from its own guide: a figure, a callback, a label and a color."""
    project = create(template, tmp_path / "project", "--checkout", before_engine(template))
    for edit in edits(project / "docs" / "change.md"):
        make(edit, project)
    edit_and_update(project, create(template, tmp_path / "newest"))
    migrated, tasks = migrate(project)
    assert [it.partition(":")[0] for it in tasks] == [f"{project.name}/pages/overview.py"]
    with migrated.serving(APP__STALE_AFTER="36500d") as server:
        page.goto(server.url)
        expect(page.locator("#status")).to_have_attribute("data-state", "live", timeout=30_000)
        expect(page.locator("#greeting")).to_have_text("For all")
        expect(page.locator("#limits-graph .point").first).to_be_attached()
        page.get_by_role("link", name="Data").click()
        expect(page.locator(".ag-row").first).to_be_visible()
        page.get_by_role("link", name="Status").click()
        expect(page.locator("#history tr").first).to_be_visible()
