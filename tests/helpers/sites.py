"""The web server from the rendered project's own tests."""

import sys

from helpers.rendering import TEMPLATE

RENDERED = TEMPLATE / "{{cookiecutter.project_slug}}"
sys.path.append(str(RENDERED / "tests" / "engine"))

from sites import Answer, Site, serving  # noqa: E402

__all__ = ["Answer", "Site", "serving"]
