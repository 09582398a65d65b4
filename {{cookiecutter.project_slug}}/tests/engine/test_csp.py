import logging
from typing import Any

import orjson
import pytest
import toy
from dash import Dash
from flask.testing import FlaskClient

from {{cookiecutter.project_slug}}.engine.page import Data
from {{cookiecutter.project_slug}}.engine.settings import Server
from {{cookiecutter.project_slug}}.engine.web import csp

REPORT = {"effective-directive": "img-src", "blocked-uri": "https://tile.example.org/1/2/3.png"}
TYPE = "application/csp-report"


@pytest.fixture
def client(settings: toy.Settings) -> FlaskClient:
    return toy.DASHBOARD.build(settings, toy.create_app)[0].server.test_client()


def send(client: FlaskClient, body: Any, mimetype: str = TYPE) -> int:
    content = body if isinstance(body, bytes) else orjson.dumps({"csp-report": body})
    return client.post("/_csp-report", data=content, content_type=mimetype).status_code


def test_the_sites_that_an_app_names_are_allowed(settings: toy.Settings) -> None:
    def create_app(settings: toy.Settings, data: Data) -> Dash:
        made = toy.create_app(settings, data)
        made.config.external_stylesheets += [
            "https://cdn.example.org/theme.css",
            {"href": "//fonts.example.org:8443/a.css", "rel": "stylesheet"},
        ]
        made.config.external_scripts.append({"src": "https://js.example.org/it.js"})
        return made

    app, _ = toy.DASHBOARD.build(settings, create_app)
    page = app.server.test_client().get("/")
    rules = dict(it.split(" ", 1) for it in page.headers["Content-Security-Policy"].split("; "))
    for kind in ("style-src", "font-src"):
        assert "https://cdn.example.org https://fonts.example.org:8443" in rules[kind]
    assert "https://js.example.org" in rules["script-src"].split()
    assert "example.org" not in rules["default-src"] + rules["img-src"]


def test_blocked_content_is_logged_once_with_the_setting_to_change(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        assert send(client, {**REPORT, "blocked-uri": f"{REPORT['blocked-uri']}?{number}"}) == 204
    (line,) = [it.getMessage() for it in caplog.records if it.name == csp.logger.name]
    assert 'csp_sources = ["https://tile.example.org"]' in line
    assert "img-src" in line
    assert ".png" not in line, "a path may hold a secret"


@pytest.mark.parametrize(
    "body",
    [
        {**REPORT, "blocked-uri": "inline"},
        {**REPORT, "blocked-uri": "chrome-extension://abcdef/x.js"},
        {**REPORT, "blocked-uri": 'https://a.example"]\nx'},
        {**REPORT, "blocked-uri": "https://user:password@a.example/"},
        {**REPORT, "blocked-uri": ["https://a.example"]},
        {**REPORT, "effective-directive": "img-src\n1999-01-01 ERROR"},
        {**REPORT, "x": "x" * csp.MAX_BYTES},
        {"blocked-uri": "https://a.example"},
        "text",
        b"[" * 9_000,
        b"\xff",
        b"",
    ],
)
def test_reports_that_no_setting_can_fix_are_not_logged(
    body: Any, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert send(client, body) == 204
    assert not [it for it in caplog.records if it.levelno >= logging.WARNING]


def test_reports_cannot_fill_the_log(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(3 * csp.MAX_LINES):
        send(client, {**REPORT, "blocked-uri": f"https://a{number}.example.org"})
    assert len(caplog.records) == csp.MAX_LINES
    caplog.clear()
    send(client, {**REPORT, "blocked-uri": "https://new.example.org"}, "text/plain")
    assert not caplog.records, "a page of another site can send this"


def test_the_policy_has_the_report_url_below_a_prefix() -> None:
    prefixed = Dash(__name__, url_base_pathname="/dashboard/")
    assert "report-uri /dashboard/_csp-report" in csp.policy(prefixed, Server())
