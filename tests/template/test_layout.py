"""The layout of the tests themselves: where they are, and what they may import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.rendering import INJECTED, TEMPLATE

TESTS = TEMPLATE / "tests"
FOLDERS = {
    "browser",
    "containers",
    "injected",
    "project",
    "pythons",
    "stress",
    "template",
    "windows",
}
FILES = sorted(TESTS.rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    """Yield the names of the modules that a file imports anywhere."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (it.name for it in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


@pytest.mark.parametrize("file", FILES, ids=lambda it: it.relative_to(TESTS).as_posix())
def test_no_file_imports_a_test_module(file: Path) -> None:
    """So that each can be moved, renamed or run alone; shared code belongs in helpers."""
    tests = {it.stem for it in FILES if it.stem.startswith("test_")}
    if INJECTED not in file.parents:  # injected files may import the conftest of their project
        tests.add("conftest")
    parts = {part for name in imported(file) for part in name.split(".")}
    assert not parts & tests


def test_every_test_file_is_in_a_known_folder() -> None:
    files = {it.relative_to(TESTS) for it in FILES if it.name.startswith("test_")}
    assert {it.parts[0] for it in files} == FOLDERS


def test_injected_files_do_not_import_the_template_helpers() -> None:
    """They run in a rendered project, where `helpers` is tests/engine/helpers.py."""
    for file in INJECTED.rglob("*.py"):
        assert not any(name.startswith("helpers.") for name in imported(file)), file


def test_both_user_conftests_share_their_fixtures() -> None:
    """The http source only adds a fixture for its server, and changes the settings."""
    project = TEMPLATE / "{{cookiecutter.project_slug}}"
    files = [project / "tests/conftest.py", project / "choices/source/http/tests/conftest.py"]
    common, http = (file.read_text("utf-8").split("\n\n\n") for file in files)
    assert [part for part in common[1:] if part not in http and "def settings(" not in part] == []
