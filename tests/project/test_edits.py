"""A project's own tests survive the first edits that its README suggests."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.projects import Project

pytestmark = pytest.mark.slow

READING = '''"""Where the data come from: a plant."""

from datetime import datetime

import pandas as pd

from .engine import Section


class Source(Section):
    """What `[source]` in config.toml may say."""

    plant: str


def read(source: Source, since: datetime) -> dict[str, pd.DataFrame]:
    """Return the plant's last hour."""
    time = pd.date_range(end=pd.Timestamp.now("UTC"), periods=60, freq="1min")
    rows = {"time": time, "series": f"{source.plant}_oven", "value": 7.5, "quality": "good"}
    return {"readings": pd.DataFrame(rows)}
'''
FAILS = "    raise RuntimeError('an edit that went wrong')\n"
# Slow, and no more dependent on the user's modules than the others.
SLOW = ["auth", "cli", "computations", "damage", "executors", "laws", "reloader", "scheduler"]
SLOW += ["shared_views", "times"]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new), "utf-8", newline="\n")


def failing(project: Project, *paths: str) -> set[str]:
    """Run the project's tests, and return the files with failures."""
    slow = [path for name in SLOW for path in project.path.glob(f"tests/**/test_{name}.py")]
    ignored = (f"--ignore={path.relative_to(project.path)}" for path in slow)
    command = ["uv", "run", "pytest", "-q", "-rfE", "--tb=no", *paths, *ignored]
    result = subprocess.run(command, cwd=project.path, capture_output=True, text=True)
    assert re.search(r"\d+ passed", result.stdout), result.stdout + result.stderr
    found = re.findall(r"^(?:FAILED|ERROR) tests/(\S+?)\.py", result.stdout, re.M)
    return {name.replace("test_", "") for name in found}


def test_edits_break_only_the_tests_of_the_edited_modules(
    bake_and_install: Callable[..., Project],
) -> None:
    project = bake_and_install()
    package, config = project.path / project.slug, project.path / "config.toml"

    # A different source, an extra column and a different path break no test.
    (package / "reading.py").write_text(READING, "utf-8", newline="\n")
    text = config.read_text("utf-8")
    text = text[: text.index("[source]")].replace('url_prefix = "/" ', 'url_prefix = "/plant/" ')
    config.write_text(f'{text}[source]\nplant = "north"\n', "utf-8", newline="\n")
    schema = "schema(time=pa.Column(UTC), series=NAMED, value=NUMBER"
    edit(package / "preprocess.py", schema, f"{schema}, quality=pa.Column(str)")
    own = [f"tests/{file.name}" for file in project.path.glob("tests/test_*.py")]
    assert failing(project, *own) == set()

    # Mistakes break only the tests of the edited modules and of the page.
    figure = '    """Draw each series over time,'
    edit(package / "engineering.py", figure, FAILS + figure)
    edit(package / "app.py", "    app = Dash(\n", f"{FAILS}    app = Dash(\n")
    edit(package / "reading.py", "    time = ", f"{FAILS}    time = ")
    assert failing(project, *own) == {"app", "engineering", "preprocess"}

    # No edit breaks a test of the engine, even if none of the user's modules can be imported.
    for module in [*package.glob("*.py"), *package.glob("pages/*.py")]:
        if module.name != "__init__.py":
            module.write_text("def (:\n", "utf-8", newline="\n")
    (package / "pages" / "__init__.py").unlink()
    config.write_text("[source\n", "utf-8", newline="\n")
    assert failing(project, "tests/engine") == set()
    served = "test_cli.py::test_the_server_serves_refreshes_and_stops_cleanly"
    project.run("pytest", "-q", f"tests/engine/{served}")
