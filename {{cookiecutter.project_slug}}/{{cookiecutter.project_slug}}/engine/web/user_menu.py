"""The part of the header that names the user and offers to log out."""

from dash import html
from dash.development.base_component import Component
from flask import has_request_context, session

from ..settings import AnySettings


def user_menu(settings: AnySettings) -> Component:
    """Return the name of the logged-in user and a button to log out; empty without a login.

    It depends on the viewer, so call it in a layout, not in a view.
    """
    user = session.get("user") if settings.auth.users and has_request_context() else None
    if not isinstance(user, dict):
        return html.Div(hidden=True)
    button = html.Button("Log out", id="log-out", type="button", className="action")
    return html.Div([html.Span(user.get("email")), button], className="user-menu")
