"""The application: the frame of the page, which is the same whatever the data."""

from pathlib import Path

import pandas as pd
from dash import Dash, html
from dash.development.base_component import Component

from .. import engineering
from .engine.web import polling
from .pages import overview
from .engine.settings import Settings
from .engine.data.store import Store

ASSETS = Path(__file__).with_name("assets")


def create_app(settings: Settings, store: Store) -> Dash:
    """Make the Dash application over a store."""
    series = engineering.read_series(ASSETS / "static_data" / "series.csv")
    app = Dash(
        __package__,
        title=settings.app.title,
        update_title="",
        assets_folder=str(ASSETS),
        url_base_pathname=settings.server.url_prefix,
    )
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    app.layout = lambda: layout(settings, store, series)
    live.register(app, settings, store, overview.CHOICES)
    overview.register(app, settings, store, series)
    return app


def layout(settings: Settings, store: Store, series: pd.DataFrame) -> Component:
    """Return the page's shell: everything but the data."""
    return html.Div(
        [
            *live.stores(store),
            html.Header(
                [
                    html.Div([html.H1(settings.app.title), html.P(settings.app.description)]),
                    live.status_line(),
                ]
            ),
            live.notice(),
            overview.layout(store, series),
        ],
        className="page",
    )
