import gzip
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brotli
import pytest
import toy
from dash import ALL, Dash, Input, Output, ctx, no_update
from dash.exceptions import PreventUpdate
from flask import Flask, abort, copy_current_request_context, g, request, session
from helpers import changed, module_of, wait_until
from stores import opened
from werkzeug.test import TestResponse

from {{cookiecutter.project_slug}}.engine import log
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot
from {{cookiecutter.project_slug}}.engine.data.store import Store
from {{cookiecutter.project_slug}}.engine.page import Data, Tables, view

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERSION = Input("snapshot-version", "data")
CHOICE = Input("choice", "value")
A = Output("a", "children")
PATH = "/_dash-update-component"


class Page:
    """A dashboard with one view or plain callback; counts its computations.

    The function takes the data version and the choice.
    """

    def __init__(
        self,
        function: Callable[[Any, Any], Any],
        output: Output | Sequence[Output] = A,
        max_bytes: int = 10_000_000,
        is_view: bool = True,
        threads: int = 8,
        choice: Input = CHOICE,
        store: Store | None = None,
        setup: Callable[[Flask], Any] = lambda server: None,
    ) -> None:
        self.count, self.not_ready = 0, 0
        self.outputs = [output] if isinstance(output, Output) else output
        self.store = store or MemoryStore()
        self.publish(1)

        def show(tables: Tables, choice: Any) -> Any:
            self.count += 1
            return function(tables.version, choice)

        def create_app(settings: toy.Settings, data: Data) -> Dash:
            module = module_of(*[view(output, [choice])(show)] * is_view)
            app = toy.app_of(module, settings, data)
            if not is_view:

                @app.callback(output, [VERSION, choice])
                def plain(_version: Any, choice: Any) -> Any:
                    return show(data.tables(), choice)

            setup(app.server)
            return app

        settings = changed(toy.Settings.load(), "server", cache_bytes=max_bytes, threads=threads)
        self.app, _ = toy.DASHBOARD.build(settings, create_app, self.store)
        self.shared: Any = self.app.server.view_functions[PATH]

    @property
    def cached_bytes(self) -> int:
        return int(self.shared.__self__.size)

    def publish(self, version: int) -> None:
        stored = self.store.latest()
        assert self.store.publish(Snapshot(version, NOW, NOW, {}), stored and stored.version)

    def body(self, version: Any = 1, choice: Any = "x") -> dict[str, Any]:
        ids = [f"{it.component_id}.{it.component_property}" for it in self.outputs]
        outputs = [dict(zip(("id", "property"), it.split("."), strict=True)) for it in ids]
        many = len(ids) > 1
        return {
            "output": f"..{'...'.join(ids)}.." if many else ids[0],
            "outputs": outputs if many else outputs[0],
            "inputs": [
                {"id": "snapshot-version", "property": "data", "value": version},
                {"id": "choice", "property": "value", "value": choice},
            ],
            "changedPropIds": ["snapshot-version.data"],
        }

    def post_once(self, body: Any = None, **headers: str) -> TestResponse:
        text = json.dumps(self.body() if body is None else body)  # Flask's own JSON would be sorted
        client, kind = self.app.server.test_client(), "application/json"
        return client.post(PATH, data=text, content_type=kind, headers=headers)

    def post(self, body: Any = None, **headers: str) -> TestResponse:
        while True:
            response = self.post_once(body, **headers)
            if response.status_code != 202:
                return response
            self.not_ready += 1
            assert response.headers["Retry-After"] == "1"
            headers["X-Computation"] = response.headers["X-Computation"]  # as views.js does
            time.sleep(0.05)

    def text(self, *values: Any, **headers: str) -> Any:
        response = self.post(self.body(*values), **headers)
        assert response.status_code == 200, response.text
        return json.loads(response.text)["response"]["a"]["children"]


