"""Views have URLs that caches may store, unless a viewer could affect the response."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
import toy
from dash import ALL, Dash, Input, Output
from flask.testing import FlaskClient
from helpers import changed, showing
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot
from {{cookiecutter.project_slug}}.engine.page import Data, Tables, view

pytestmark = pytest.mark.usefixtures("patient")
PUBLIC, PRIVATE = "public, max-age=3600, immutable", "private, no-store"
HASH = generate_password_hash("right", "pbkdf2:sha256:1")
CHOSEN: list[Any] = [["a"], "all"]


class Site:
    """A dashboard whose view shows the version and the chosen series."""

    def __init__(self, settings: toy.Settings, create_app: Any = None) -> None:
        self.count = 0

        @view(Output("cards", "children"), toy.CHOICES)
        def cards(tables: Tables, names: list[str], window: str) -> str:
            self.count += 1
            if "fail" in names:
                raise ValueError("no such series")
            return f"{tables.version} {names} {window}"

        self.store = MemoryStore()
        self.publish(1)
        app, _ = toy.DASHBOARD.build(settings, create_app or showing(cards), self.store)
        self.client: FlaskClient = app.server.test_client(use_cookies=False)
        given = ("ann", "right") if settings.auth.users else None
        page = self.client.get("/", auth=given)
        self.code = re.findall('name="code-version" content="([0-9a-f]+)"', page.text)[0]
        # The views whose URLs pages use.
        self.views = re.findall('name="views" content="([^"]*)"', page.text)[0]
        self.cookie = page.headers.get("Set-Cookie", "").partition(";")[0]

    def publish(self, version: int) -> None:
        stored, now = self.store.latest(), toy.pd.Timestamp.now("UTC").to_pydatetime()
        assert self.store.publish(Snapshot(version, now, now, {}), stored and stored.version)

    def url(self, version: Any = 1, values: Any = CHOSEN, **other: str) -> str:
        given = {"code": self.code, "version": str(version), "output": "cards.children"}
        given |= {"values": json.dumps(values)} | other
        return "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())

    def get(self, url: str | None = None, **headers: str) -> TestResponse:
        return self.client.get(f"/_view?{self.url() if url is None else url}", headers=headers)

    def post(self, version: int = 1) -> TestResponse:
        chosen = zip(toy.CHOSEN, [version, *CHOSEN], strict=True)
        parts = [(name.split("."), value) for name, value in chosen]
        body = {
            "output": "cards.children",
            "outputs": {"id": "cards", "property": "children"},
            "inputs": [{"id": i, "property": p, "value": value} for (i, p), value in parts],
        }
        return self.client.post("/_dash-update-component", json=body)


@pytest.fixture
def site(settings: toy.Settings) -> Site:
    return Site(settings)


def shown(response: TestResponse) -> str:
    assert response.status_code == 200, response.text
    return str(json.loads(response.text)["response"]["cards"]["children"])


def lifetime(response: TestResponse) -> str:
    return str(response.headers["Cache-Control"])


def test_the_url_of_a_view_has_the_same_response_for_everyone(site: Site) -> None:
    for _ in range(3):  # computed, and from the cache
        response = site.get(**{"Accept-Encoding": "gzip"})
        assert lifetime(response) == PUBLIC
        assert "Set-Cookie" not in response.headers
        assert shown(site.get()) == "1 ['a'] all" == shown(site.post())
    assert site.count == 2, "once by each method"
    assert lifetime(site.post()) == PRIVATE
    assert "cards.children" in site.views


def test_only_the_newest_version_of_this_release_may_be_stored(site: Site) -> None:
    assert lifetime(site.get()) == PUBLIC
    for version in (0, 2, 10**18):
        response = site.get(site.url(version))
        assert (shown(response), lifetime(response)) == ("1 ['a'] all", PRIVATE)
    assert lifetime(site.get(site.url(code="other"))) == PRIVATE
    site.publish(2)
    for version, expected in ((1, PRIVATE), (2, PUBLIC), (1, PRIVATE), (3, PRIVATE)):
        response = site.get(site.url(version))
        assert (shown(response), lifetime(response)) == ("2 ['a'] all", expected)


@pytest.mark.parametrize("name", ["Cookie", "Authorization"])
def test_what_identifies_a_viewer_makes_the_response_private(name: str, site: Site) -> None:
    for _ in range(2):
        assert lifetime(site.get(**{name: "x=1"})) == PRIVATE
        assert lifetime(site.client.get("/_live", headers={name: "x=1"})) == PRIVATE
    assert lifetime(site.get()) == PUBLIC


def test_a_login_makes_all_responses_private(settings: toy.Settings) -> None:
    site = Site(changed(settings, "auth", users=type(settings.auth)(users={"ann": HASH}).users))
    assert site.get().status_code == 401
    assert site.views == "[]", "where viewers would wait for what a proxy may not store"
    for _ in range(2):
        for url in (f"/_view?{site.url()}", "/_live"):
            answer = site.client.get(url, headers={"Cookie": site.cookie})
            assert (answer.status_code, lifetime(answer)) == (200, PRIVATE)
            assert lifetime(site.client.get(url)) == PRIVATE


def test_a_hook_makes_all_responses_private(settings: toy.Settings) -> None:
    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = toy.create_app(settings, data)
        app.server.before_request(lambda: None)  # may ask who the viewer is
        return app

    site = Site(settings, create_app)
    assert site.views == "[]"
    assert lifetime(site.client.get("/_live")) == PRIVATE


def test_an_error_is_not_stored(site: Site) -> None:
    for _ in range(2):
        response = site.get(site.url(values=[["fail"], "all"]))
        assert (response.status_code, lifetime(response)) == (500, PRIVATE)
        response = site.get(site.url(values=[[1], "all"]))
        assert (response.status_code, lifetime(response)) == (400, PRIVATE)


INVALID = {
    "nothing": "",
    "no value": "code",
    "another order": "version=1&code=x&output=cards.children&values=[]",
    "twice": "code=x&version=1&output=cards.children&values=[]&version=2",
    "one more": "code=x&version=1&output=cards.children&values=[]&callback=x",
    "no version": "code=x&version=null&output=cards.children&values=[[],%22all%22]",
    "a large version": f"code=x&version={10**30}&output=cards.children&values=[[],%22all%22]",
    "Arabic digits": "code=x&version=%D9%A1&output=cards.children&values=[[],%22all%22]",
    "no view": "code=x&version=1&output=nobody.children&values=[[],%22all%22]",
    "few choices": "code=x&version=1&output=cards.children&values=[[]]",
    "no list": "code=x&version=1&output=cards.children&values={}",
    "no JSON": "code=x&version=1&output=cards.children&values=[",
    "deep": "code=x&version=1&output=cards.children&values=" + "[" * 5_000,
    "long": f"code=x&version=1&output=cards.children&values=[[],%22{'a' * 8_000}%22]",
}


@pytest.mark.parametrize("url", INVALID.values(), ids=INVALID)
def test_an_invalid_url_is_rejected(url: str, site: Site) -> None:
    response = site.get(url)
    assert (response.status_code, lifetime(response)) == (400, PRIVATE)
    assert site.count == 0


def test_only_views_with_plain_ids_have_urls(settings: toy.Settings) -> None:
    @view(Output({"type": "t", "index": ALL}, "children"), toy.CHOICES)
    def pattern(tables: Tables, names: list[str], window: str) -> list[str]:
        return []

    @view(Output("cards", "children"), [Input({"type": "t", "index": ALL}, "value")])
    def chosen(tables: Tables, values: list[str]) -> str:
        return "shared"

    def create_app(settings: toy.Settings, data: Data) -> Dash:
        app = showing(pattern, chosen)(settings, data)
        app.callback(Output("plain", "children"), Input("snapshot-version", "data"))(lambda _: "")
        return app

    site = Site(settings, create_app)
    assert 'name="views" content="[]"' in site.client.get("/").text
    for output, values in (("cards.children", [[]]), ("plain.children", [])):
        assert site.get(site.url(values=values, output=output)).status_code == 400


def test_parsed_urls_do_not_accumulate(site: Site) -> None:
    shared: Any = site.client.application.view_functions["view_url"]
    for number in range(50):
        site.get(site.url(values=[[str(number)], "all"]))
        site.get(site.url(values=[[str(number)], "all"], code="other"))
        site.get(site.url(values=[[str(number), *"abcdefghij" * 20], "all"]))
    assert len(shared.__self__._parsed[1]) == 50, "short ones, for the newest version"
    site.publish(2)
    site.get(site.url(2))
    assert len(shared.__self__._parsed[1]) == 1


def test_a_release_does_not_depend_on_the_server(settings: toy.Settings, site: Site) -> None:
    other = changed(settings, "server", threads=3)
    assert Site(changed(other, "refresh", worker="process")).code == site.code
    assert Site(changed(other, "app", title="Other")).code != site.code
