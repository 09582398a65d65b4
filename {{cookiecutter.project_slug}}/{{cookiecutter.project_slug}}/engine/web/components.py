"""The parts of a page that show how fresh it is."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from ..data.access import Data

# Visible to screen readers only; `display: none` would hide it from them, too.
HIDDEN = {"position": "absolute", "width": 1, "height": 1, "margin": 0, "overflow": "hidden"}
UNKNOWN: dict[str, Any] = {"data-state": "loading", "data-version": ""}


def aria(**attributes: str) -> dict[str, Any]:
    """Return ARIA attributes, which describe an element to screen readers."""
    return {f"aria-{name}": value for name, value in attributes.items()}


def stores(data: Data) -> list[Component]:
    """Return the invisible parts: the version that views follow and the last poll response."""
    return [
        dcc.Store(id="snapshot-version", data=data.tables().version),
        dcc.Store(id="poll"),
        dcc.Interval(id="clock", interval=1000),
        html.P(id="announcement", role="status", style=HIDDEN),
    ]


def status_line() -> Component:
    """Return the line that shows how fresh the data are, with a button that pauses the page."""
    return html.Div(
        [
            html.Span(className="status-dot", **aria(hidden="true")),
            html.Strong(id="status-state"),
            html.Span(id="status-age"),
            html.Button("Pause", id="pause", type="button"),
        ],
        id="status",
        **UNKNOWN,
    )


def skip_link() -> Component:
    """Return a link to the `content` that is visible only while focused."""
    return html.A("Skip to content", href="#content", className="skip")


def content(page: Component) -> Component:
    """Return the part below the header, the target of `skip_link`."""
    return html.Div(page, id="content", tabIndex=-1)


def alert() -> Component:
    """Return the place for messages about problems; empty while all is well."""
    return html.P(id="alert", role="region", **aria(label="Problems"))


def loading(*children: Component) -> Component:
    """Mark the children as loading at first and after a viewer's choice, but not on updates."""
    return dcc.Loading(
        list(children),
        id="loading",
        display="show",
        delay_show=300,
        overlay_style={"visibility": "visible", "opacity": 0.4},
        parent_className="loading",
    )
