import gzip
import re

import pytest
from flask.testing import FlaskClient

from {{cookiecutter.project_slug}}.engine.settings import Settings

GZIP = {"Accept-Encoding": "gzip, deflate"}


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    app, _ = server.build(settings)
    return app.server.test_client()


def test_all_scripts_of_the_page_are_compressed_and_kept_for_good(client: FlaskClient) -> None:
    scripts = re.findall(r'src="(/_dash-component-suites/[^"]+)"', client.get("/").text)
    assert any("plotly" in script for script in scripts)
    assert any("async-graph" in script for script in scripts)
    for script in scripts:
        answer = client.get(script, headers=GZIP)
        assert answer.status_code == 200
        cache = answer.headers["Cache-Control"]
        assert "immutable" in cache and "max-age=31536000" in cache
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.data) == client.get(script).data


def test_storage_is_there_before_the_scripts_that_use_it(client: FlaskClient) -> None:
    scripts = re.findall(r'src="([^"]+)"', client.get("/").text)
    (storage,) = [at for at, it in enumerate(scripts) if "storage.js" in it]
    assert storage < min(at for at, it in enumerate(scripts) if "/dcc/" in it or "renderer" in it)
    assert client.get(scripts[storage]).status_code == 200


def test_a_script_is_read_and_compressed_once(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = re.findall(r'src="(\S+plotly\S+)"', client.get("/").text)[0]
    first = client.get(script, headers=GZIP).data

    def again(*_: object) -> bytes:
        raise AssertionError("read or compressed again")

    monkeypatch.setattr("pkgutil.get_data", again)
    monkeypatch.setattr("flask_compress.flask_compress._compress_data", again)
    assert client.get(script, headers=GZIP).data == first


def test_a_script_without_a_fingerprint_is_asked_for_again(client: FlaskClient) -> None:
    client.get("/")
    script = "/_dash-component-suites/dash/dcc/async-slider.js"
    answer = client.get(script, headers=GZIP)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get(script, headers={**GZIP, "If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_script_that_is_none_is_not_found(client: FlaskClient) -> None:
    client.get("/")
    assert client.get("/_dash-component-suites/dash/nothing.js").status_code in (404, 500)
