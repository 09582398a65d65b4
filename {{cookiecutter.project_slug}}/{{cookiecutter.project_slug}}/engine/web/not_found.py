"""Unknown addresses: the status code 404, and what is shown there."""

import dash
from dash import Dash, dcc, html
from dash.development.base_component import Component
from flask import Response, abort, make_response, request

from .dash_internals import catch_all_endpoint, has_page
from .plain_page import plain_page

HEADING, TEXT = "Page not found", "The dashboard has no page at this address."


def install(app: Dash, title: str) -> None:
    """Answer 404 where there is no page; Dash answers 200. An app without pages has only one."""
    endpoint = catch_all_endpoint(app)
    show = app.server.view_functions[endpoint]

    def page(path: str) -> Response:
        if not app.use_pages:
            if "text/html" not in request.headers.get("Accept", ""):  # not a browser's address bar
                abort(404)
            href = app.config.requests_pathname_prefix
            return Response(plain_page(title, HEADING, TEXT, f"Back to {title}", href), 404)
        response = make_response(show(path=path))
        if not has_page(path):
            response.status_code = 404
        return response

    app.server.view_functions[endpoint] = page


def not_found(**_: str) -> Component:
    """Return what Dash shows instead of a page that does not exist; `_`: a query string."""
    return instead(HEADING, TEXT)


def instead(heading: str, text: str) -> Component:
    """Return what is shown instead of a page, with a link to the first one."""
    back = dcc.Link("Back to the first page", href=dash.get_relative_path("/"))
    return html.Main([html.H2(heading), html.P(text), html.P(back)], className="instead")
