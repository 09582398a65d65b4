"""A project takes a newer template by what docs/updating.md says, and its user's edits stand."""

import json
import re
import sys
from pathlib import Path

import pytest

from helpers.processes import wait_until
from helpers.projects import Project, install
from helpers.rendering import COMBINATIONS, TEMPLATE
from helpers.repository import FOLDER, LINES, add_line, commit, publish, run
from helpers.servers import health

ANSWERS = {**COMBINATIONS["csv"], "project_name": 'Søren\'s "Plant" 7'}
OLD = {**ANSWERS, "pages": "no"}  # the first template did not ask for them
YOURS = r"\.env|config\.toml|data/.*|{slug}/(\w+\.py|(pages|assets)/.*)|tests/\w+\.py"


def cruft(folder: Path, *arguments: str) -> None:
    run(folder, sys.executable, "-m", "cruft", *arguments)


def create(template: Path, folder: Path, *options: str, answers: dict[str, str] = ANSWERS) -> Path:
    """Make a project of the newest template, or of an older one, in a repository of its own."""
    options = ("--no-input", "--extra-context", json.dumps(answers), *options)
    folder.mkdir()
    cruft(folder, "create", str(template), *options)
    project = next(folder.iterdir())
    run(project, "git", "init", "--quiet")
    commit(project)
    return project


def contents(project: Path, yours: bool) -> dict[str, bytes]:
    """Return the files that are the user's, or those of the engine, by their names."""
    pattern = re.compile(YOURS.format(slug=project.name))
    files = {path.relative_to(project): path for path in project.rglob("*") if path.is_file()}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in files.items()
        if name.parts[0] not in (".git", ".cruft.json")
        and bool(pattern.fullmatch(name.as_posix())) == yours
    }


def edit_and_update(project: Path, newest: Path) -> None:
    """Add to every file of the user's, and update: they stand, and all else is the newest."""
    for name in contents(project, yours=True):
        if name != ".env":
            add_line(project / name, "mine")
    commit(project)
    mine = contents(project, yours=True)
    cruft(project, "update", "--skip-apply-ask")
    assert contents(project, yours=True) == mine
    assert contents(project, yours=False) == contents(newest, yours=False)


def test_an_update_brings_the_engine_and_leaves_what_is_yours(
    template: Path, tmp_path: Path
) -> None:
    project = create(template, tmp_path / "project")
    folder = template / FOLDER
    (folder / FOLDER / "engine" / "added.py").touch()
    files = [path for path in folder.rglob("*") if path.suffix in LINES]
    publish(template, *(path.relative_to(folder).as_posix() for path in files))
    edit_and_update(project, create(template, tmp_path / "newest"))
    for module in ("engine/added.py", "engine/dashboard.py"):
        assert (project / project.name / module).read_text("utf-8").endswith("# newer\n")


def test_your_lines_are_merged_a_conflict_is_marked_and_a_deleted_file_stays_away(
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


@pytest.fixture
def adopted(template: Path, tmp_path: Path) -> Path:
    """A project that cookiecutter made of the template's first commit, linked and updated."""
    if run(TEMPLATE, "git", "rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("the template's first commit is not in this shallow clone")
    first = run(template, "git", "log", "--reverse", "--format=%H", "--", "hooks").split()[0]
    project = create(template, tmp_path / "project", "--checkout", first, answers=OLD)
    newest = create(template, tmp_path / "newest", answers=OLD)

    (project / ".cruft.json").unlink()
    answers = ("--no-input", "--extra-context", json.dumps(OLD))
    cruft(project, "link", str(template), "--checkout", first, *answers)
    text = (newest / "pyproject.toml").read_text("utf-8")
    section = text[text.index("[tool.cruft]") : text.index("[tool.ruff]")]
    pyproject = project / "pyproject.toml"
    text = pyproject.read_text("utf-8").replace("[tool.ruff]", section + "[tool.ruff]", 1)
    pyproject.write_text(text, "utf-8", newline="\n")

    edit_and_update(project, newest)
    return project


def test_a_project_of_the_first_template_takes_the_newest(adopted: Path) -> None:
    """The fixture has looked at every file; what is new since then is there."""
    assert (adopted / adopted.name / "engine" / "dashboard.py").exists()


@pytest.mark.slow
def test_what_the_first_template_made_runs_on_the_newest_engine(adopted: Path) -> None:
    old = {"APP__STALE_AFTER": "36500d"}  # as its sample is
    with install(Project(adopted)).serving(**old) as server:
        wait_until(lambda: "published" in server.output(), server.output)
        assert health(server)["status"] == "live"
