import pytest
from flask import Flask, session

from {{cookiecutter.project_slug}}.engine.settings import Auth
from {{cookiecutter.project_slug}}.engine.web.middleware import BY_PROXY
from {{cookiecutter.project_slug}}.engine.web.operators import is_operator

TOKEN = "operators-know-this-token"
SERVER = Flask(__name__)
SERVER.secret_key = "x"
LOCAL = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8050"}
REMOTE = {"REMOTE_ADDR": "192.0.2.1", "HTTP_HOST": "dashboard.example.org"}


def allowed(environ: dict[str, str], user: object = None, **auth: object) -> bool:
    """Return whether a request with this environ and session user is an operator's."""
    with SERVER.test_request_context("/", environ_overrides=environ):
        if user is not None:
            session["user"] = user
        return is_operator(Auth.model_validate(auth))


@pytest.mark.parametrize("host", ["localhost", "localhost:8050", "127.0.0.1:8050", "127.8.8.8"])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_this_machine_is_an_operator(host: str, address: str) -> None:
    assert allowed({"REMOTE_ADDR": address, "HTTP_HOST": host})


@pytest.mark.parametrize("host", ["[::1]", "[::1]:8050"])
def test_this_machine_may_be_addressed_by_ipv6(host: str) -> None:
    assert allowed({"REMOTE_ADDR": "::1", "HTTP_HOST": host})


@pytest.mark.parametrize(
    "other",
    [
        {"REMOTE_ADDR": "192.0.2.1"},
        {"REMOTE_ADDR": "2001:db8::1"},
        {"REMOTE_ADDR": ""},  # a Unix socket
        {"REMOTE_ADDR": "unix:"},
        {"HTTP_HOST": "dashboard.example.org"},
        {"HTTP_HOST": "192.0.2.1:8050"},
        {"HTTP_HOST": "localhost.example.org"},
        {"HTTP_HOST": "127.0.0.1.example.org"},
        {BY_PROXY: "yes"},
    ],
)
def test_a_request_that_may_be_remote_is_not_from_an_operator(other: dict[str, str]) -> None:
    assert allowed(LOCAL)
    assert not allowed({**LOCAL, **other})


def test_a_token_decides_from_any_address() -> None:
    def given(token: str, kind: str = "Bearer") -> dict[str, str]:
        return {"HTTP_AUTHORIZATION": f"{kind} {token}"}

    assert allowed({**REMOTE, **given(TOKEN)}, token=TOKEN)
    assert allowed({**REMOTE, **given(TOKEN, "bearer")}, token=TOKEN)
    for wrong in ("", "wrong", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper()):
        assert not allowed({**REMOTE, **given(wrong)}, token=TOKEN)
        assert not allowed({**LOCAL, **given(wrong)}, token=TOKEN), "a wrong one is refused here"
    assert not allowed({**REMOTE, **given(TOKEN, "Basic")}, token=TOKEN)
    assert not allowed(REMOTE, token=TOKEN)
    assert allowed(LOCAL, token=TOKEN)


def test_without_a_token_setting_no_token_is_accepted() -> None:
    for header in ("Bearer", "Bearer ", "Bearer x"):
        assert not allowed({**REMOTE, "HTTP_AUTHORIZATION": header})
        assert allowed({**LOCAL, "HTTP_AUTHORIZATION": header})


def test_a_listed_user_is_an_operator_from_any_address() -> None:
    assert allowed(REMOTE, {"email": "ann"}, operators=["ann"])
    for other in ({"email": "bob"}, {"email": None}, {"name": "ann"}, {}, "ann", ["ann"]):
        assert not allowed(REMOTE, other, operators=["ann"])
        assert allowed(LOCAL, other, operators=["ann"])
    assert not allowed(REMOTE, operators=["ann"])


def test_without_a_request_nobody_is_an_operator() -> None:
    assert not is_operator(Auth(operators=["ann"]))
