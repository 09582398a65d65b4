import gzip
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import brotli
import pytest
from dash import Dash, Input, Output, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate
from flask import Flask, abort, copy_current_request_context, g, request, session
from flask_compress import Compress
from werkzeug.test import TestResponse

from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot
from {{cookiecutter.project_slug}}.engine.settings import Server
from {{cookiecutter.project_slug}}.engine.web.fast_path import FastPath
from {{cookiecutter.project_slug}}.engine.web.shared_views import (
    SharedViews,
    personal,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERSION = Input("snapshot-version", "data")
CHOICE = Input("choice", "value")


class Page:
    """A page with a callback, and the server that it comes from; counts what Dash computes."""

    def __init__(self, view: Callable[..., Any], max_bytes: int = 10_000_000, **callback: Any):
        self.count = 0
        self.store = MemoryStore()
        self.publish(1)
        self.app = Dash(__name__)
        self.app.layout = html.Div(
            [dcc.Store(id="snapshot-version"), dcc.Input(id="choice"), html.P(id="a"), html.P("b")]
        )
        self.app.server.secret_key = "secret"
        inputs = callback.pop("inputs", [VERSION, CHOICE])
        self.outputs = callback.pop("output", [Output("a", "children")])
        output = self.outputs if len(self.outputs) > 1 else self.outputs[0]
        self.inputs = inputs

        @self.app.callback(output, inputs, **callback)
        @(personal if getattr(view, "personal", False) else lambda it: it)
        def show(*values: Any) -> Any:
            self.count += 1
            return view(*values)

        compress, settings = Compress(self.app.server), Server(cache_bytes=max_bytes)
        fast_path = FastPath(self.app)
        self.cache = SharedViews(self.app, self.store, compress, fast_path, settings)

    def publish(self, version: int) -> None:
        self.store.publish(Snapshot(version, NOW, NOW, {}))

    def body(self, version: Any = 1, choice: Any = "x") -> dict[str, Any]:
        ids = [f"{it.component_id}.{it.component_property}" for it in self.outputs]
        outputs = [dict(zip(("id", "property"), it.split("."), strict=True)) for it in ids]
        many = len(ids) > 1
        values = {"snapshot-version": version, "choice": choice}
        return {
            "output": f"..{'...'.join(ids)}.." if many else ids[0],
            "outputs": outputs if many else outputs[0],
            "inputs": [
                {
                    "id": it.component_id,
                    "property": it.component_property,
                    "value": values[it.component_id],
                }
                for it in self.inputs
            ],
            "changedPropIds": ["snapshot-version.data"],
        }

    def post(self, body: Any = None, **headers: str) -> TestResponse:
        client = self.app.server.test_client()
        body = self.body() if body is None else body
        text = json.dumps(body)  # Flask's own would sort it
        kind = "application/json"
        while True:
            answer = client.post(
                "/_dash-update-component", data=text, content_type=kind, headers=headers
            )
            if answer.status_code != 202:
                return answer
            headers["X-Computation"] = answer.headers["X-Computation"]  # as views.js does
            time.sleep(0.05)

    def text(self, *values: Any, **headers: str) -> Any:
        answer = self.post(self.body(*values), **headers)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text)["response"]["a"]["children"]


def test_all_viewers_share_one_computation_of_each_version_and_choice() -> None:
    page = Page(lambda version, choice: f"{version} {choice}")
    assert {page.text() for _ in range(5)} == {"1 x"}
    assert page.count == 1
    assert page.text(1, "y") == "1 y"
    page.publish(2)
    assert {page.text(2) for _ in range(5)} == {"2 x"}
    assert page.count == 3


def test_a_client_with_another_version_gets_the_servers_and_plants_nothing() -> None:
    page = Page(lambda version, choice: str(version))
    for version in (0, 99, None, "2", {"a": [1]}):
        assert page.text(version) == "1"
    page.publish(99)
    assert page.text(99) == "99"
    assert page.text(1) == "99"
    assert page.count == 2


def test_those_who_ask_at_once_wait_for_one_computation() -> None:
    together = threading.Barrier(8)

    def slow(*_: Any) -> str:
        time.sleep(0.3)  # the others come meanwhile
        return "slow"

    page = Page(slow)
    page.app.server.test_client().get("/")

    def ask(_: int) -> Any:
        together.wait(10)
        return page.text()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"slow"}
    assert page.count == 1


def raises(*_: Any) -> str:
    raise ValueError("a bug in a view")


def prevents(*_: Any) -> str:
    raise PreventUpdate


def sets_a_cookie(*_: Any) -> str:
    ctx.response.set_cookie("who", "me")
    return "hello"


