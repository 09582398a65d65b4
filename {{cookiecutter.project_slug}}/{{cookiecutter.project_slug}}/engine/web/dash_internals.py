"""Everything that relies on undocumented parts of Dash 4.4."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dash import Dash
from dash._callback_context import context_value
from dash._pages import _path_to_page
from dash._utils import split_callback_id
from dash.exceptions import DependencyException, MissingCallbackContextException
from dash.fingerprint import build_fingerprint, check_fingerprint

__all__ = [
    "BundleNotFound",
    "Callback",
    "MissingCallbackContextException",
    "bundle_endpoint",
    "bundles_on_demand",
    "callback_endpoint",
    "callback_names",
    "catch_all_endpoint",
    "early_bundles",
    "find_callback",
    "has_page",
    "has_streams",
    "is_from_dash",
    "leave_callback",
    "outputs",
    "parse_bundle_path",
]

# Dash raises OSError for a file that it lists but does not ship.
BundleNotFound = (DependencyException, OSError)
# Packages whose hooks do not restrict access.
HARMLESS = {"dash", "flask_compress"}
# Dash would load these only after drawing the page, from URLs that cannot be cached.
EARLY = [("dash", "dcc/async-graph.js"), ("dash", "dcc/async-dropdown.js")]
# By component: the scripts that Dash would load on every page, or from such URLs.
ON_DEMAND = {
    "Graph": ("plotly", "package_data/plotly.min.js"),
    "DatePickerRange": ("dash", "dcc/async-datepicker.js"),
    "DatePickerSingle": ("dash", "dcc/async-datepicker.js"),
    "AgGrid": ("dash_ag_grid", "dash_ag_grid.min.js"),
}


def callback_endpoint(app: Dash) -> str:
    """Return the path of the route that runs callbacks; its endpoint has the same name."""
    return f"{app.config.routes_pathname_prefix}_dash-update-component"


def bundle_endpoint(app: Dash) -> str:
    """Return the endpoint of the route that serves Dash's own JavaScript."""
    name = "_dash-component-suites/<string:package_name>/<path:fingerprinted_path>"
    return f"{app.config.routes_pathname_prefix}{name}"


def catch_all_endpoint(app: Dash) -> str:
    """Return the endpoint of Dash's catch-all route."""
    return f"{app.config.routes_pathname_prefix}<path:path>"


def has_page(path: str) -> bool:
    """Return whether one of Dash's pages has this path, relative to the dashboard's prefix."""
    page, _ = _path_to_page(path.strip("/"))
    return bool(page) and page["module"].rpartition(".")[2] != "not_found_404"


def parse_bundle_path(package: str, path: str) -> tuple[str, bool]:
    """Return the path of a bundle without its fingerprint, and whether it had the right one.

    That of another version, as from a page of another release, would store this one under its URL.
    """
    plain, has_fingerprint = check_fingerprint(path)
    if not has_fingerprint:
        return path, False
    modified = path.rpartition("/")[2].split(".")[1].rpartition("m")[2]
    modules = (package, f"{package}.{plain.partition('/')[0]}")  # dash.dcc has a version, too
    versions = [getattr(sys.modules.get(it), "__version__", "") for it in modules]
    return plain, path in [build_fingerprint(plain, it, modified) for it in versions]


def early_bundles(app: Dash) -> list[str]:
    """Return cacheable URLs of the bundles that most pages need."""
    return [url for it in EARLY if (url := _bundle_url(app, *it))]


def bundles_on_demand(app: Dash) -> dict[str, str]:
    """Return cacheable URLs of bundles by the component that needs them; no page has their tags."""
    scripts: Any = app.scripts
    listed = scripts.get_all_scripts

    def others(dev_bundles: bool = False) -> list[dict[str, Any]]:
        left_out = [path for _, path in ON_DEMAND.values()]
        return [  # Dash serves what is dynamic, but does not add it to the page
            {**it, "dynamic": True} if it.get("relative_package_path") in left_out else it
            for it in listed(dev_bundles)
        ]

    scripts.get_all_scripts = others
    return {name: url for name, it in ON_DEMAND.items() if (url := _bundle_url(app, *it))}


def _bundle_url(app: Dash, package: str, path: str) -> str:
    """Return the cacheable URL of a bundle; "" if it is not used, or Dash does not have it."""
    module: Any = sys.modules.get(package)
    file = Path(module.__file__).parent / path if module else None
    if not file or not file.exists():
        return ""
    fingerprinted = build_fingerprint(path, module.__version__, int(file.stat().st_mtime))
    prefix = app.config.requests_pathname_prefix
    return f"{prefix}_dash-component-suites/{package}/{fingerprinted}"


@dataclass(frozen=True)
class Callback:
    """A callback that runs on the server; inputs and state have an `id` and a `property`."""

    function: Callable[..., Any]
    inputs: list[dict[str, Any]]
    state: list[dict[str, Any]]
    has_output: bool
    places: object  # the index of each parameter's input or state; a dict if they are grouped

    @property
    def names(self) -> list[str]:
        """The names of its inputs and state, such as `series.value`."""
        return [f"{it['id']}.{it['property']}" for it in (*self.inputs, *self.state)]

    @property
    def parameters(self) -> list[str]:
        """The name of the input or state of each parameter; empty if any are grouped."""
        places: list[Any] = self.places if isinstance(self.places, list) else [self.places]
        if not all(isinstance(it, int) for it in places):
            return []
        names = self.names
        return [names[it] for it in places]


def callback_names(app: Dash) -> set[str]:
    """Return the names of all callbacks; Dash derives them from the outputs."""
    return set(app.callback_map)


def find_callback(app: Dash, name: str) -> Callback | None:
    """Return a callback, or None if it does not exist or runs in the browser."""
    it = app.callback_map.get(name)
    if it is None or "callback" not in it:
        return None
    has_output = not it["no_output"]
    places = it["inputs_state_indices"]
    return Callback(it["callback"], it["inputs"], it["state"], has_output, places)


def has_streams(app: Dash) -> bool:
    """Whether callbacks may stream, which Dash supports from 4.5 on."""
    return bool(getattr(app, "shared_storage_enabled", False))


def outputs(name: str) -> Any:
    """Return the output, or list of outputs, that a callback's name encodes."""
    return split_callback_id(name)


def leave_callback() -> None:
    """Make `dash.ctx` raise MissingCallbackContextException in this context."""
    context_value.set({})


def is_from_dash(function: Callable[..., Any]) -> bool:
    """Whether a function comes from Dash.

    The check uses its globals, because `functools.wraps` copies its name.
    """
    where = getattr(getattr(function, "__func__", function), "__globals__", {})
    return str(where.get("__name__")).partition(".")[0] in HARMLESS
