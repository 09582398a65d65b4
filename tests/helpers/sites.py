"""The web server from the rendered project's own tests."""

import sys

from helpers.rendering import TEMPLATE

RENDERED = TEMPLATE / "{{cookiecutter.project_slug}}"
sys.path.append(str(next(RENDERED.glob("choices/web/yes/tests/**/sites.py")).parent))

from sites import Answer, Site, serving  # noqa: E402

__all__ = ["Answer", "Site", "serving"]
