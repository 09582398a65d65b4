"""Copies the template into a git repository of its own, and adds commits to it."""

import subprocess
from pathlib import Path

import pytest

from helpers.rendering import TEMPLATE

FOLDER = "{{cookiecutter.project_slug}}"
LINES = {
    ".css": "/* {} */\n",
    ".csv": "2026-01-01T00:00Z,{},1\n",  # fits both files
    ".js": "// {}\n",
    ".md": "{}\n",
    ".py": "# {}\n",
    ".toml": "# {}\n",
}


def run(folder: Path, *command: str) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def checkout(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Return a repository whose newest commit is the working tree, with git as on Windows."""
    if not (TEMPLATE / ".git").exists():
        pytest.skip("the template is not in a git repository here")
    config, copy = folder / "gitconfig", folder / "template"
    config.write_text("[user]\nname=A\nemail=a@example.com\n[core]\nautocrlf=true\n", "utf-8")
    patch.setenv("GIT_CONFIG_GLOBAL", str(config))
    run(folder, "git", "clone", "--quiet", "--no-checkout", str(TEMPLATE), str(copy))
    commit(TEMPLATE, f"--git-dir={copy / '.git'}", "--work-tree=.")
    run(copy, "git", "reset", "--quiet", "--hard")
    return copy


def commit(folder: Path, *options: str) -> None:
    run(folder, "git", *options, "add", "--all")
    run(folder, "git", *options, "commit", "--quiet", "--allow-empty", "--message", "all")


def add_line(file: Path, word: str) -> None:
    with file.open("a", encoding="utf-8", newline="\n") as opened:
        opened.write(LINES[file.suffix].format(word))


def publish(template: Path, *names: str) -> None:
    """Commit a newer template in which each of these files has one more line."""
    for name in names:
        add_line(template / FOLDER / name, "newer")
    commit(template)
