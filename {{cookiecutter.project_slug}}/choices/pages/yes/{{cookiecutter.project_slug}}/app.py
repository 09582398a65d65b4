"""The application: its pages, and the frame around them."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import dash
from dash import ALL, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from .engine.page import (
    Data,
    add_views,
    alert,
    aria,
    content,
    is_operator,
    not_found,
    skip_link,
    status_line,
    stores,
    user_menu,
)
from .pages import controls, overview, status
from .pages import data as data_page
from .setting import Settings

ASSETS = Path(__file__).with_name("assets")
PAGES = {"/": ("Overview", overview), "/data": ("Data", data_page), "/status": ("Status", status)}


def create_app(settings: Settings, data: Data) -> Dash:
    """Create the Dash application; the engine adds validation, login and caching."""
    app = Dash(
        __package__,
        title=settings.app.title,
        update_title="",
        assets_folder=str(ASSETS),
        url_base_pathname=settings.server.url_prefix,
        use_pages=True,
        pages_folder="",  # Dash would import its modules; they are registered here
        include_pages_meta=False,
    )
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    for path, (name, page) in PAGES.items():
        title = f"{name} · {settings.app.title}"
        shown = _shown(page, settings, data)
        dash.register_page(page.__name__, path=path, name=name, title=title, layout=shown)
    title = f"Page not found · {settings.app.title}"
    dash.register_page("not_found_404", title=title, layout=not_found)
    for module in (controls, *(page for _, page in PAGES.values())):
        add_views(app, module, settings, data)
        module.add_callbacks(app, settings, data)
    app.layout = lambda: layout(settings, data)
    app.clientside_callback(
        "(path, links) => links.map((it) => (it.path === path ? 'page' : null))",
        Output({"path": ALL}, "aria-current"),
        Input("_pages_location", "pathname"),
        State({"path": ALL}, "id"),
    )
    return app


def layout(settings: Settings, data: Data) -> Component:
    """Return the frame: everything except the pages."""
    links = {
        dash.get_relative_path(path): name
        for path, (name, page) in PAGES.items()
        if page is not status or is_operator(settings.auth)
    }
    return html.Div(
        [
            skip_link(),
            *stores(data),
            html.Header(
                [
                    html.Div([html.H1(settings.app.title), html.P(settings.app.description)]),
                    status_line(),
                    user_menu(settings),
                ]
            ),
            html.Nav(
                [
                    html.Span(dcc.Link(name, href=path), id={"path": path})
                    for path, name in links.items()
                ],
                **aria(label="Pages"),
            ),
            alert(),
            content(dash.page_container),
        ],
        className="page",
    )


def _shown(page: ModuleType, settings: Settings, data: Data) -> Callable[..., Component]:
    """Wrap a page's layout for Dash, which passes the query string as keyword arguments."""
    return lambda **_: page.layout(settings, data)