def test_all_viewers_share_one_computation_of_each_version_and_choice() -> None:
    page = Page(lambda version, choice: f"{version} {choice}")
    assert {page.text() for _ in range(5)} == {"1 x"}
    assert page.count == 1
    assert page.text(1, "y") == "1 y"
    page.publish(2)
    assert {page.text(2) for _ in range(5)} == {"2 x"}
    assert page.count == 3


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_client_that_claims_another_version_gets_the_servers(kind: str, tmp_path: Path) -> None:
    store = opened("memory://" if kind == "memory" else tmp_path.as_uri())
    page = Page(lambda version, choice: str(version), store=store)
    for version in (0, 99, None, "2", {"a": [1]}):
        assert page.text(version) == "1"
    page.publish(99)
    assert page.text(99) == "99"
    assert page.text(1) == "99"
    assert page.count == 2


def test_a_viewer_who_has_seen_newer_data_on_another_server_gets_them_here(tmp_path: Path) -> None:
    one, other = [
        Page(lambda version, _: str(version), store=opened(tmp_path.as_uri())) for _ in range(2)
    ]
    assert (one.text(1), other.text(1)) == ("1", "1")
    one.publish(2)
    assert other.text(1) == "1", "it looks at the store only now and then"
    assert other.text(2) == "2"


def test_viewers_share_a_response_whatever_they_have_just_changed() -> None:
    page = Page(lambda *_: "shared")
    for changed_ids in ([], ["choice.value"], ["snapshot-version.data", "choice.value"]):
        assert page.post({**page.body(), "changedPropIds": changed_ids}).status_code == 200
    assert page.count == 1


@pytest.mark.usefixtures("patient")
def test_a_failed_response_has_the_request_id_of_the_log() -> None:
    seen: list[str] = []

    def fail(*_: Any) -> str:
        seen.append(log.REQUEST.get())
        raise ValueError("a bug in a view")

    page = Page(fail)
    responses = [page.post() for _ in range(2)]
    assert [it.headers.getlist("X-Request-ID") for it in responses] == [[it] for it in seen]
    assert len({*seen}) == 2


def test_simultaneous_requests_share_one_computation() -> None:
    together = threading.Barrier(8)

    def slow(*_: Any) -> str:
        time.sleep(0.3)  # so that the others arrive meanwhile
        return "slow"

    page = Page(slow)

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


TWO = [A, Output("a", "title")]


@pytest.mark.parametrize(
    ("function", "output"),
    [
        (raises, A),
        (prevents, A),
        (lambda *_: no_update, A),
        (lambda *_: ("a", no_update), TWO),
    ],
)
def test_an_incomplete_response_is_not_cached(function: Callable[..., Any], output: Any) -> None:
    page = Page(function, output)
    for choice in range(20):
        page.count = page.not_ready = 0
        first, second = [page.post(page.body(1, choice)) for _ in range(2)]
        if page.count == 2:  # otherwise, the first result was kept for waiting clients
            break
    assert (first.status_code, first.data) == (second.status_code, second.data)
    assert page.count == 2
    assert page.cached_bytes == 0


def in_a_thread(look: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_current_request_context(look)).result()


