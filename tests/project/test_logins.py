"""Projects that use a third-party login."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.projects import Project
from helpers.rendering import INJECTED

pytestmark = pytest.mark.slow


def test_third_party_logins_cannot_be_bypassed(csv: Project, tmp_path: Path) -> None:
    packages = ["dash-auth==2.3.0", "flask-login==0.6.3"]
    install = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
    subprocess.run([*install, "--python", sys.executable, *packages], check=True)
    script = INJECTED / "logins.py"
    seen = subprocess.run(
        [csv.tool("python"), str(script), csv.slug],
        cwd=csv.path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(csv.path)])},
        capture_output=True,
        text=True,
    )
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert len(seen.stdout.splitlines()) == 6, "three logins, each before and after"
