"""The notes of a release, which the workflow publishes."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from helpers.rendering import TEMPLATE

CHANGELOG = "# Changelog\n\n## 1.2.0 (2026-12-31)\n\n### New\n\n- A.\n\n## 1.1.0\n\n- B.\n"


def notes(folder: Path, version: str, changelog: str) -> "subprocess.CompletedProcess[str]":
    """Run the tool in a repository of version 1.2.0."""
    (folder / "tools").mkdir()
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n', "utf-8")
    (folder / "CHANGELOG.md").write_text(changelog, "utf-8")
    tool = shutil.copy(TEMPLATE / "tools" / "release_notes.py", folder / "tools")
    return subprocess.run([sys.executable, tool, version], capture_output=True, text=True)


def test_they_are_the_newest_section_of_the_changelog(tmp_path: Path) -> None:
    assert notes(tmp_path, "1.2.0", CHANGELOG).stdout == "### New\n\n- A.\n"


@pytest.mark.parametrize(
    ("version", "changelog", "reason"),
    [
        ("1.2.1", CHANGELOG, "pyproject.toml has version 1.2.0, not 1.2.1"),
        ("1.2.0", CHANGELOG.replace("1.2.0", "Unreleased"), "CHANGELOG.md begins with 'Unreleased"),
    ],
)
def test_a_tag_that_does_not_match_the_files_is_refused(
    version: str, changelog: str, reason: str, tmp_path: Path
) -> None:
    result = notes(tmp_path, version, changelog)
    assert result.returncode == 1
    assert reason in result.stderr


def test_readme_and_guides_name_this_release() -> None:
    version = tomllib.loads((TEMPLATE / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    guides = (TEMPLATE / "{{cookiecutter.project_slug}}" / "docs").glob("*.md")
    named = [
        name
        for file in (TEMPLATE / "README.md", *guides)
        for name in re.findall(r"--checkout (\S+?)[`\s]", file.read_text("utf-8"))
    ]
    assert len(named) > 5
    assert set(named) == {version}
