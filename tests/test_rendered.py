"""What is rendered passes its own linter, type checker and tests, as it is."""

import json
import tomllib

import pytest
from conftest import Project

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy", "pytest -q"])
def test_it_passes_its_own_checks(command: str, installed: Project) -> None:
    installed.run(*command.split())


def test_the_config_file_names_every_setting(installed: Project) -> None:
    """As rendered: it is the user's, so that an update's new settings are not in theirs."""
    listing = f"""
import json
from {installed.slug}.setting import Settings
sections = {{name: field.annotation for name, field in Settings.model_fields.items()}}
del sections["config"], sections["source"]
print(json.dumps({{name: list(section.model_fields) for name, section in sections.items()}}))
"""
    settings = json.loads(installed.run("python", "-c", listing).stdout)
    config = tomllib.loads((installed.path / "config.toml").read_text("utf-8"))
    del config["source"]
    assert {section: list(keys) for section, keys in config.items()} == settings
