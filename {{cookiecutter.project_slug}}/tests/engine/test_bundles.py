import gzip
import html
import re
from pathlib import Path

import orjson
import pytest
import toy
from dash import Dash
from flask.testing import FlaskClient
from plotly.offline import get_plotlyjs_version

from {{cookiecutter.project_slug}}.engine.page import Data
from {{cookiecutter.project_slug}}.engine.web import plotly_js

GZIP = {"Accept-Encoding": "gzip, deflate"}


@pytest.fixture
def client(settings: toy.Settings) -> FlaskClient:
    app, _ = toy.DASHBOARD.build(settings, toy.create_app)
    return app.server.test_client()


def scripts_of(client: FlaskClient) -> list[str]:
    """The URLs of the scripts in the page."""
    return re.findall(r'src="([^"]+)"', client.get("/").text)


def on_demand(client: FlaskClient) -> dict[str, str]:
    """The URLs of the scripts that a page loads once it needs them, by component."""
    (content,) = re.findall(r'<meta name="scripts" content="([^"]+)"', client.get("/").text)
    return dict(orjson.loads(html.unescape(content)))


def test_all_scripts_are_compressed_and_cached_permanently(client: FlaskClient) -> None:
    scripts = scripts_of(client)
    assert any("async-graph" in script for script in scripts)
    assert any("_engine-" in script for script in scripts)
    for script in {*scripts, *on_demand(client).values()}:
        answer = client.get(script, headers=GZIP)
        assert answer.status_code == 200
        cache = answer.headers["Cache-Control"]
        assert "immutable" in cache and "max-age=31536000" in cache
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.data) == client.get(script).data


def test_what_only_some_pages_need_is_not_in_the_page(client: FlaskClient) -> None:
    """The page loads these by itself; Dash's own URLs for them cannot be cached."""
    wanted = on_demand(client)
    assert "plotly.v" in wanted["Graph"]
    assert "async-datepicker.v" in wanted["DatePickerRange"]
    for name in ("plotly", "datepicker", "ag_grid"):
        assert not any(name in script for script in scripts_of(client))


def test_the_engines_script_comes_before_those_that_use_its_storage(client: FlaskClient) -> None:
    scripts = scripts_of(client)
    (engine,) = [at for at, it in enumerate(scripts) if "_engine-" in it]
    first = min(at for at, it in enumerate(scripts) if "/dcc/" in it or "dash_renderer." in it)
    assert engine < first
    assert "localStorage" in client.get(scripts[engine]).text


@pytest.mark.parametrize("fits", [True, False])
def test_a_smaller_plotly_js_replaces_the_other_if_its_version_fits(
    fits: bool, settings: toy.Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version = get_plotlyjs_version() if fits else "1.2.3"
    script = f"/**\n* plotly.js (cartesian - minified) v{version}\n*/\nwindow.Plotly = 1;"
    (tmp_path / plotly_js.FILE).write_text(script, "utf-8", newline="\n")
    (tmp_path / "own.js").write_text("", "utf-8")

    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = Dash(toy.__name__, assets_folder=str(tmp_path))
        app.layout = toy.create_app(settings, data).layout
        return app

    client = toy.DASHBOARD.build(settings, create_app)[0].server.test_client()
    assert ("_plotly-" in on_demand(client)["Graph"]) is fits
    assert ("1.2.3" in caplog.text) is not fits
    assert not any(plotly_js.FILE in it for it in scripts_of(client)), "each page would wait for it"
    assert any("own.js" in it for it in scripts_of(client))
    if fits:
        assert client.get(on_demand(client)["Graph"]).text == script


def test_a_script_is_read_and_compressed_once(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = on_demand(client)["Graph"]
    first = client.get(script, headers=GZIP).data

    def again(*_: object) -> bytes:
        raise AssertionError("read or compressed again")

    monkeypatch.setattr("pkgutil.get_data", again)
    monkeypatch.setattr("flask_compress.flask_compress._compress_data", again)
    assert client.get(script, headers=GZIP).data == first


def test_the_smallest_encoding_is_preferred(client: FlaskClient) -> None:
    script = on_demand(client)["Graph"]
    sizes = {}
    for accepted in ("gzip", "zstd", "br", "gzip, deflate, br, zstd"):
        answer = client.get(script, headers={"Accept-Encoding": accepted})
        sizes[accepted] = len(answer.data)
    assert list(sizes) == sorted(sizes, key=lambda it: -sizes[it])
    assert answer.headers["Content-Encoding"] == "br"


def test_a_script_without_a_fingerprint_is_revalidated(client: FlaskClient) -> None:
    client.get("/")
    script = "/_dash-component-suites/dash/dcc/async-slider.js"
    answer = client.get(script, headers=GZIP)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get(script, headers={**GZIP, "If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_script_is_not_stored_under_the_url_of_another_version(client: FlaskClient) -> None:
    """As in an upgrade, when a page of one release asks a server of the other."""
    for own in on_demand(client).values():
        other = re.sub(r"\.v[\w-]+m", ".v99_0_0m", own)
        for _ in range(2):
            answer = client.get(other, headers=GZIP)
            assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
            assert gzip.decompress(answer.data) == client.get(own).data


def test_a_script_that_does_not_exist_is_not_found(client: FlaskClient) -> None:
    client.get("/")
    assert client.get("/_dash-component-suites/dash/nothing.js").status_code == 404
