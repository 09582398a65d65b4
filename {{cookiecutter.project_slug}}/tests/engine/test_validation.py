import io
import logging
import sys
from collections.abc import Iterator
from typing import Any, Literal

import dash
import pytest
from dash import ALL, MATCH, Dash, Input, Output, State, dcc, html
from flask import abort, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from {{cookiecutter.project_slug}}.engine.web.validation import Validation

PATH = "/_dash-update-component"


def part(id_: Any, property_: str, *value: Any) -> dict[str, Any]:
    return {"id": id_, "property": property_, **({"value": value[0]} if value else {})}


GOOD = {
    "output": "a.children",
    "outputs": part("a", "children"),
    "inputs": [part("choice", "value", "x")],
    "state": [part("count", "value", 1)],
    "changedPropIds": ["choice.value"],
}


@pytest.fixture
def app() -> Dash:
    app = Dash(__name__)
    app.layout = html.Div([html.P(id="a"), dcc.Input(id="choice"), dcc.Input(id="count")])
    Validation(app)

    @app.callback(Output("a", "children"), Input("choice", "value"), State("count", "value"))
    def show(choice: Literal["x", "y"], count: int | None) -> str:
        if count in (404, 413):
            abort(count)
        if count == -1:
            sys.exit("by a mistake")
        return str(100 if count is None else 100 / count)

    app.clientside_callback("it => it", Output("count", "value"), Input("choice", "value"))

    @app.callback(
        Output({"name": MATCH}, "children"),
        Input({"name": MATCH}, "value"),
        State({"all": ALL}, "value"),
    )
    def pattern(value: str, values: list[int]) -> str:
        return f"{value} {values}"

    @app.callback(
        output={"one": Output("b", "children"), "two": Output("c", "children")},
        inputs={"count": State("count", "value"), "choice": Input("choice", "value")},
    )
    def grouped(count: Any, choice: Any) -> dict[str, str]:
        return {"one": str(count), "two": str(choice)}

    return app


@pytest.fixture
def client(app: Dash) -> Iterator[FlaskClient]:
    yield app.server.test_client()


def assert_rejected(response: TestResponse, words: str = "") -> None:
    assert response.status_code == 400, response.data
    assert response.mimetype == "text/plain"
    assert len(response.data) < 500
    assert words in response.text


def test_a_valid_request_is_answered(client: FlaskClient) -> None:
    answer = client.post(PATH, json=GOOD)
    assert answer.json == {"multi": True, "response": {"a": {"children": "100.0"}}}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"7" * 9_000, b"[" * 90_000, b'{"a":' * 9_000, b"\xff", b'"\\ud8"'],
)
def test_content_that_is_not_a_request_is_rejected(content: bytes, client: FlaskClient) -> None:
    assert_rejected(client.post(PATH, data=content, content_type="application/json"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("output", "nobody.children"),
        ("output", "count.value"),
        ("output", 1),
        ("output", {"a": 1}),
        ("outputs", None),
        ("outputs", []),
        ("outputs", [part("a", "children")]),
        ("outputs", part("b", "children")),
        ("outputs", part("a", "title")),
        ("inputs", None),
        ("inputs", []),
        ("inputs", [[part("choice", "value", "x")]]),
        ("inputs", [part("choice", "data", "x")]),
        ("inputs", [part("choice", "value", "x")] * 2),
        ("state", [part("count", "value", 1), part("count", "value", 1)]),
        ("changedPropIds", [1]),
    ],
)
def test_a_request_that_does_not_match_the_callback_is_rejected(
    key: str, value: Any, client: FlaskClient
) -> None:
    assert_rejected(client.post(PATH, json={**GOOD, key: value}))


