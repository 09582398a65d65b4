import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from {{cookiecutter.project_slug}} import reading, setting
from {{cookiecutter.project_slug}}.setting import Settings

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run each test in the project's folder, with no setting from this machine's environment."""
    monkeypatch.chdir(ROOT)
    before = dict(os.environ)
    for name in before:
        if name.startswith(setting.PREFIX):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def settings() -> Settings:
    return setting.load(ROOT / "config.toml", reading.Source, {})
