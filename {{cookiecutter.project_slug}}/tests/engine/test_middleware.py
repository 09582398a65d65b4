import re
from typing import Any

import pytest
import toy
from dash import Dash
from flask import Response
from flask.testing import FlaskClient

from {{cookiecutter.project_slug}}.engine import log
from {{cookiecutter.project_slug}}.engine.config.types import SettingError
from {{cookiecutter.project_slug}}.engine.page import Data

ASSET = "/assets/toy.py"
PATHS = ["/", "/healthz", "/_live", "/_dash-layout", ASSET, "/assets/none", "/readyz"]
JSON = {"/_live", "/_dash-layout", "/readyz"}
CSP = "Content-Security-Policy"


def client_of(settings: toy.Settings, **chosen: Any) -> FlaskClient:
    values = settings.model_dump()
    values["server"] = {**values["server"], **chosen}

    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = toy.create_app(settings, data)

        @app.server.get("/number")
        def number() -> Response:
            return Response(log.REQUEST.get(), headers={"Referrer-Policy": "origin"})

        return app

    app, _ = toy.DASHBOARD.build(toy.Settings.model_validate(values), create_app)
    return app.server.test_client()


@pytest.mark.parametrize("path", PATHS)
def test_every_response_has_security_and_cache_headers(path: str, settings: toy.Settings) -> None:
    plain = client_of(settings).get(path).headers
    assert plain["X-Content-Type-Options"] == "nosniff"
    assert plain["Cross-Origin-Resource-Policy"] == "same-origin"
    polls = "public, max-age=1, stale-while-revalidate=2"
    cached = {ASSET: "no-cache", "/_live": polls}.get(path, "private, no-store")
    assert plain["Cache-Control"] == cached
    assert not {"Server", "X-Powered-By", "Strict-Transport-Security"} & {*plain.keys()}


@pytest.mark.parametrize("path", [path for path in PATHS if path not in JSON])
def test_every_page_has_owasps_secure_headers(path: str, settings: toy.Settings) -> None:
    client = client_of(settings)
    plain = dict(client.get(path).headers)
    assert plain["X-Frame-Options"] == "SAMEORIGIN"
    assert plain["Referrer-Policy"] == "no-referrer"
    assert plain["X-Permitted-Cross-Domain-Policies"] == "none"
    assert plain["X-DNS-Prefetch-Control"] == "off"
    assert "camera=()" in plain["Permissions-Policy"]
    assert re.search(r"script-src 'self' 'sha256-[^;]+;.*object-src 'none'", plain[CSP])
    assert "unsafe-inline" not in plain[CSP].partition("style-src")[0]
    tls = client.get(path, base_url="https://localhost").headers
    assert "max-age=31536000" in tls["Strict-Transport-Security"]
    assert tls["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_response_may_have_its_own_header(settings: toy.Settings) -> None:
    response = client_of(settings).get("/number")
    assert response.headers.getlist("Referrer-Policy") == ["origin"]


def test_settings_can_allow_other_sites(settings: toy.Settings) -> None:
    client = client_of(
        settings,
        csp_sources=["https://tile.example.org"],
        frame_ancestors=["https://intranet.example.org"],
    )
    headers = client.get("/").headers
    assert "img-src 'self' data: blob: https://tile.example.org" in headers[CSP]
    assert "frame-ancestors 'self' https://intranet.example.org" in headers[CSP]
    assert "X-Frame-Options" not in headers


@pytest.mark.parametrize("site", ["https://a.example; script-src *", "a b", "x\r\nY: z", "'none'"])
def test_a_setting_cannot_add_a_policy(site: str, settings: toy.Settings) -> None:
    with pytest.raises((SettingError, ValueError), match="csp_sources"):
        client_of(settings, csp_sources=[site])


def test_each_request_has_its_own_id(settings: toy.Settings) -> None:
    client = client_of(settings)
    numbers = set()
    for _ in range(3):
        response = client.get("/number", headers={"X-Request-ID": "a-client-s-own"})
        assert response.text == response.headers["X-Request-ID"] != "a-client-s-own"
        numbers.add(response.text)
    assert len(numbers) == 3
    assert not log.REQUEST.get()


@pytest.mark.parametrize(
    ("given", "taken"),
    [("0123-abcd", True), ("short", False), ("a b" * 5, False), ("x" * 65, False)],
)
def test_a_trusted_proxy_may_give_the_id(given: str, taken: bool, settings: toy.Settings) -> None:
    client = client_of(settings, trusted_proxy="127.0.0.1")
    assert (client.get("/number", headers={"X-Request-ID": given}).text == given) == taken


@pytest.mark.parametrize(
    ("proxy", "address", "believed"),
    [
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7", "10.0.0.8", False),
        ("10.0.0.0/8", "10.9.8.7", True),
        ("10.0.0.0/8", "::ffff:10.9.8.7", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "", False),
        ("fd00::/8", "fd00::1", True),
        ("fd00::/8", "10.0.0.1", False),
        ("*", "192.0.2.1", True),
        ("", "127.0.0.1", False),
    ],
)
def test_a_trusted_proxy_is_an_address_or_a_network(
    proxy: str, address: str, believed: bool, settings: toy.Settings
) -> None:
    client = client_of(settings, trusted_proxy=proxy)
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.9"}
    response = client.get("/healthz", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert ("Strict-Transport-Security" in response.headers) == believed


@pytest.mark.parametrize("name", ["If-Match", "If-Unmodified-Since", "Cookie"])
def test_a_header_that_makes_werkzeug_fail_is_dropped(name: str, settings: toy.Settings) -> None:
    client = client_of(settings).application.test_client(use_cookies=False)
    value = "Thu, 01 Jan 1970 00:00:00 GMT" if "Since" in name else "x=\xb8"
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value}
    for path in (ASSET, "/"):
        assert client.get(path, environ_overrides=environ).status_code == 200
