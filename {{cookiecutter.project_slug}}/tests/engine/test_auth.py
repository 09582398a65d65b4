import io
import json
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
import toy
from dash import Dash, html
from flask import Flask
from flask.testing import FlaskClient
from helpers import changed
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.test import TestResponse

from {{cookiecutter.project_slug}}.engine.page import Data, user_menu
from {{cookiecutter.project_slug}}.engine.serve import cli
from {{cookiecutter.project_slug}}.engine.web import auth, credentials, logout

HASH = generate_password_hash("right", "pbkdf2:sha256:1")  # quick to check
COOKIE = f"{toy.NAME}_session"
TOKEN = "operators-know-this-token"
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.1"}


def with_users(settings: toy.Settings, **users: str) -> toy.Settings:
    chosen = {"users": users, "token": TOKEN}
    return toy.Settings.model_validate({**settings.model_dump(), "auth": chosen})


def client_of(settings: toy.Settings) -> FlaskClient:
    app, _ = toy.DASHBOARD.build(settings, toy.create_app)
    return app.server.test_client()


@pytest.fixture
def client(settings: toy.Settings) -> FlaskClient:
    return client_of(with_users(settings, ann=HASH))


def login(name: str = "ann", password: str = "right") -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"}


def test_only_healthz_and_logging_out_are_open(settings: toy.Settings) -> None:
    settings = with_users(settings, ann=HASH)
    app, _ = toy.DASHBOARD.build(changed(settings, "server", metrics=True), toy.create_app)
    opened = set()
    for rule in app.server.url_map.iter_rules():
        path = rule.rule
        for argument, value in {"path": "x", "package_name": "dash", "filename": "live.js"}.items():
            path = path.replace(f"<path:{argument}>", value).replace(f"<string:{argument}>", value)
        path = path.replace("<path:fingerprinted_path>", "deps/react@18.3.1.min.js")
        assert "<" not in path
        for method in rule.methods or ():
            client = app.server.test_client()
            response = client.open(path, method=method, environ_base=ELSEWHERE)
            if method == "OPTIONS" and response.status_code == 200:
                assert not response.data
            if response.status_code != 401:
                opened.add(path)
    assert opened == {"/healthz", "/_logout"}


@pytest.mark.parametrize("path", ["/_live", "/_dash-update-component"])
def test_the_fast_path_requires_a_login_too(path: str, client: FlaskClient) -> None:
    asked = {"method": "POST", "json": {"output": "cards.children"}} if "dash" in path else {}
    assert client.open(path, headers=login(), **asked).status_code in (200, 400)
    client.delete_cookie(COOKIE)
    assert client.open(path, **asked).status_code == 401


def test_a_password_is_checked_once(client: FlaskClient, monkeypatch: Any) -> None:
    response = client.get("/", headers=login())
    assert response.status_code == 200
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    monkeypatch.setattr(credentials, "check_password_hash", None)
    for path in ("/_live", "/"):
        again = client.get(path, headers=login())
        assert again.status_code == 200
        assert "Set-Cookie" not in again.headers


def test_the_cookie_is_secure_with_tls(client: FlaskClient) -> None:
    response = client.get("/", headers=login(), base_url="https://localhost")
    assert "Secure" in response.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        login(password="wrong"),
        login("bob"),
        login("", ""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic /w=="},
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": "Digest username=ann"},
    ],
)
def test_invalid_credentials_are_rejected(headers: dict[str, str], client: FlaskClient) -> None:
    asks_for_a_password(client.get("/", headers=headers))


@pytest.mark.parametrize(
    "value", ["", "nonsense", "eyJ1c2VyIjp7ImVtYWlsIjoiYW5uIn19.Z0.x", "é" * 9]
)
def test_cookies_cannot_be_forged(value: str, client: FlaskClient) -> None:
    client.set_cookie(COOKIE, value)
    asks_for_a_password(client.get("/"))


def asks_for_a_password(response: TestResponse) -> None:
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == f'Basic realm="{toy.NAME}", charset="UTF-8"'
    assert (response.text, response.mimetype) == ("Log in.\n", "text/plain")