@pytest.mark.parametrize(
    ("view", "options"),
    [
        (raises, {}),
        (prevents, {}),
        (lambda *_: no_update, {}),
        (lambda *_: ("a", no_update), {"output": [Output("a", "children"), Output("a", "title")]}),
        (lambda _: "of another kind", {"inputs": [CHOICE]}),
    ],
)
def test_what_is_no_whole_answer_is_not_kept(
    view: Callable[..., Any], options: dict[str, Any]
) -> None:
    page = Page(view, **options)
    page.app.server.test_client().get("/")
    page.app.server.config["PROPAGATE_EXCEPTIONS"] = False
    first, second = page.post(), page.post()
    assert (first.status_code, first.data) == (second.status_code, second.data)
    assert page.count == 2


def in_a_thread(look: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_current_request_context(look)).result()


WHO: dict[str, Callable[[], Any]] = {
    "the session": lambda: session.get("who"),
    "a cookie": lambda: request.cookies.get("who"),
    "a cookie, by Dash": lambda: ctx.cookies.get("who"),
    "a header": lambda: request.headers.get("X-Who"),
    "a header, by Dash": lambda: ctx.headers.get("X-Who"),
    "the environ": lambda: request.environ.get("HTTP_X_WHO"),
    "the password": lambda: request.authorization and request.authorization.username,
    "the address": lambda: request.remote_addr,
    "the address, by Dash": lambda: ctx.remote,
    "the query": lambda: request.args.get("who"),
    "the query, by Dash": lambda: ctx.args.get("who"),
    "the url": lambda: request.url,
    "what a hook has found out": lambda: g.who,
    "what a hook has found out, or not": lambda: g.get("who"),
    "an error": lambda: session["who"],
    "a refusal": lambda: abort(403) if session.get("who") == "bob" else "welcome",
    "a refusal of all others": lambda: "ann" if session.get("who") == "ann" else abort(403),
    "only what it allows": lambda: "friend" if "who" in session else "stranger",
    "a thread": lambda: in_a_thread(lambda: request.cookies.get("who")),
}


def as_whom(page: Page, who: str) -> tuple[int, str]:
    """Return what somebody is answered who is told from others by all that a request has."""
    client = page.app.server.test_client()
    client.set_cookie("who", who)
    if who != "nobody":
        with client.session_transaction() as its:
            its["who"] = who
    answer = client.post(
        "/_dash-update-component",
        query_string={"who": who},
        json=page.body(),
        headers={"X-Who": who},
        auth=(who, "secret"),
        environ_base={"REMOTE_ADDR": f"10.0.0.{len(who)}"},
    )
    return answer.status_code, answer.text


