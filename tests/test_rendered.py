"""What is rendered passes its own linter, type checker and tests, as it is."""

import pytest
from conftest import Project

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy", "pytest -q"])
def test_it_passes_its_own_checks(command: str, installed: Project) -> None:
    installed.run(*command.split())
