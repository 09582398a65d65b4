"""Rejects invalid requests before Dash fails on them."""

import inspect
import logging
import re
from typing import Annotated, Any

from dash import Dash
from dash.exceptions import PreventUpdate
from flask import Flask, Response, make_response, request
from pydantic import StringConstraints, ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from .arguments import Arguments, hints, reason, refuse
from .body_models import Body, Part, Parts, is_about_a_stream
from .dash_internals import Callback, callback_endpoint, find_callback, has_streams, outputs

logger = logging.getLogger(__name__)


class Validation:
    """Lets a callback run only if the request matches its declaration.

    Values must match the annotations of its arguments: for `Literal["a", "b"]` or `list[str]`, the
    callback never gets anything else. Views check and convert their arguments themselves.
    """

    def __init__(self, app: Dash) -> None:
        self._app = app
        self._arguments: dict[str, Arguments] = {}
        # The arguments of Dash's own callback for pages, which has no annotations.
        below = StringConstraints(pattern=f"^{re.escape(app.config.requests_pathname_prefix)}")
        self._address: dict[str, Any] = {
            "_pages_location.pathname": Annotated[str, below],
            "_pages_location.search": str,
        }
        server: Flask = app.server
        endpoint = callback_endpoint(app)
        self._dash = server.ensure_sync(server.view_functions[endpoint])
        server.view_functions[endpoint] = self._view
        self._streams = has_streams(app)  # Dash lets a page access only its own streams
        server.register_error_handler(HTTPException, _in_short)
        server.register_error_handler(RequestEntityTooLarge, _too_large)

    def _view(self, **_: Any) -> Response:
        content = request.get_data()
        if self._streams and is_about_a_stream(content):
            return make_response(self._dash())
        try:
            body = Body.model_validate_json(content)
        except ValidationError as error:
            refuse(reason(error))
        self._check(body)
        try:
            return make_response(self._dash())
        except (HTTPException, PreventUpdate):
            raise
        except BaseException as error:  # sys.exit or a Rust panic: waitress would not respond
            if self._app.server.debug and isinstance(error, Exception):
                raise  # Dash shows it in the page
            logger.exception("the callback of %s failed", body.output)
            return Response("Internal Server Error", 500, mimetype="text/plain")

    def _check(self, body: Body) -> None:
        callback = find_callback(self._app, body.output)
        if callback is None:
            refuse("no callback has this output")
        if not (
            _fits(callback.inputs, body.inputs)
            and _fits(callback.state, body.state)
            and (not callback.has_output or _fits_outputs(body.output, body.outputs))
        ):
            refuse("its inputs, state or outputs are not those of the callback")
        if body.output not in self._arguments:
            self._arguments[body.output] = _arguments(callback, self._address)
        self._arguments[body.output].validate(list(map(_value, (*body.inputs, *body.state))))


def _too_large(error: RequestEntityTooLarge) -> Any:
    """Respond with the size of the request and the setting that it exceeds, and log both."""
    size, limit = request.content_length, request.max_content_length
    if limit and (size is None or size > limit):  # otherwise, a callback has rejected it
        of = f" of {size} bytes" if size else ""  # unknown if the body was chunked
        error.description = f"A request{of} is larger than server.max_body_bytes = {limit} allows."
    logger.warning("a request was rejected: %s", error.description)
    return _in_short(error)


def _in_short(error: HTTPException) -> Any:
    """Respond with a line of text instead of a page."""
    response: Any = error.get_response()
    if response.status_code >= 400:
        response.data = f"{error.name}. {error.description}\n"
        response.mimetype = "text/plain"
    return response


def _fits(declared: list[dict[str, Any]], parts: Parts) -> bool:
    return len(declared) == len(parts) and all(map(_is, declared, parts))


def _fits_outputs(name: str, parts: Part | Parts | None) -> bool:
    declared = outputs(name)
    if isinstance(declared, list):
        return isinstance(parts, list) and _fits(declared, parts)
    return parts is not None and _is(declared, parts)


def _is(declared: dict[str, Any], part: Part | list[Any]) -> bool:
    if declared["id"].startswith("{"):  # a pattern, which may match several components
        return True
    return isinstance(part, Part) and (part.id, part.property) == (
        declared["id"],
        declared["property"],
    )


def _value(part: Part | list[Part]) -> Any:
    return [it.value for it in part] if isinstance(part, list) else part.value


def _arguments(callback: Callback, known: dict[str, Any]) -> Arguments:
    """Return the checks for a callback's arguments, by the names of its inputs and state."""
    types: dict[str, Any] = {name: known.get(name, Any) for name in callback.names}
    found = hints(inspect.unwrap(callback.function))
    types |= dict(zip(callback.parameters, found, strict=False))
    return Arguments(callback.names, [types[name] for name in callback.names])