@pytest.mark.parametrize("look", WHO.values(), ids=WHO)
@pytest.mark.parametrize("marked", [False, True])
def test_nobody_gets_what_is_anothers(
    look: Callable[[], Any], marked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def view(*_: Any) -> str:
        return f"for {look()}"

    view.personal = marked  # type: ignore[attr-defined]
    page = Page(view)
    page.app.server.config["PROPAGATE_EXCEPTIONS"] = False

    @page.app.server.before_request
    def find_out() -> None:
        g.who = request.headers.get("X-Who")

    everybody = ("ann", "bob", "a stranger", "nobody")
    first = {who: as_whom(page, who) for who in everybody}
    alone = Page(view, max_bytes=0)
    alone.app.server.config["PROPAGATE_EXCEPTIONS"] = False
    alone.app.server.before_request(find_out)
    personal(alone.app.callback_map["a.children"]["callback"].__wrapped__)
    assert first == {who: as_whom(alone, who) for who in everybody}
    assert first == {who: as_whom(page, who) for who in everybody}, "the second time, too"
    assert caplog.text.count("the callback of a.children reads") == (0 if marked else 1)


def test_an_answer_of_several_outputs_is_kept() -> None:
    page = Page(lambda *_: ("a", "b"), output=[Output("a", "children"), Output("a", "title")])
    assert page.post().data == page.post().data
    assert page.count == 1


def test_each_client_gets_the_encoding_it_takes() -> None:
    page = Page(lambda *_: "long " * 1000)
    plain = page.post()
    assert "Content-Encoding" not in plain.headers
    packed = page.post(**{"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert packed.headers["Content-Encoding"] == "zstd"
    for encoding, decompress in (("gzip", gzip.decompress), ("br", brotli.decompress)):
        packed = page.post(**{"Accept-Encoding": f"{encoding}, nonsense;q=0.1"})
        assert packed.headers["Content-Encoding"] == encoding
        assert decompress(packed.data) == plain.data
        assert len(packed.data) < len(plain.data) / 10
        assert int(packed.headers["Content-Length"]) == len(packed.data)
        assert "Accept-Encoding" in packed.headers["Vary"]
    assert "Content-Encoding" not in page.post(**{"Accept-Encoding": "gzip;q=0"}).headers
    assert page.count == 1


def test_it_keeps_within_its_bound_and_drops_old_versions() -> None:
    page = Page(lambda version, choice: "long " * 200, max_bytes=100_000)
    good = page.post().data
    for choice in range(500):
        page.text(1, choice)
        assert page.cache.size <= 100_000
    assert page.post().data == good
    assert page.cache.size > 50_000
    page.publish(2)
    page.post()
    assert page.cache.size < 10_000


@pytest.mark.parametrize(
    "body",
    [
        {"output": "nobody.children", "outputs": {}, "inputs": []},
        {"output": ["a.children"], "inputs": []},
        {"output": "a.children", "inputs": [1]},
        {"output": "a.children", "inputs": None},
        {"output": "a.children"},
        [],
        "a.children",
    ],
)
def test_a_request_that_makes_no_sense_leaves_nothing_behind(body: Any) -> None:
    page = Page(lambda *_: "fine")
    page.app.server.config["PROPAGATE_EXCEPTIONS"] = False
    assert page.post(body).status_code >= 400
    assert page.cache.size == 0
    assert page.text() == "fine"


def test_it_stands_behind_whoever_guards_the_server() -> None:
    page = Page(lambda *_: "secret")

    @page.app.server.before_request
    def guard() -> None:
        if request.headers.get("Authorization") != "me":
            abort(401)

    for _ in range(2):
        assert page.text(Authorization="me") == "secret"
        assert page.post().status_code == 401
    assert page.count == 1


def test_it_stands_behind_a_view_that_is_put_around_it() -> None:
    page = Page(lambda *_: "secret")
    assert page.text() == "secret"
    views = page.app.server.view_functions
    views["/_dash-update-component"] = lambda **_: abort(403)
    assert page.post().status_code == 403


def test_groups_do_not_share() -> None:
    page = Page(lambda *_: str(session["user"]["groups"]))

    @page.app.server.before_request
    def log_in() -> None:
        session["user"] = {"email": "me", "groups": [request.headers["X-Group"]]}

    answers = []
    for group in ("a", "b", "a", "b"):
        client = page.app.server.test_client()
        for _ in range(2):  # the first has no cookie yet
            answer = client.post(
                "/_dash-update-component", json=page.body(), headers={"X-Group": group}
            )
        answers.append(answer.json["response"]["a"]["children"])
    assert answers == ["['a']", "['b']", "['a']", "['b']"]


def test_what_is_kept_does_not_even_need_flask(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(lambda *_: "quick")
    assert page.text() == "quick"
    monkeypatch.setattr(Flask, "full_dispatch_request", raises)
    assert page.text() == "quick"
    assert page.post(page.body(1, "another choice")).status_code == 500


def test_trusted_hosts_are_heeded() -> None:
    page = Page(lambda *_: "secret")
    page.app.server.config["TRUSTED_HOSTS"] = ["localhost"]
    for _ in range(2):
        assert page.text() == "secret"
        assert page.post(Host="evil.example").status_code == 400


def test_a_personal_callback_may_be_marked_above_too() -> None:
    page = Page(lambda *_: str(request.headers["User-Agent"]))
    personal(page.app.callback_map["a.children"]["callback"].__wrapped__)
    agents = [page.text(**{"User-Agent": name}) for name in ("anna", "bert")]
    assert agents == ["anna", "bert"]


def test_an_answer_that_writes_the_session_is_not_kept() -> None:
    def remember(*_: Any) -> str:
        session["seen"] = True
        return "hello"

    page = Page(remember)
    for _ in range(2):
        assert "session=" in page.post().headers["Set-Cookie"]
    assert page.count == 3  # at first for nobody


def test_those_who_wait_for_what_is_not_kept_get_it_too() -> None:
    started, go_on = threading.Semaphore(0), threading.Event()

    def fail(*_: Any) -> str:
        started.release()
        assert go_on.wait(10)
        raise PreventUpdate

    page = Page(fail)
    page.app.server.test_client().get("/")
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(page.post)
        assert started.acquire(timeout=10)
        others = [pool.submit(page.post) for _ in range(11)]  # more than may wait
        time.sleep(1.5)  # so that all are told to ask again
        go_on.set()
        assert {it.result().status_code for it in (first, *others)} == {204}
    assert page.count == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (2**64, 2**64 + 1),
        (1, 1.0),
        ("1", 1),
        (None, "None"),
        ([["deep"]], [["deep", None]]),
    ],
)
def test_what_differs_for_a_view_is_kept_apart(one: Any, other: Any) -> None:
    page = Page(lambda _, choice: json.dumps(choice))
    for choice in (one, other, one, other):
        assert page.text(1, choice) == json.dumps(choice)
    assert page.count == 2


def test_a_choice_as_deep_as_json_can_be_is_answered() -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = [deep]
    page = Page(lambda _, choice: str(len(choice)))
    assert page.text(1, deep) == page.text(1, deep) == "1"
