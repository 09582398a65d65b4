import gzip
import re

import pytest
import toy
from flask.testing import FlaskClient

GZIP = {"Accept-Encoding": "gzip, deflate"}


@pytest.fixture
def client(settings: toy.Settings) -> FlaskClient:
    app, _ = toy.DASHBOARD.build(settings, toy.create_app)
    return app.server.test_client()


def test_all_scripts_are_compressed_and_cached_permanently(client: FlaskClient) -> None:
    scripts = re.findall(
        r'src="(/(?:_dash-component-suites/|_engine-)[^"]+)"', client.get("/").text
    )
    assert any("plotly" in script for script in scripts)
    assert any("async-graph" in script for script in scripts)
    assert any("_engine-" in script for script in scripts)
    for script in scripts:
        answer = client.get(script, headers=GZIP)
        assert answer.status_code == 200
        cache = answer.headers["Cache-Control"]
        assert "immutable" in cache and "max-age=31536000" in cache
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.data) == client.get(script).data


def test_the_engines_script_comes_before_those_that_use_its_storage(client: FlaskClient) -> None:
    scripts = re.findall(r'src="([^"]+)"', client.get("/").text)
    (engine,) = [at for at, it in enumerate(scripts) if "_engine-" in it]
    assert engine < min(at for at, it in enumerate(scripts) if "/dcc/" in it or "renderer" in it)
    assert "localStorage" in client.get(scripts[engine]).text


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


def test_a_script_without_a_fingerprint_is_revalidated(client: FlaskClient) -> None:
    client.get("/")
    script = "/_dash-component-suites/dash/dcc/async-slider.js"
    answer = client.get(script, headers=GZIP)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get(script, headers={**GZIP, "If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_script_that_does_not_exist_is_not_found(client: FlaskClient) -> None:
    client.get("/")
    assert client.get("/_dash-component-suites/dash/nothing.js").status_code == 404
