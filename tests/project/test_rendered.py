"""A rendered project passes its own linter, type checker and tests."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable

import pytest

from helpers.projects import Project
from helpers.rendering import COMBINATIONS, TEMPLATE

pytestmark = pytest.mark.slow

# The largest combination runs its whole suite; the others run only the tests that differ.
WHOLE = "csv"
OTHERS = [it for it in COMBINATIONS if it != WHOLE]
SYSTEMS = ("linux", "win32", "darwin")
ELSEWHERE = [f"mypy --platform {it}" for it in SYSTEMS if it != sys.platform]


@pytest.mark.run_first
@pytest.mark.parametrize("combination", [WHOLE], indirect=True)
def test_one_combination_passes_its_whole_suite(installed: Project) -> None:
    installed.run("pytest", "-q")


@pytest.mark.parametrize("combination", [WHOLE], indirect=True)
@pytest.mark.parametrize("command", ELSEWHERE)
def test_one_combination_type_checks_for_other_systems(command: str, installed: Project) -> None:
    installed.run(*command.split())


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_a_combination_passes_its_linters(command: str, installed: Project) -> None:
    installed.run(*command.split())


@pytest.mark.parametrize("combination", OTHERS, indirect=True)
def test_other_combinations_pass_the_tests_that_depend_on_answers(installed: Project) -> None:
    tests = installed.differing_tests()
    assert {"tests/test_app.py", "tests/test_preprocess.py"} < set(tests)
    installed.run("pytest", "-q", *tests)


@pytest.mark.skipif("FLIPS" not in os.environ, reason="the project's own tests flip some")
def test_flipped_bits_in_stored_snapshots(machine: Project) -> None:
    (file,) = machine.path.glob("tests/**/test_damage.py")
    print(machine.run("pytest", "-q", "-s", str(file), "-k", "flipped").stdout)


def test_the_config_file_names_every_setting(installed: Project) -> None:
    """This holds as rendered: the file is the user's, so updates do not add new settings."""
    listing = f"""
import json
from {installed.slug}.engine.config import environment
from {installed.slug}.setting import Settings
sections = {{name: field.annotation for name, field in Settings.model_fields.items()}}
del sections["config"], sections["source"]
print(json.dumps({{name: list(environment.keys(it)) for name, it in sections.items()}}))
"""
    settings = json.loads(installed.run("python", "-c", listing).stdout)
    config = tomllib.loads((installed.path / "config.toml").read_text("utf-8"))
    del config["source"]
    assert {section: list(keys) for section, keys in config.items()} == settings


def test_benchmark_scripts_run_in_a_rendered_project(
    bake_and_install: Callable[..., Project],
) -> None:
    project = bake_and_install()
    for script, size in (("history", 10_000), ("memory", 10)):
        path = TEMPLATE / "benchmarks" / f"{script}.py"
        lines = project.run("python", str(path), str(size)).stdout.splitlines()
        assert lines and all(json.loads(line)["rows"] >= 10_000 for line in lines)


def test_a_commit_is_checked(bake_and_install: Callable[..., Project]) -> None:
    project = bake_and_install()

    def git(*arguments: str) -> "subprocess.CompletedProcess[str]":
        me = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        command = ["git", *me, *arguments]
        return subprocess.run(command, cwd=project.path, capture_output=True, text=True)

    git("init")
    project.run("pre-commit", "install")
    git("add", "--all")
    first = git("commit", "--message", "all")
    assert first.returncode == 0, first.stdout + first.stderr
    module = project.path / project.slug / "wrong.py"
    module.write_text('"""Adds up wrongly."""\n\nTOTAL: int = "1"\n', "utf-8")
    git("add", "--all")
    second = git("commit", "--message", "wrong")
    assert second.returncode and "Incompatible types" in second.stdout + second.stderr
