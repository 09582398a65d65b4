"""A smaller plotly.js in the folder `assets/`, which pages use instead of the one in plotly.py."""

import logging
import re
from pathlib import Path

from dash import Dash
from plotly.offline import get_plotlyjs_version

logger = logging.getLogger(__name__)

FILE = "plotly-cartesian.min.js"


def find(app: Dash) -> bytes | None:
    """Return the content of assets/plotly-cartesian.min.js if its version is that of plotly.py."""
    file = Path(app.config.assets_folder) / FILE
    if not file.is_file():
        return None
    # Dash would make each page load it first, like all scripts in assets/.
    others = [app.config.assets_ignore, f"^{re.escape(FILE)}$"]
    app.config.assets_ignore = "|".join(filter(None, others))
    content, fitting = file.read_bytes(), get_plotlyjs_version()
    found = re.search(rb"plotly\.js [^\n]*v(\d[\w.-]*)", content[:1000])
    version = found[1].decode() if found else "unknown"
    if version == fitting:
        return content
    text = "assets/%s is not used: its version is %s, and that of plotly.py is %s"
    logger.warning(text, FILE, version, fitting)
    return None
