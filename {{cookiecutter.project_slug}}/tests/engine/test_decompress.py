import gzip
import json

import pytest
import toy
from flask.testing import FlaskClient
from helpers import changed

pytestmark = pytest.mark.usefixtures("patient")
PATH = "/_dash-update-component"
GZIP = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


@pytest.fixture
def client(settings: toy.Settings) -> FlaskClient:
    chosen = changed(settings, "server", max_body_bytes=10_000)
    app, _ = toy.DASHBOARD.build(chosen, toy.create_app)
    return app.server.test_client()


def request_body() -> bytes:
    """Return the page's request body for its key figures."""
    names = (it.split(".") for it in toy.CHOSEN)
    inputs = [
        {"id": id_, "property": name, "value": value}
        for (id_, name), value in zip(names, toy.CHOSEN.values(), strict=True)
    ]
    outputs = {"id": "cards", "property": "children"}
    body = {"output": "cards.children", "outputs": outputs, "inputs": inputs, "changedPropIds": []}
    return json.dumps(body).encode()


def test_a_compressed_request_gets_the_same_response(client: FlaskClient) -> None:
    plain = client.post(PATH, data=request_body(), content_type="application/json")
    compressed = client.post(PATH, data=gzip.compress(request_body()), headers=GZIP)
    assert (plain.status_code, compressed.status_code) == (200, 200)
    assert compressed.data == plain.data


@pytest.mark.parametrize(
    "content", [b"", b"x", gzip.compress(request_body())[:-30], b"\x1f\x8b\xff"]
)
def test_invalid_compressed_content_is_rejected(content: bytes, client: FlaskClient) -> None:
    assert client.post(PATH, data=content, headers=GZIP).status_code == 400


@pytest.mark.parametrize("compressed", [False, True])
def test_a_rejected_large_request_names_its_size_and_the_setting(
    compressed: bool, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    content = b"[" + 10_000 * b" "
    given = {"data": gzip.compress(content), "headers": GZIP} if compressed else {"data": content}
    response = client.post(PATH, **given)
    assert response.status_code == 413
    for said in (response.text, caplog.text):
        assert "10001 bytes" in said
        assert "server.max_body_bytes = 10000" in said
