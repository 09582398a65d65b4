"""The parts of a page that tell how fresh it is."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from ..data.access import Data

# Only screen readers get at it; `display: none` would hide it from them, too.
HIDDEN = {"position": "absolute", "width": 1, "height": 1, "margin": 0, "overflow": "hidden"}
UNKNOWN: dict[str, Any] = {"data-state": "loading", "data-version": ""}


def aria(**attributes: str) -> dict[str, Any]:
    """Return the attributes that tell a screen reader what an element is."""
    return {f"aria-{name}": value for name, value in attributes.items()}


def stores(data: Data) -> list[Component]:
    """Return the invisible parts: the version that views follow, and what the last poll said."""
    return [
        dcc.Store(id="snapshot-version", data=data.tables().version),
        dcc.Store(id="poll"),
        dcc.Interval(id="clock", interval=1000),
        html.P(id="announcement", role="status", style=HIDDEN),
    ]


def status_line() -> Component:
    """Return the line that says how fresh the page is."""
    return html.Div(
        [
            html.Span(className="status-dot", **aria(hidden="true")),
            html.Strong(id="status-state"),
            html.Span(id="status-age"),
        ],
        id="status",
        **UNKNOWN,
    )


def alert() -> Component:
    """Return the place that says what is wrong and since when; empty while all is well."""
    return html.P(id="alert")


def loading(*children: Component) -> Component:
    """Mark what is inside as loading, at first and at a viewer's own choice, not at updates."""
    return dcc.Loading(
        list(children),
        id="loading",
        display="show",
        delay_show=300,
        overlay_style={"visibility": "visible", "opacity": 0.4},
        parent_className="loading",
    )
