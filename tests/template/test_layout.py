"""The tests themselves: where they are, and what they may import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.rendering import INJECTED, TEMPLATE

TESTS = TEMPLATE / "tests"
FOLDERS = {"template", "project", "browser", "stress", "containers", "injected"}
FILES = sorted(TESTS.rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    """Give the names of the modules that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (it.name for it in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


@pytest.mark.parametrize("file", FILES, ids=lambda it: it.relative_to(TESTS).as_posix())
def test_no_test_is_imported(file: Path) -> None:
    """So that each can be moved, renamed or run alone: what several need is in helpers."""
    tests = {it.stem for it in FILES if it.stem.startswith("test_")}
    if INJECTED not in file.parents:  # which import the conftest of the project they run in
        tests.add("conftest")
    parts = {part for name in imported(file) for part in name.split(".")}
    assert not parts & tests


def test_each_test_is_in_a_folder_that_says_what_it_is_for() -> None:
    files = {it.relative_to(TESTS) for it in FILES if it.name.startswith("test_")}
    assert {it.parts[0] for it in files} == FOLDERS


def test_what_is_injected_needs_nothing_of_the_templates_tests() -> None:
    """As it runs in a rendered project, whose `helpers` is one module, tests/engine/helpers.py."""
    for file in INJECTED.rglob("*.py"):
        assert not any(name.startswith("helpers.") for name in imported(file)), file


def test_both_conftests_of_the_users_tests_are_alike() -> None:
    """A source that is not on this machine has one more fixture, and other settings."""
    project = TEMPLATE / "{{cookiecutter.project_slug}}"
    files = [project / "tests/conftest.py", project / "choices/source/http/tests/conftest.py"]
    common, http = (file.read_text("utf-8").split("\n\n\n") for file in files)
    assert [part for part in common[1:] if part not in http and "def settings(" not in part] == []
