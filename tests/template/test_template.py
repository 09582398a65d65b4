"""The rendered files, and the answers that are rejected."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.projects import Project
from helpers.rendering import COMBINATIONS, TEMPLATE, cookiecutter, render

GOLDEN = Path(__file__).with_name("rendered")


def files(project: Project) -> list[Path]:
    ignored = {".venv", "uv.lock"}
    return [
        path
        for path in sorted(project.path.rglob("*"))
        if path.is_file()
        and not ignored & set(path.relative_to(project.path).parts)
        and not re.search(r"__pycache__|\.\w+_cache|server-\d+\.txt", str(path))
    ]


def test_rendered_files_match_the_golden_file(
    baked: Project, combination: str, request: pytest.FixtureRequest
) -> None:
    """To rewrite the golden files: nox -s quick -- --golden -k golden"""
    golden = GOLDEN / f"{combination}.txt"
    found = [path.relative_to(baked.path).as_posix() for path in files(baked)]
    if request.config.getoption("--golden"):
        golden.write_text("".join(f"{it}\n" for it in sorted(found)), "utf-8", newline="\n")
    assert sorted(found) == golden.read_text("utf-8").splitlines()


def test_every_test_belongs_to_the_engine_or_the_user(baked: Project) -> None:
    config = tomllib.loads((baked.path / "pyproject.toml").read_text("utf-8"))
    yours = {path for name in config["tool"]["cruft"]["skip"] for path in baked.path.glob(name)}
    engine = set(baked.path.glob("tests/engine/*.py"))
    tests = set(baked.path.glob("tests/**/*.py"))
    assert not engine & yours
    assert tests == engine | {it for it in yours if "tests" in it.parts}


def test_no_template_syntax_is_left_and_every_file_parses(baked: Project) -> None:
    for path in files(baked):
        text = path.read_bytes().decode("utf-8")
        assert "\r" not in text, path
        assert "cookiecutter." not in text, path
        if path.suffix == ".py":
            ast.parse(text)
        elif path.suffix == ".toml":
            tomllib.loads(text)


def test_the_package_contains_no_template_syntax() -> None:
    """So that it can be linted, type-checked and read in place."""
    slug = "{{cookiecutter.project_slug}}"
    for path in (TEMPLATE / slug).rglob(f"{slug}/**/*.py"):
        assert not re.search(r"{{ ?cookiecutter|{%", path.read_text("utf-8")), path


def test_answers_reach_the_rendered_files_unchanged(baked: Project, combination: str) -> None:
    answers = {**json.loads((TEMPLATE / "cookiecutter.json").read_text("utf-8"))}
    answers.update(COMBINATIONS[combination])
    config = tomllib.loads((baked.path / "config.toml").read_text("utf-8"))
    project = tomllib.loads((baked.path / "pyproject.toml").read_text("utf-8"))["project"]
    assert config["app"]["title"] == answers["project_name"]
    assert project["description"] == config["app"]["description"]
    if combination == "default":
        assert (baked.slug, config["server"]["port"]) == ("my_dashboard", 8050)
    else:
        assert config["source"]["path"] == "data/readings.csv"
        theme = (baked.path / baked.slug / "assets" / "css-theme.css").read_text("utf-8")
        assert f"color-scheme: {answers['theme']};" in theme
    assert project["authors"][0]["name"] == answers["author_name"]
    licence = {"MIT": "MIT License", "Apache-2.0": "Apache License", "proprietary": "All rights"}
    chosen = answers["license"] if isinstance(answers["license"], str) else "MIT"
    assert licence[chosen] in (baked.path / "LICENSE").read_text("utf-8")


def test_each_project_gets_its_own_secret(bake: Callable[..., Project]) -> None:
    secrets = {
        re.findall(r"^MY_DASHBOARD__SERVER__SECRET_KEY=(\S{40,})$", text, re.M)[0]
        for text in ((bake().path / ".env").read_text("utf-8") for _ in range(2))
    }
    assert len(secrets) == 2


def test_a_replay_renders_the_same_project_with_a_new_secret(
    combination: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "cookiecutter.yaml"
    config.write_text(json.dumps({"replay_dir": str(tmp_path / "replay")}), "utf-8")
    monkeypatch.setenv("COOKIECUTTER_CONFIG", str(config))
    folders = tmp_path / "first", tmp_path / "again"
    for result in (
        render(folders[0], **COMBINATIONS[combination]),
        cookiecutter("--replay", "-o", str(folders[1])),
    ):
        assert result.returncode == 0, result.stderr
    first, again = (Project(next(folder.iterdir())) for folder in folders)
    names = [path.relative_to(first.path) for path in files(first)]
    assert names == [path.relative_to(again.path) for path in files(again)]
    different = [
        name.name
        for name in names
        if (first.path / name).read_bytes() != (again.path / name).read_bytes()
    ]
    assert set(different) - {"readings.csv"} == {".env"}  # it ends at the time of rendering


def test_the_next_commands_are_printed(tmp_path: Path) -> None:
    result = render(tmp_path)
    assert "cd my_dashboard" in result.stdout
    assert "python -m my_dashboard.server" in result.stdout


def test_a_name_without_a_letter_gets_the_default_slug(bake: Callable[..., Project]) -> None:
    assert bake(project_name="📈").slug == "my_dashboard"


REJECTED = {
    "no-identifier": "lower-case letters, digits and _",
    "7th": "lower-case letters, digits and _",
    "Capital": "lower-case letters, digits and _",
    "søren": "lower-case letters, digits and _",
    "trailing_": "lower-case letters, digits and _",
    "x" * 41: "at most 40",
    "class": "keyword",
    "match": "keyword",
    "json": "standard library",
    "dash": "dependency",
    "schedule": "dependency",
    "pandas": "dependency",
    "python_json_logger": "dependency",
    "python__json__logger": "dependency",
    "types_psutil": "dependency",
    "tests": "folder",
    "data": "folder",
    "con": "Windows",
    "com1": "Windows",
    "lpt5": "Windows",
    "lpt9": "Windows",
    "com¹": "lower-case letters, digits and _",
}


@pytest.mark.parametrize(("slug", "rule"), REJECTED.items())
def test_an_unusable_slug_is_rejected(slug: str, rule: str, tmp_path: Path) -> None:
    assert_rejected(tmp_path, {"project_slug": slug}, "project_slug", slug, rule)


@pytest.mark.parametrize(
    ("answer", "value", "rule"),
    [
        ("project_name", "two\nlines", "control characters"),
        ("description", "a\x1bb", "control characters"),
        ("author_name", "a\tb", "control characters"),
        ("author_name", " ", "empty"),
        ("author_email", 'a"b@example.com', "e-mail"),
        ("author_email", "nobody", "e-mail"),
    ],
)
def test_unusable_text_is_rejected(answer: str, value: str, rule: str, tmp_path: Path) -> None:
    assert_rejected(tmp_path, {answer: value, "project_slug": "fine"}, answer, repr(value), rule)


def assert_rejected(folder: Path, answers: dict[str, str], *words: str) -> None:
    result = render(folder, **answers)
    assert result.returncode != 0
    assert all(word in result.stderr for word in words), result.stderr
    assert "Traceback" not in result.stderr
    assert not list(folder.iterdir()), "nothing is left behind"


@pytest.mark.parametrize("flags", [["-f"], ["-f", "-s"]])
def test_an_existing_project_is_never_overwritten(flags: list[str], tmp_path: Path) -> None:
    assert render(tmp_path, source="sql").returncode == 0
    project = tmp_path / "my_dashboard"
    (project / "my_dashboard" / "reading.py").write_text("# mine\n", "utf-8")
    (project / "my_dashboard" / "added.py").touch()
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    result = cookiecutter("--no-input", "-o", str(tmp_path), *flags, "source=sql")
    assert result.returncode != 0
    assert "cruft update" in result.stderr and str(project) in result.stderr
    assert "Traceback" not in result.stderr
    after = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert after == before


def test_a_project_can_be_rendered_into_an_empty_repository(tmp_path: Path) -> None:
    (tmp_path / "my_dashboard" / ".git").mkdir(parents=True)
    assert render(tmp_path).returncode != 0, "cookiecutter itself wants -f"
    result = cookiecutter("--no-input", "-o", str(tmp_path), "-f")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "my_dashboard" / "my_dashboard" / "reading.py").exists()


@pytest.mark.slow
def test_no_slug_can_shadow_a_dependency(installed: Project, tmp_path: Path) -> None:
    """Every package that a project depends on, even indirectly, is rejected as a slug."""
    project = tomllib.loads((installed.path / "pyproject.toml").read_text("utf-8"))
    declared = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    required = {re.split(r"[\[>;]", requirement)[0] for requirement in declared}
    listing = "import importlib.metadata as m, json; print(json.dumps(m.packages_distributions()))"
    found = json.loads(installed.run("python", "-c", listing).stdout)
    names = {name for name, distributions in found.items() if required & set(distributions)}
    assert {"dash", "schedule", "waitress", "dotenv", "pytest"} <= names
    lock = tomllib.loads((installed.path / "uv.lock").read_text("utf-8"))
    names |= {package["name"].replace("-", "_") for package in lock["package"]}
    hook = (TEMPLATE / "hooks" / "pre_gen_project.py").read_text("utf-8")
    answers = {"project_name": "A", "description": "A", "author_name": "A", "author_email": "a@b.c"}

    def accepts(slug: str) -> bool:
        answers["project_slug"] = slug
        script = hook.replace("{{ cookiecutter | jsonify }}", json.dumps(answers))
        command = [sys.executable, "-c", script]
        return subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0

    assert accepts("fine")
    slugs = [it for it in names - {installed.slug} if re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", it)]
    assert not [slug for slug in slugs if accepts(slug)]