IDENTITIES: dict[str, Callable[[], Any]] = {
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


def response_to(page: Page, who: str) -> tuple[int, str]:
    """Return the response to a client whose request identifies it in every possible way."""
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


def add_login(server: Flask) -> None:
    """Store who sent the request, as a login does."""

    @server.before_request
    def note() -> None:
        g.who = request.headers.get("X-Who")


EVERYBODY = ("ann", "bob", "a stranger", "nobody")


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("look", IDENTITIES.values(), ids=IDENTITIES)
def test_a_view_cannot_identify_the_viewer(
    look: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    page = Page(lambda *_: f"for {look()}", setup=add_login)
    for _ in range(2):
        assert len({response_to(page, who) for who in EVERYBODY}) == 1
    if look is not IDENTITIES["what a hook has found out, or not"]:  # which gets None
        assert response_to(page, "ann")[0] == 500
        assert "the callback of a.children failed" in caplog.text
    if look not in (
        IDENTITIES["what a hook has found out"],
        IDENTITIES["what a hook has found out, or not"],
    ):
        assert "make it an @app.callback" in caplog.text


@pytest.mark.parametrize("look", IDENTITIES.values(), ids=IDENTITIES)
def test_a_plain_callback_is_never_shared(look: Callable[[], Any]) -> None:
    page = Page(lambda *_: f"for {look()}", is_view=False, setup=add_login)
    uncached = Page(lambda *_: f"for {look()}", is_view=False, setup=add_login, max_bytes=0)
    first = {who: response_to(page, who) for who in EVERYBODY}
    assert len({*first.values()}) > 1, "it tells viewers apart"
    assert first == {who: response_to(uncached, who) for who in EVERYBODY}
    assert first == {who: response_to(page, who) for who in reversed(EVERYBODY)}, "each time"
    assert page.count == 2 * len(EVERYBODY)
    assert page.cached_bytes == 0


def test_a_response_with_several_outputs_is_cached() -> None:
    page = Page(lambda *_: ("a", "b"), TWO)
    assert page.post().data == page.post().data
    assert page.count == 1


def test_each_client_gets_an_encoding_that_it_accepts() -> None:
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


def test_the_cache_stays_within_its_limit_and_drops_old_versions() -> None:
    page = Page(lambda version, choice: "long " * 200, max_bytes=100_000)
    good = page.post().data
    for choice in range(500):
        page.text(1, choice)
        assert page.cached_bytes <= 100_000
    assert page.post().data == good
    assert page.cached_bytes > 50_000
    page.publish(2)
    page.post()
    assert page.cached_bytes < 10_000


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
def test_a_malformed_request_leaves_nothing_in_the_cache(body: Any) -> None:
    page = Page(lambda *_: "fine")
    assert page.post(body).status_code >= 400
    assert page.cached_bytes == 0
    assert page.text() == "fine"


def test_a_hook_protects_cached_responses() -> None:
    def guard(server: Flask) -> None:
        @server.before_request
        def check() -> None:
            if request.headers.get("Authorization") != "me":
                abort(401)

    page = Page(lambda *_: "secret", setup=guard)
    for _ in range(2):
        assert page.text(Authorization="me") == "secret"
        assert page.post().status_code == 401
    assert page.count == 1


def test_a_replaced_flask_view_protects_cached_responses() -> None:
    page = Page(lambda *_: "secret")
    assert page.text() == "secret"
    views = page.app.server.view_functions
    views[PATH] = lambda **_: abort(403)
    assert page.post().status_code == 403


def test_a_plain_callback_can_depend_on_the_users_groups() -> None:
    def log_in(server: Flask) -> None:
        @server.before_request
        def check() -> None:
            group = request.headers.get("X-Group", "none")
            session["user"] = {"email": "me", "groups": [group]}

    page = Page(lambda *_: str(session["user"]["groups"]), is_view=False, setup=log_in)
    for group in ("a", "b", "a", "b"):
        client = page.app.server.test_client()
        for _ in range(2):  # the first has no cookie yet
            response = client.post(PATH, json=page.body(), headers={"X-Group": group})
            assert response.json
            assert response.json["response"]["a"]["children"] == f"['{group}']"


def test_a_cached_response_does_not_need_flask(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(lambda *_: "quick")
    assert page.text() == "quick"
    monkeypatch.setattr(Flask, "full_dispatch_request", raises)
    assert page.text() == "quick"
    assert page.post(page.body(1, "another choice")).status_code == 500


def test_trusted_hosts_are_respected() -> None:
    page = Page(lambda *_: "secret")
    page.app.server.config["TRUSTED_HOSTS"] = ["localhost"]
    for _ in range(2):
        assert page.text() == "secret"
        assert page.post(Host="evil.example").status_code == 400


def test_only_a_plain_callback_may_write_the_session() -> None:
    def remember(*_: Any) -> str:
        session["seen"] = True
        return "hello"

    page = Page(remember, is_view=False)
    for _ in range(2):
        assert "session=" in page.post().headers["Set-Cookie"]
    assert page.count == 2
    response = Page(remember).post()
    assert response.status_code == 500
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("is_view", [True, False])
def test_a_cookie_reaches_only_one_viewer(is_view: bool) -> None:
    def greet(*_: Any) -> str:
        ctx.response.set_cookie("who", "me")
        return "hello"

    page = Page(greet, is_view=is_view)
    for _ in range(2):
        response = page.post()
        assert ("Set-Cookie" in response.headers) == (not is_view)
        assert response.status_code == (500 if is_view else 200)


def test_waiting_viewers_share_an_uncached_response() -> None:
    started, go_on = threading.Semaphore(0), threading.Event()

    def fail(*_: Any) -> str:
        started.release()
        assert go_on.wait(60)
        raise PreventUpdate

    page = Page(fail)
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(page.post)
        assert started.acquire(timeout=60)
        others = [pool.submit(page.post) for _ in range(11)]  # more than the number that may wait
        wait_until(lambda: page.not_ready >= 12)  # each was told to ask again
        go_on.set()
        assert {it.result().status_code for it in (first, *others)} == {204}
    assert page.count == 1


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


@pytest.fixture
def go_on(pool: ThreadPoolExecutor) -> Iterator[threading.Event]:
    """What slow views wait for; set when a test ends, before its threads are waited for."""
    go_on = threading.Event()
    yield go_on
    go_on.set()


def test_a_client_gets_what_it_waits_for_and_the_next_one_the_newest_data(
    go_on: threading.Event,
) -> None:
    def slow(version: int, _: Any) -> str:
        assert go_on.wait(60)
        return f"of version {version}"

    page = Page(slow)
    told = page.post_once()
    (key,) = told.headers["X-Computation"].split()
    assert (told.status_code, told.headers["Retry-After"], told.data) == (202, "1", b"")
    page.publish(2)
    again = page.post_once(page.body(2), **{"X-Computation": f"nonsense {key}"})
    assert (again.status_code, again.headers["X-Computation"]) == (202, key)
    go_on.set()
    assert page.text(2, **{"X-Computation": key}) == "of version 1"
    assert page.count == 1
    assert {page.text(2) for _ in range(2)} == {"of version 2"}
    assert page.count == 2


class Overtaken(MemoryStore):
    """A store that gets newer data when it has been looked at so many times."""

    looks = 0

    def latest(self, version: int | None = None) -> Snapshot | None:
        found = super().latest(version)
        self.looks -= 1
        if found and self.looks == 0:
            self.publish(Snapshot(found.version + 1, NOW, NOW, {}))
        return found


@pytest.mark.parametrize("looks", [1, 2])  # one without Flask, and one in it
def test_what_is_cached_for_a_version_is_computed_from_it(looks: int) -> None:
    store = Overtaken()
    page = Page(lambda version, _: str(version), store=store)
    store.looks = looks
    assert page.text() == ("2" if looks == 1 else "1")
    assert page.text() == "2"


def test_a_client_is_told_the_last_computations_that_it_waits_for(go_on: threading.Event) -> None:
    page = Page(lambda *_: go_on.wait(60) and "done")
    others = [f"{number:0128x}" for number in range(20)]
    told = page.post_once(**{"X-Computation": " ".join(others)})
    *kept, key = told.headers["X-Computation"].split()
    assert kept == others[-8:]
    assert key not in others
    again = page.post_once(**{"X-Computation": f"{key} {others[0]}"})
    assert again.headers["X-Computation"] == f"{key} {others[0]}", "each once"


def test_in_a_crowd_only_what_needs_no_computing_is_answered(
    pool: ThreadPoolExecutor, go_on: threading.Event
) -> None:
    def show(_: int, choice: str) -> str:
        assert choice == "quick" or go_on.wait(60)
        return choice

    page = Page(show, threads=3)  # of which one may compute
    assert page.text(1, "quick") == "quick"
    waited_for = "0" * 128
    slow = pool.submit(page.text, 1, "slow")
    wait_until(lambda: page.count == 2)
    for _ in range(2):  # the first waits a moment, and the second is refused at once
        refused = page.post_once(page.body(1, "other"), **{"X-Computation": waited_for})
        assert (refused.status_code, refused.headers["X-Computation"]) == (202, waited_for)
    assert page.text(1, "quick") == "quick"
    for body in ([], {"output": "nobody.children"}):
        assert page.post_once(body).status_code == 400
    assert not slow.done()
    go_on.set()
    assert slow.result() == "slow"
    assert page.text(1, "other") == "other"


def test_in_a_crowd_a_client_gets_what_it_has_waited_for(
    pool: ThreadPoolExecutor, go_on: threading.Event
) -> None:
    first_done = threading.Event()

    def slow(version: int, choice: str) -> str:
        assert (first_done if choice == "first" else go_on).wait(60)
        return f"{version} {choice}"

    page = Page(slow, threads=3)
    told = page.post_once(page.body(1, "first"))
    waiting = {"X-Computation": told.headers["X-Computation"]}
    first_done.set()
    page.publish(2)
    others = [pool.submit(page.text, 2, "second") for _ in range(2)]
    wait_until(lambda: page.count == 2)
    wait_until(lambda: page.post_once(page.body(2, "third")).status_code == 202)
    answered = page.post_once(page.body(2, "first"), **waiting)
    assert "1 first" in answered.text
    go_on.set()
    assert {it.result() for it in others} == {"2 second"}


def test_plain_callbacks_wait_for_each_other_in_a_crowd(
    pool: ThreadPoolExecutor, go_on: threading.Event
) -> None:
    page = Page(lambda *_: go_on.wait(60) and "done", is_view=False, threads=3)
    slow = pool.submit(page.text, 1, "x")
    wait_until(lambda: page.count == 1)
    other = pool.submit(page.post_once, page.body(1, "y"))
    wait_until(lambda: other.done() or page.count > 1)
    assert page.count == 1
    assert other.result().status_code == 202
    go_on.set()
    assert slow.result() == page.text(1, "y") == "done"


def test_a_request_that_is_too_large_is_refused_although_its_response_is_cached() -> None:
    page = Page(lambda *_: "cached")
    assert page.text() == "cached"
    client, limit = page.app.server.test_client(), page.app.server.config["MAX_CONTENT_LENGTH"]
    for size, status in ((limit, 200), (limit + 1, 413)):
        text = json.dumps(page.body()).ljust(size)
        response = client.post(PATH, data=text, content_type="application/json")
        assert response.status_code == status
    assert page.count == 1


@pytest.mark.usefixtures("patient")
def test_each_response_is_counted_as_a_hit_or_a_miss() -> None:
    page = Page(lambda *_: "shared")
    hits: list[bool] = []
    page.shared.__self__.on_response = hits.append
    for encoding in ("", "gzip", "gzip"):
        page.text(**{"Accept-Encoding": encoding})
    page.publish(2)
    page.text()
    assert hits == [False, True, True, False]


def test_a_view_may_be_shared_that_has_the_values_of_a_pattern_as_its_choice() -> None:
    page = Page(lambda version, values: f"{version} {values}", choice=Input({"name": ALL}, "value"))
    body = page.body()
    for values in (["x"], ["x", "y"], []) * 2:
        parts = [
            {"id": {"name": number}, "property": "value", "value": value}
            for number, value in enumerate(values)
        ]
        body["inputs"][1] = parts
        assert f"1 {values}" in page.post(body).text
    assert page.count == 3


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
def test_different_choices_are_cached_separately(one: Any, other: Any) -> None:
    page = Page(lambda _, choice: json.dumps(choice))
    for choice in (one, other, one, other):
        assert page.text(1, choice) == json.dumps(choice)
    assert page.count == 2


@pytest.mark.parametrize(
    ("depth", "status"),
    [(90, 200), (100, 400 if os.name == "nt" else 200), (400, 400), (100_000, 400)],
)
def test_a_deeply_nested_choice_is_answered_or_rejected(depth: int, status: int) -> None:
    page = Page(lambda _, choice: str(len(choice)))
    content = json.dumps(page.body(1, "deep")).replace('"deep"', "[" * depth + "]" * depth)
    for _ in range(2):
        client = page.app.server.test_client()
        response = client.post(PATH, data=content, content_type="application/json")
        assert response.status_code == status
