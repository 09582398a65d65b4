"""Parses the guides, types their commands and makes their edits."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from helpers.processes import end, free_port, wait_until
from helpers.projects import Project
from helpers.rendering import TEMPLATE
from helpers.servers import Server, ready

REPOSITORY = "https://github.com/org/dash-waitress-template"
SERVES = re.compile(r"-m \w+\.server\b(?! --hash)|nox -s demo")
COMMANDS = {"", "sh", "powershell"}  # languages of blocks with commands


@dataclass(frozen=True)
class Block:
    """A fenced block of a guide, and the last file named before it."""

    language: str
    text: str
    file: str

    @property
    def commands(self) -> list[str]:
        """The commands in the block; a command continues while a parenthesis is open."""
        if self.language not in COMMANDS:
            return []
        commands: list[str] = []
        for line in re.sub(r"(^|\s+)#.*", "", self.text, flags=re.M).splitlines():
            if commands and commands[-1].count("(") > commands[-1].count(")"):
                commands[-1] += f"\n{line}"
            elif line.strip():
                commands.append(line.strip())
        return commands


def blocks(guide: Path) -> list[Block]:
    """Return the blocks of a guide in order."""
    found, file = [], ""
    for before, language, text in re.findall(
        r"(.*?)(?:^```(\w*)\n(.*?)^```$|\Z)", guide.read_text("utf-8"), re.M | re.S
    ):
        file = (re.findall(r"`([\w./-]+\.(?:py|toml|csv|css)|\.env)`", before) or [file])[-1]
        if text:
            found.append(Block(language, text, file))
    return found


def edits(guide: Path) -> list[Block]:
    """Return the blocks of a guide that are diffs."""
    return [it for it in blocks(guide) if it.language == "diff"]


def make(edit: Block, project: Path) -> None:
    """Make an edit in the one place where it applies; lines without context go to the end.

    A … at the end of a line matches the rest of it.
    """
    lines = edit.text.splitlines()
    new = "\n".join(it[1:] for it in lines if it[:1] != "-")
    old = [re.escape(it[1:]) for it in lines if it[:1] != "+"]
    file = project / edit.file
    text = file.read_text("utf-8")
    if old:
        place = "\n".join(re.sub("…$", ".*", it) for it in old)
        text, count = re.subn(f"^{place}$", lambda _: new, text, flags=re.M)
        assert count == 1, f"{count} places in {edit.file} look like this:\n{edit.text}"
    else:
        text += f"{new}\n"
    file.write_text(text, "utf-8", newline="\n")


@dataclass
class Shell:
    """Types commands one by one; waits until a server is ready, then stops it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    places: dict[str, str] = field(default_factory=dict)  # text to replace in commands

    def __post_init__(self) -> None:
        template = {"gh:org/dash-waitress-template": str(TEMPLATE)}
        self.places = {**template, **self.places}

    def type(self, command: str) -> None:
        """Type a command, and wait until it ends."""
        if command.startswith("cd "):
            self.folder /= self._substituted(command).removeprefix("cd ")
            assert self.folder.is_dir(), command
        elif SERVES.search(command):
            with self.serving(command) as server:
                wait_until(lambda: ready(server)[0] == 200, server.output)
        else:
            result = subprocess.run(
                self._substituted(command),
                shell=True,
                cwd=self.folder,
                env=self.environment,
                # A password, or Enter for each prompt.
                input="hush\n" if "--hash-password" in command else 40 * "\n",
                capture_output=True,
                text=True,
                encoding="utf-8",
            )
            assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"

    @contextmanager
    def serving(self, command: str, **settings: str) -> Iterator[Server]:
        """Run a command that serves, on a free port."""
        settings = {"SERVER__PORT": str(free_port()), **settings}
        environment = {f"MY_DASHBOARD__{name}": value for name, value in settings.items()}
        log = self.folder / f"typed-{settings['SERVER__PORT']}.txt"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                self._substituted(command),
                shell=True,
                cwd=self.folder,
                env={**self.environment, **environment},
                stdout=output,
                stderr=output,
            )
        server = Server(log, process)
        try:
            # It may have to install its dependencies first.
            wait_until(lambda: process.poll() is not None or server.url, server.output, 300)
            assert server.url, f"{command}\n{server.output()}"
            yield server
        finally:
            end(process)

    def _substituted(self, command: str) -> str:
        for name, place in self.places.items():
            command = command.replace(name, place)
        return command


def empty_machine(folder: Path) -> Shell:
    """Return a shell in an empty folder, in a virtual environment with only pip."""
    python = folder / "python"
    subprocess.run([sys.executable, "-m", "venv", python], check=True)
    path = [str(python / ("Scripts" if os.name == "nt" else "bin"))]
    path += [it for it in os.environ["PATH"].split(os.pathsep) if not shutil.which("uv", path=it)]
    (folder / "work").mkdir()
    return Shell(folder / "work", {**os.environ, "PATH": os.pathsep.join(path)})


def guide(project: Project, name: str) -> Path:
    """Return a guide of a project."""
    return project.path / "docs" / name
