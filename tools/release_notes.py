"""Prints what CHANGELOG.md says about a release. Run as: python tools/release_notes.py VERSION."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def notes(version: str, changelog: str, declared: str) -> str:
    """Return the newest section. Raises SystemExit if a file is of another version."""
    if declared != version:
        sys.exit(f"pyproject.toml has version {declared}, not {version}: set it, and tag again.")
    title, _, text = changelog.split("\n## ")[1].partition("\n")
    if title.split(" (")[0] != version:
        sys.exit(f"CHANGELOG.md begins with {title!r}, not with {version}: rename the section.")
    return text.strip()


def main() -> None:
    """Print the notes of the version given as an argument."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    print(notes(sys.argv[1], (ROOT / "CHANGELOG.md").read_text("utf-8"), project["version"]))


if __name__ == "__main__":
    main()