def test_a_session_ends_when_it_expires_or_its_user_changes(settings: toy.Settings) -> None:
    client = client_of(with_users(settings, ann=HASH))
    client.get("/", headers=login())
    cookie = client.get_cookie(COOKIE)
    assert cookie

    def status(**users: str) -> int:
        client = client_of(with_users(settings, **users))
        client.set_cookie(COOKIE, cookie.value)
        return client.get("/").status_code

    assert status(ann=HASH) == 200
    assert status(bob=HASH) == 401
    assert status(ann=generate_password_hash("right", "pbkdf2:sha256:1")) == 401
    with time_machine.travel(time.time() + timedelta(days=8).total_seconds()):
        assert status(ann=HASH) == 401


def test_a_session_names_the_user_and_lasts_as_configured(
    settings: toy.Settings,
) -> None:
    below = changed(settings, "server", url_prefix="/below/")
    client = client_of(changed(with_users(below, ann=HASH), "auth", session=timedelta(hours=3)))
    start = datetime.now(UTC).replace(microsecond=0)
    client.get("/below/", headers=login())
    cookie = client.get_cookie(COOKIE, path="/below/")
    assert cookie and cookie.expires
    assert start <= cookie.expires - timedelta(hours=3) <= datetime.now(UTC)
    with client.session_transaction("/below/") as session:
        assert session["user"] == {"email": "ann", "groups": []}


def test_an_invalid_session_is_deleted(settings: toy.Settings) -> None:
    client = client_of(with_users(settings, ann=HASH))
    client.get("/", headers=login())
    cookie = client.get_cookie(COOKIE)
    assert cookie
    other = client_of(with_users(settings, bob=HASH))
    other.set_cookie(COOKIE, cookie.value)
    asks_for_a_password(other.get("/"))
    assert other.get_cookie(COOKIE) is None


NOBODY = login(logout.NOBODY, logout.NOBODY)


def test_logging_out_ends_the_session_and_replaces_the_password(client: FlaskClient) -> None:
    client.get("/", headers=login())
    cookie = client.get_cookie(COOKIE)
    assert cookie and client.get("/_live").status_code == 200
    # A browser first sends the password that it knows, then that of logout.js.
    asks_for_a_password(client.post("/_logout", json={}, headers=login()))
    assert client.get_cookie(COOKIE) is None
    assert client.post("/_logout", json={}, headers=NOBODY).status_code == 204
    page = client.get("/_logout", headers=NOBODY, environ_base=ELSEWHERE)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "<main>" in page.text and "You are logged out" in page.text
    for path in ("/", "/_live"):
        client.set_cookie(COOKIE, cookie.value)
        asks_for_a_password(client.get(path))  # although somebody may have a copy
        asks_for_a_password(client.get(path, headers=NOBODY))
    client.set_cookie(COOKIE, cookie.value)
    asks_for_a_password(client.get("/", headers=login()))  # sent before logging out, but late
    assert client.get("/", headers=login()).status_code == 200, "at once: another session"
    assert client.get("/").status_code == 200


def test_logging_out_ends_no_other_session_of_the_user(client: FlaskClient) -> None:
    other = client.application.test_client()
    for each in (client, other):
        each.get("/", headers=login())
    client.post("/_logout", json={})
    assert other.get("/").status_code == 200


def test_another_site_cannot_log_a_user_out(client: FlaskClient) -> None:
    client.get("/", headers=login())
    for form in ({"data": {}}, {"data": "{}", "content_type": "text/plain"}):
        assert client.post("/_logout", **form).status_code == 415
    assert client.get("/_logout").status_code == 302, "still logged in"
    assert client.get("/").status_code == 200


