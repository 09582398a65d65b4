"""Renders the template with pairs answers."""

import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parents[2]
INJECTED = TEMPLATE / "tests" / "injected"  # files that run in a rendered project's environment
COMBINATIONS: dict[str, dict[str, str]] = {
    "default": {},
    "csv": {
        "source": "csv",
        "theme": "dark",
        "pages": "yes",
        "license": "Apache-2.0",
        "docker": "yes",
        "github_actions": "no",
    },
    "awkward": {
        "project_name": 'Søren\'s "Plant" 7 \\ 😀',
        "project_slug": "a_slug_that_is_as_long_as_one_can_get_40",
        "description": 'C:\\new\\table "quoted" {{ "{% raw %}" }} it\'s <b>100 %</b>',
        "author_name": 'Zoë "Z" O\'Neil',
        "source": "csv",
        "theme": "light",
        "license": "proprietary",
    },
}


def render(folder: Path, **answers: str) -> "subprocess.CompletedProcess[str]":
    """Render a project into a folder; missing answers get their defaults."""
    pairs = (f"{name}={value}" for name, value in answers.items())
    return cookiecutter("--no-input", "-o", str(folder), *pairs)


def cookiecutter(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run cookiecutter on the template."""
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(TEMPLATE), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
