"""Annotations of callback arguments: which values they accept, and how others are rejected."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from dash import Dash, Input, Output, State, html
from pydantic import AfterValidator
from werkzeug.test import TestResponse

from {{cookiecutter.project_slug}}.engine.web.validation import Validation

CHOICE = {"id": "choice", "property": "value"}


class Unknown:
    """A type that cannot be used for validation."""


def even(number: int) -> int:
    if number % 2:
        raise ValueError("must be even")
    return number


Even = Annotated[int, AfterValidator(even)]


def call(function: Callable[..., str], value: Any, *state: State) -> TestResponse:
    """Call a function as a page's callback, with a choice."""
    app = Dash(__name__)
    app.layout = html.Div()
    Validation(app)
    app.callback(Output("a", "children"), Input("choice", "value"), *state)(function)
    part = {**CHOICE, "value": value}
    body = {
        "output": "a.children",
        "outputs": {"id": "a", "property": "children"},
        "inputs": [part],
        "state": [part] * len(state),
    }
    return app.server.test_client().post("/_dash-update-component", json=body)


def call_with_annotation(annotation: Any, value: Any) -> TestResponse:
    def show(choice: annotation) -> str:
        return repr(choice)

    return call(show, value)


def shown(response: TestResponse) -> str:
    assert response.status_code == 200, response.text
    return str((response.json or {})["response"]["a"]["children"])


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 1),
        (float, 1.5),
        (float, float("1e999")),  # a browser's JSON may contain it
        (float | None, None),
        (list[str], ["a", "b"]),
        (dict[str, int], {"a": 1}),
        (Even, 2),
        (list[Even | Literal["all"]], [2, "all"]),
        (Unknown, "anything"),
        (Any, [None]),
    ],
)
def test_a_value_that_matches_its_annotation_reaches_the_callback(
    annotation: Any, value: Any
) -> None:
    assert shown(call_with_annotation(annotation, value)) == repr(value)


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (Even, 3, "must be even (choice.value)"),
        (list[int], [1, "x"], "Input should be a valid integer (choice.value.1)"),
        (dict[str, int], {"a": "x"}, "Input should be a valid integer (choice.value.a)"),
        (list[Even | Literal["all"]], ["all", 3], "must be even (choice.value.1)"),
        (Literal["x", "y"], "z", "Input should be 'x' or 'y' (choice.value)"),
    ],
)
def test_a_rejection_says_what_is_wrong_and_where_and_is_logged(
    annotation: Any, value: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = call_with_annotation(annotation, value)
    assert response.status_code == 400
    assert response.text == f"Bad Request. Invalid request: {said}.\n"
    (record,) = caplog.records
    assert record.getMessage() == f"a request was rejected: {said!r}"


@pytest.mark.parametrize("value", [None, "x", 1, {"a": [1]}])
def test_an_argument_without_an_annotation_may_be_anything(value: Any) -> None:
    def show(choice):  # type: ignore[no-untyped-def]
        return repr(choice)

    assert shown(call(show, value)) == repr(value)


def test_the_same_property_may_be_an_input_and_state() -> None:
    def show(choice: str, before: str) -> str:
        return f"{choice} {before}"

    assert shown(call(show, "x", State("choice", "value"))) == "x x"
    assert call(show, 1, State("choice", "value")).status_code == 400