@pytest.mark.parametrize("choice", ["z", None, 1, ["x"], {"x": 1}, True])
def test_a_value_that_does_not_match_its_annotation_is_rejected_by_name(
    choice: Any, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.post(PATH, json={**GOOD, "inputs": [part("choice", "value", choice)]})
    assert_rejected(response, "choice.value")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "choice.value" in caplog.text


@pytest.mark.parametrize("count", ["1", 1.5, True, [1]])
def test_types_are_not_converted(count: Any, client: FlaskClient) -> None:
    assert_rejected(
        client.post(PATH, json={**GOOD, "state": [part("count", "value", count)]}), "count"
    )


def test_patterns_and_groups_work(client: FlaskClient) -> None:
    asked = {
        "output": '{"name":["MATCH"]}.children',
        "outputs": part({"name": "n"}, "children"),
        "inputs": [part({"name": "n"}, "value", "v")],
        "state": [[part({"all": 1}, "value", 1), part({"all": 2}, "value", 2)]],
        "changedPropIds": ['{"name":"n"}.value'],
    }
    assert "v [1, 2]" in client.post(PATH, json=asked).text
    asked["state"] = [[part({"all": 1}, "value", "x")]]
    assert_rejected(client.post(PATH, json=asked))
    both = [part("b", "children"), part("c", "children")]
    group = {**GOOD, "output": "..b.children...c.children..", "outputs": both}
    assert client.post(PATH, json=group).json["response"] == {  # type: ignore[index]
        "b": {"children": "1"},
        "c": {"children": "x"},
    }


@pytest.mark.parametrize(("count", "error"), [(0, "ZeroDivisionError"), (-1, "SystemExit")])
def test_a_failing_callback_is_named_only_in_the_log(
    count: int, error: str, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.post(PATH, json={**GOOD, "state": [part("count", "value", count)]})
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert response.mimetype == "text/plain"
    (record,) = caplog.records
    assert record.getMessage() == "the callback of a.children failed"
    assert error in caplog.text


def test_a_callback_may_abort(client: FlaskClient) -> None:
    for status in (404, 413):
        response = client.post(PATH, json={**GOOD, "state": [part("count", "value", status)]})
        assert (response.status_code, response.mimetype) == (status, "text/plain")
        assert "server.max_body_bytes" not in response.text, "the request was not too large"


def test_a_rejection_says_what_does_not_match(client: FlaskClient) -> None:
    for body, said in [
        ({**GOOD, "output": "nobody.children"}, "no callback has this output"),
        ({**GOOD, "inputs": []}, "its inputs, state or outputs are not those of the callback"),
        ({**GOOD, "state": 1}, "Input should be a valid array (state)"),
    ]:
        text = client.post(PATH, json=body).text
        assert text == f"Bad Request. Invalid request: {said}.\n"
    assert "()" not in client.post(PATH, data=b"{").text


def test_a_group_must_have_all_its_outputs(client: FlaskClient) -> None:
    group = {**GOOD, "output": "..b.children...c.children.."}
    one, other = part("b", "children"), part("x", "children")
    for parts in ([one, other], [one], one, None):
        assert_rejected(
            client.post(PATH, json={**group, "outputs": parts}), "not those of the callback"
        )


def test_a_rejected_large_request_names_the_setting_to_change(
    app: Dash, caplog: pytest.LogCaptureFixture
) -> None:
    app.server.config["MAX_CONTENT_LENGTH"] = 100
    response = app.server.test_client().post(PATH, data=b"x" * 101)
    assert (response.status_code, response.mimetype) == (413, "text/plain")
    said = "A request of 101 bytes is larger than server.max_body_bytes = 100 allows."
    assert response.text.endswith(f". {said}\n")
    assert [it.getMessage() for it in caplog.records] == [f"a request was rejected: {said}"]


def test_an_upload_of_unknown_size_that_is_too_large_is_refused(app: Dash) -> None:
    app.server.config["MAX_CONTENT_LENGTH"] = 100

    @app.server.post("/upload")
    def upload() -> str:
        return f"{sum(map(len, iter(lambda: request.stream.read(10), b'')))} bytes"

    def post(size: int) -> TestResponse:
        return app.server.test_client().post(
            "/upload",
            input_stream=io.BytesIO(b"x" * size),
            headers={"Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},  # as gunicorn sets it
        )

    assert post(99).text == "99 bytes"
    response = post(101)
    assert response.status_code == 413
    said = "A request is larger than server.max_body_bytes = 100 allows."
    assert response.text.endswith(f". {said}\n")


@pytest.mark.parametrize("has_streams", [False, True])
@pytest.mark.parametrize(
    ("content", "fits"),
    [
        ({"streamDownlink": {}}, True),
        ({"streamDownlink": {"from": 3}}, True),
        ({"streamDownlink": {"from": None}}, True),
        ({"streamCancel": {"requestId": "1a2b"}}, True),
        ({"streamDownlink": {"from": "x"}}, False),
        ({"streamCancel": {}}, False),
        ({"streamCancel": {"requestId": "1a2b"}, "output": "a.children"}, False),
        (GOOD, False),
    ],
)
def test_dash_handles_stream_requests_if_the_app_has_streams(
    content: Any, fits: bool, has_streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dash, "shared_storage_enabled", has_streams, raising=False)
    app = Dash(__name__)
    app.layout = html.Div()
    app.server.view_functions[PATH] = lambda: "by Dash"
    Validation(app)
    response = app.server.test_client().post(PATH, json=content)
    if has_streams and fits:
        assert response.text == "by Dash"
    else:
        assert_rejected(response)


def test_the_address_of_a_page_must_be_text_below_the_prefix() -> None:
    app = Dash(__name__, use_pages=True, pages_folder="", url_base_pathname="/a.b/")
    try:
        dash.register_page("home", path="/", layout=html.P("at home"))
        app.layout = dash.page_container
        Validation(app)
        client = app.server.test_client()
        client.get("/a.b/")
        declared = client.get("/a.b/_dash-dependencies").json
        it = next(it for it in declared or [] if "_pages_content" in it["output"])

        def ask(path: Any, search: Any) -> TestResponse:
            values = {"pathname": path, "search": search}
            inputs = [{**at, "value": values.get(at["property"])} for at in it["inputs"]]
            names = it["output"].strip(".").split("...")
            outputs = [part(*name.split(".")) for name in names]
            body = {"output": it["output"], "outputs": outputs, "inputs": inputs}
            state = [{**at, "value": None} for at in it["state"]]
            return client.post(f"/a.b{PATH}", json={**body, "state": state})

        assert "at home" in ask("/a.b/", "").text
        for path, search in [("/", ""), ("/b/", ""), ("/aXb/", ""), (1, ""), (None, "")]:
            assert_rejected(ask(path, search), "_pages_location.pathname")
        assert_rejected(ask("/a.b/", 1), "_pages_location.search")
    finally:
        dash.page_registry.clear()
