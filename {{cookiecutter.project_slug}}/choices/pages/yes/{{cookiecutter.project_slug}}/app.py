"""The application: its pages, and the frame around them, which is the same for all."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import dash
import pandas as pd
from dash import ALL, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from .. import engineering
from .engine.web import polling
from .pages import data, overview, status
from .engine.settings import Settings
from .engine.data.store import Store

ASSETS = Path(__file__).with_name("assets")
PAGES = {"/": ("Overview", overview), "/data": ("Data", data), "/status": ("Status", status)}


def create_app(settings: Settings, store: Store) -> Dash:
    """Make the Dash application over a store."""
    series = engineering.read_series(ASSETS / "static_data" / "series.csv")
    app = Dash(
        __package__,
        title=settings.app.title,
        update_title="",
        assets_folder=str(ASSETS),
        url_base_pathname=settings.server.url_prefix,
        use_pages=True,
        pages_folder="",  # which Dash would import; they are registered here
        include_pages_meta=False,
    )
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    live.register(app, settings, store, overview.CHOICES)
    for path, (name, page) in PAGES.items():
        title = f"{name} · {settings.app.title}"
        shown = _shown(page, store, series)
        dash.register_page(page.__name__, path=path, name=name, title=title, layout=shown)
        page.register(app, settings, store, series)
    app.layout = lambda: layout(settings, store)
    app.clientside_callback(
        "(path, links) => links.map((it) => (it.path === path ? 'page' : null))",
        Output({"path": ALL}, "aria-current"),
        Input("_pages_location", "pathname"),
        State({"path": ALL}, "id"),
    )
    return app


def layout(settings: Settings, store: Store) -> Component:
    """Return the frame: everything but the pages."""
    links = {dash.get_relative_path(path): name for path, (name, _) in PAGES.items()}
    return html.Div(
        [
            *live.stores(store),
            html.Header(
                [
                    html.Div([html.H1(settings.app.title), html.P(settings.app.description)]),
                    live.status_line(),
                ]
            ),
            html.Nav(
                [
                    html.Span(dcc.Link(name, href=path), id={"path": path})
                    for path, name in links.items()
                ],
                **live.aria(label="Pages"),
            ),
            live.notice(),
            dash.page_container,
        ],
        className="page",
    )


def _shown(page: ModuleType, store: Store, series: pd.DataFrame) -> Callable[..., Component]:
    """Return a page's layout as Dash calls it: with all that follows a `?` in the address."""
    return lambda **_: page.layout(store, series)
