"""Another release of Debian in a folder, for programs that this machine's lacks; needs root."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from helpers.processes import output

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Wine reads the number of processors from /sys. The mounts end with the process.
ENTER = """
mount -t proc proc "$0/proc"
mount -t sysfs -o ro sysfs "$0/sys"
exec chroot "$0" env -i "$@"
"""
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Debian:
    """A release of Debian, kept between runs."""

    root: Path
    release: str

    def prepare(self, *packages: str) -> None:
        """Install the release and some packages, except for what is already installed."""
        done = self.root / "etc" / "prepared"
        if done.exists() and done.read_text("utf-8") == " ".join(packages):
            return
        subprocess.run(["rm", "-rf", "--one-file-system", self.root], check=True)
        self.root.mkdir(parents=True)
        output("debootstrap", "--variant=minbase", self.release, self.root)
        names = Path("/etc/resolv.conf").read_text("utf-8")
        (self.root / "etc/resolv.conf").write_text(names, "utf-8")
        # Without this, getaddrinfo fails for localhost.
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", "utf-8")
        self._trust()  # what apt-get reaches
        install = ("apt-get", "install", "-yqq", "--no-install-recommends", *packages)
        output(*self.command(*install, DEBIAN_FRONTEND="noninteractive"))
        self._trust()  # the packages may have replaced it
        done.write_text(" ".join(packages), "utf-8")

    def _trust(self) -> None:
        """Copy this machine's certificates, to which those of a proxy may have been added."""
        copy = self.root / CERTIFICATES.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CERTIFICATES, copy)

    def command(self, *arguments: str, folder: str = "/", **variables: str) -> list[str]:
        """Return the command line that runs a program there."""
        pairs = [f"{name}={value}" for name, value in (ENVIRONMENT | variables).items()]
        enter = ("unshare", "--mount", "sh", "-euc", ENTER, str(self.root))
        return [*enter, f"--chdir={folder}", *pairs, *arguments]


def cache() -> Path:
    """Return the folder in which these are kept between runs."""
    return Path(os.environ.get("DEBIAN_FOLDER", "/var/tmp/dash-waitress-template"))