def test_logged_out_users_do_not_count_as_wrong_passwords(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(2 * credentials.BOTH):
        asks_for_a_password(client.get("/", headers=login(logout.NOBODY, str(number))))
    assert not caplog.text
    assert client.get("/", headers=login()).status_code == 200


def test_without_users_nobody_logs_out(settings: toy.Settings) -> None:
    assert client_of(settings).post("/_logout", json={}).status_code == 405
    assert client_of(settings).get("/_logout").status_code == 404


def test_the_header_names_the_viewer_only(settings: toy.Settings) -> None:
    with_menu = with_users(settings, ann=HASH, bob=HASH)

    def create_app(settings: toy.Settings, _data: Data) -> Dash:
        app = Dash("toy")
        app.layout = lambda: html.Div(user_menu(settings))
        return app

    app, _ = toy.DASHBOARD.build(with_menu, create_app)
    for name in ("ann", "bob", "ann"):
        shell = app.server.test_client().get("/_dash-layout", headers=login(name))
        assert [it for it in ("ann", "bob") if f'"children":"{it}"' in shell.text] == [name]
        assert '"log-out"' in shell.text
        assert shell.headers["Cache-Control"] == "private, no-store"
    app, _ = toy.DASHBOARD.build(settings, create_app)
    assert "log-out" not in app.server.test_client().get("/_dash-layout").text
    assert "log-out" not in str(user_menu(with_menu)), "outside of a request"


@pytest.mark.parametrize("spare", ["", "x" * 3_990])
def test_only_logged_in_clients_take_the_fast_path(
    spare: str, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only other clients' requests reach Flask, which asks for passwords."""

    def asked(*_: object) -> Any:
        raise LookupError("Flask was asked")

    if spare:
        client.set_cookie("spare", spare)
    client.get("/", headers=login())
    assert client.get("/_live").status_code == 200
    monkeypatch.setattr(Flask, "full_dispatch_request", asked)
    client.application.testing = True
    for _ in range(2):
        assert client.get("/_live").status_code == 200
    client.delete_cookie(COOKIE)
    for _ in range(2):
        assert client.get("/_live", headers=login()).status_code == 200
    others = [{}, login("bob"), login("ann", ""), login("", "right"), login("", "")]
    others += [{"Authorization": it} for it in ("Basic", "Basic !", f"Bearer {TOKEN}")]
    for headers in others:
        with pytest.raises(LookupError, match="Flask was asked"):
            client.get("/_live", headers=headers)


def test_a_password_is_hashed_once_even_without_cookies(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/", headers=login())
    hashed: list[str] = []

    def check(*given: str) -> bool:
        hashed.append(given[1])
        return check_password_hash(*given)

    monkeypatch.setattr(credentials, "check_password_hash", check)
    for path in ("/_live", "/"):
        client.delete_cookie(COOKIE)
        assert client.get(path, headers=login()).status_code == 200
    assert hashed == []
    client.delete_cookie(COOKIE)
    asks_for_a_password(client.get("/", headers=login("bob", "right")))
    asks_for_a_password(client.get("/_live", headers=login("bob", "right")))
    assert hashed == ["right"], "a wrong one is remembered, too"


def test_wrong_passwords_cause_a_pause_and_are_not_logged(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(credentials.BOTH):
        wrong = login(password=f"wr0ng{number}")
        assert client.get("/", headers=wrong).status_code == 401
    paused = client.get("/", headers=login(password="wr0ng"))
    assert (paused.status_code, paused.headers["Retry-After"]) == (429, str(credentials.PAUSE))
    assert paused.text == "Too many wrong passwords: wait a minute.\n"
    assert paused.mimetype == "text/plain"
    elsewhere = client.get("/", headers=login(), environ_base=ELSEWHERE)
    assert elsewhere.status_code == 200, "others are not held up"
    assert "127.0.0.1" in caplog.text
    assert "wr0ng" not in caplog.text


def test_a_forgotten_client_locks_nobody_out(settings: toy.Settings) -> None:
    client = client_of(with_users(settings, ann=HASH, bob=HASH))
    for _ in range(5 * credentials.BOTH):
        asks_for_a_password(client.get("/_live", headers=login(password="old")))
    assert client.get("/", headers=login()).status_code == 200


def test_guesses_of_one_name_do_not_lock_out_another(settings: toy.Settings) -> None:
    client = client_of(with_users(settings, ann=HASH, bob=HASH))
    for number in range(2 * credentials.BOTH):
        client.get("/", headers=login(password=str(number)))
    assert client.get("/", headers=login()).status_code == 429
    assert client.get("/", headers=login("bob")).status_code == 200


@pytest.mark.parametrize("given", [b"Basic \xe9\xe9", b"Basic \xff", b"\xe9", b"Bearer \xe9"])
def test_a_header_that_is_not_text_is_rejected(given: bytes, client: FlaskClient) -> None:
    for path in ("/", "/_live", "/readyz"):
        header = {"HTTP_AUTHORIZATION": given.decode("latin-1")}
        asks_for_a_password(client.get(path, environ_base={**ELSEWHERE, **header}))


def test_a_request_through_a_unix_socket_is_not_from_an_operator(client: FlaskClient) -> None:
    asks_for_a_password(client.get("/readyz", environ_base={"REMOTE_ADDR": ""}))


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:8050", True),
        ("127.0.0.1:8050", True),
        ("[::1]:8050", True),
        ("dashboard.example.org", False),  # from a proxy that adds no headers, or DNS rebinding
        ("[bad", False),
    ],
)
def test_only_a_request_to_this_machine_is_an_operators(
    host: str, known: bool, client: FlaskClient
) -> None:
    response = client.get("/readyz", headers={"Host": host})
    assert (response.status_code in (200, 503)) == known


def test_a_session_with_an_old_password_is_not_an_operators(settings: toy.Settings) -> None:
    def client_with(users: dict[str, str]) -> FlaskClient:
        auth = {"users": users, "operators": ["ann"]}
        server = {**settings.server.model_dump(), "secret_key": TOKEN}
        values = {**settings.model_dump(), "auth": auth, "server": server}
        return client_of(toy.Settings.model_validate(values))

    before = client_with({"ann": HASH})
    before.get("/", headers=login(), environ_base=ELSEWHERE)
    cookie = before.get_cookie(COOKIE)
    assert cookie
    assert before.get("/readyz", environ_base=ELSEWHERE).status_code != 401
    for users in ({"ann": generate_password_hash("new", "pbkdf2:sha256:1")}, {"bob": HASH}):
        after = client_with(users)
        after.set_cookie(COOKIE, cookie.value)
        asks_for_a_password(after.get("/readyz", environ_base=ELSEWHERE))


def test_a_request_by_a_script_opens_no_login_dialog(client: FlaskClient) -> None:
    response = client.get("/_live", headers={"X-Requested-With": "XMLHttpRequest"})
    assert response.status_code == 401
    assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_operators_need_no_password(path: str, settings: toy.Settings) -> None:
    settings = with_users(settings, ann=HASH)
    client = client_of(changed(settings, "server", metrics=True))
    assert client.get(path).status_code != 401
    assert client.get(path, environ_base=ELSEWHERE).status_code == 401
    token = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get(path, environ_base=ELSEWHERE, headers=token).status_code != 401
    for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Via", "Forwarded"):
        proxied = client.get(path, headers={name: "127.0.0.1"})
        assert proxied.status_code == 401, "a proxy on this machine asks for somebody else"


@pytest.mark.parametrize("users", [{}, {"ann": HASH}])
def test_metrics_that_are_off_are_not_found(users: dict[str, str], settings: toy.Settings) -> None:
    response = client_of(with_users(settings, **users)).get("/metrics", environ_base=ELSEWHERE)
    assert response.status_code == 404
    assert "server.metrics = true" in response.text


def test_healthz_is_open_with_and_without_a_prefix(settings: toy.Settings) -> None:
    below = changed(settings, "server", url_prefix="/dashboard/")
    for users in ({}, {"ann": HASH}):
        client = client_of(with_users(below, **users))
        for path in ("/healthz", "/dashboard/healthz"):
            response = client.get(path, environ_base=ELSEWHERE)
            assert (response.status_code, response.text) == (200, "ok")


def test_a_public_address_without_users_is_a_warning(settings: toy.Settings) -> None:
    public = changed(settings, "server", host="0.0.0.0")
    for local in ("localhost", "127.0.0.1", "::1"):
        assert not auth.warning(changed(settings, "server", host=local))
    assert auth.warning(public) == (
        "server.host = '0.0.0.0' exposes the dashboard to everyone who can reach this machine: "
        "set auth.users, unless a proxy requires a login"
    )
    assert not auth.warning(with_users(public, ann=HASH))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stdin = io.StringIO()
    monkeypatch.setattr("sys.stdin", stdin)
    yield stdin


def test_the_output_of_hash_password_lets_a_user_log_in(
    typed: io.StringIO, settings: toy.Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    typed.write("right\n")
    typed.seek(0)
    assert cli.serve(toy.DASHBOARD, toy.create_app, ["--hash-password", "ann"]) == 0
    line = capsys.readouterr().out
    users = json.loads(line.removeprefix("users = ").replace("=", ":", 1))
    client = client_of(with_users(settings, **users))
    assert client.get("/", headers=login()).status_code == 200


def test_hash_password_rejects_an_empty_password(typed: io.StringIO) -> None:
    assert cli.serve(toy.DASHBOARD, toy.create_app, ["--hash-password", "ann"]) == 2


def test_secrets_do_not_show(settings: toy.Settings) -> None:
    settings = with_users(settings, ann=HASH)
    assert HASH not in repr(settings)
    assert TOKEN not in repr(settings)
    assert "'operators'" not in repr(settings)
