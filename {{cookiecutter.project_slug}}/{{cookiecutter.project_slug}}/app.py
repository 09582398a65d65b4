"""The application: the frame around the page."""

from pathlib import Path

from dash import Dash, html
from dash.development.base_component import Component

from .engine.page import Data, add_views, alert, content, skip_link, status_line, stores, user_menu
from .pages import controls, overview
from .setting import Settings

ASSETS = Path(__file__).with_name("assets")


def create_app(settings: Settings, data: Data) -> Dash:
    """Create the Dash application; the engine adds validation, login and caching."""
    app = Dash(
        __package__,
        title=settings.app.title,
        update_title="",
        assets_folder=str(ASSETS),
        url_base_pathname=settings.server.url_prefix,
    )
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    app.layout = lambda: layout(settings, data)
    for module in (controls, overview):
        add_views(app, module, settings, data)
        module.add_callbacks(app, settings, data)
    return app


def layout(settings: Settings, data: Data) -> Component:
    """Return the frame: everything except the data."""
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
            alert(),
            content(overview.layout(settings, data)),
        ],
        className="page",
    )
