"""Gives scripts in a rendered project's folder access to its modules and page."""

import importlib
import sys
import time
import tomllib
from pathlib import Path

VIEWS = {"cards": "children", "trend-graph": "figure", "distribution-graph": "figure"}
CHOICES = [("snapshot-version", "data", 0), ("series", "value", []), ("window", "value", "all")]


def modules(names):
    """Import modules of the project; `names` separates them by spaces."""
    text = Path("pyproject.toml").read_text("utf-8")
    package = tomllib.loads(text)["project"]["name"].replace("-", "_")
    sys.path.insert(0, str(Path.cwd()))
    return [importlib.import_module(f"{package}.{name}") for name in names.split()]


def draw(client):
    """Request each view as a page does, and return the responses."""
    inputs = [{"id": id_, "property": prop, "value": value} for id_, prop, value in CHOICES]
    sent = []
    for view, prop in VIEWS.items():
        body = {
            "output": f"{view}.{prop}",
            "outputs": {"id": view, "property": prop},
            "inputs": inputs,
            "changedPropIds": ["snapshot-version.data"],
        }
        response = client.post("/_dash-update-component", json=body)
        while response.status_code == 202:  # still being computed
            time.sleep(0.1)
            headers = {"X-Computation": response.headers["X-Computation"]}
            response = client.post("/_dash-update-component", json=body, headers=headers)
        assert response.status_code == 200, response.text
        sent.append(response.data)
    return sent
