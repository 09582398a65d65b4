"""Takes each file of a folder to a page by `reading FILE --write`, and prints what happened.

Run it as `nox -s own_data -- FOLDER`; screenshots and own_data.md go to the folder `own-data`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from helpers.browser import launch_arguments
from helpers.projects import Project, install
from helpers.rendering import render

OUT = Path("own-data")
LOOKS = {"wide": ((1440, 900), "light"), "phone": ((390, 844), "dark")}
DRAWN = ".js-plotly-plot .trace, .js-plotly-plot .bars .point, .js-plotly-plot .scatterlayer path"
# Plotly resizes a chart a moment after the page gives it another height.
FITS = """() => [...document.querySelectorAll(".graph")].every((it) =>
    it.clientHeight === (it.querySelector(".main-svg")?.clientHeight ?? 0))"""
DATABASES = {".db", ".sqlite"}


@dataclass
class Result:
    """What became of one file."""

    name: str
    settings: int = 0  # lines
    seconds: float = 0  # from the command to the first chart
    rows: str = ""
    asked: int = 0
    page: str = ""
    problems: list[str] = field(default_factory=list)

    def cells(self) -> list[object]:
        """Return the row of the table."""
        problems = "; ".join(self.problems)
        return [
            self.name,
            self.settings,
            0,
            f"{self.seconds:.1f}",
            self.rows,
            self.asked,
            self.page,
            problems,
        ]


def main(folder: Path) -> None:
    """Try every file of a folder."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    files = sorted(it for it in folder.iterdir() if it.is_file())
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_arguments())
        project_of = projects(Path(work))
        results = [attempt(file, project_of, browser) for file in files]
    heads = ["file", "settings", "Python lines", "seconds", "rows", "questions", "page", "problems"]
    rows = [heads, ["---"] * len(heads), *(it.cells() for it in results)]
    table = "\n".join(f"| {' | '.join(str(it).replace('|', ' ') for it in row)} |" for row in rows)
    (OUT / "own_data.md").write_text(f"{table}\n", "utf-8")
    print(table)


def projects(work: Path) -> Callable[[str], Project]:
    """Return a function that installs a project with a source, once."""
    known: dict[str, Project] = {}

    def of(source: str) -> Project:
        if source not in known:
            rendered = render(work / source, source=source)
            assert rendered.returncode == 0, rendered.stderr
            known[source] = install(Project(next((work / source).iterdir())))
        return known[source]

    return of


def attempt(file: Path, project_of: Callable[[str], Project], browser: Browser) -> Result:
    """Take one file to a page."""
    result = Result(file.name)
    is_database = file.suffix in DATABASES
    project = project_of("sql" if is_database else "csv")
    with restored(project):
        before = tomllib.loads((project.path / "config.toml").read_text("utf-8"))
        started = time.monotonic()
        command = ["-m", f"{project.slug}.reading", str(file.resolve()), "--write"]
        said = run(project, *command)
        (OUT / f"{file.name}.txt").write_text(said, "utf-8")
        after = tomllib.loads((project.path / "config.toml").read_text("utf-8"))
        if before == after:
            result.problems.append(said.strip().splitlines()[-1] if said.strip() else "silent")
            return result
        result.settings = sum(map(len, (after["source"], after["source"].get("read", {}))))
        result.rows, result.asked = counts(said), len(re.findall("^Unsure: ", said, re.M))
        with project.serving() as server:
            for name, ((width, height), theme) in LOOKS.items():
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=theme
                )
                page.on("pageerror", lambda error: result.problems.append(str(error)))
                look(page, server.url, OUT / f"{file.name}-{name}.png")
                if not result.seconds:
                    result.seconds = time.monotonic() - started
                    result.page = describe(page)
                page.close()
    return result


def counts(said: str) -> str:
    """Return how many values were read, shown and left out, as the preview says."""
    read = re.findall(r"^([\d,]+) values? read; left out: (.*)\.$", said, re.M)
    shown = re.findall(r"can show ([\d,]+) rows?(?:; left out: (.*))?\.$", said, re.M)
    return "; ".join(
        [
            *(f"{count} read, {left} left out" for count, left in read),
            *(f"{count} shown{f' ({note})' if note else ''}" for count, note in shown),
        ]
    )


def look(page: Page, url: str, picture: Path) -> None:
    """Open the page, wait for a chart, and take a picture of all of it."""
    page.goto(url)
    page.locator(DRAWN).first.wait_for(state="attached", timeout=60_000)
    page.wait_for_function(
        "() => !document.querySelector('[data-dash-is-loading]')", timeout=60_000
    )
    page.wait_for_function(FITS, timeout=60_000)
    page.screenshot(path=picture, full_page=True)


def describe(page: Page) -> str:
    """Return what the page shows and says."""
    texts = [page.locator(it).inner_text() for it in ("#status-state", "#more", "#alert")]
    count = page.locator(".card").count()
    shown = [f"{count} card{'s' * (count != 1)}", *filter(None, texts)]
    return "; ".join(" ".join(it.split()) for it in shown)


def run(project: Project, *arguments: str) -> str:
    """Run Python in the project; return what it prints."""
    result = subprocess.run(
        [project.tool("python"), *arguments],
        cwd=project.path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "100"},
    )
    return result.stdout + result.stderr


@contextmanager
def restored(project: Project) -> Iterator[None]:
    """Restore the files that `--write` changes."""
    files = [
        project.path / "config.toml",
        project.path / project.slug / "assets" / "static_data" / "series.csv",
    ]
    contents = [it.read_bytes() for it in files]
    yield
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
