"""A served project before requests that no browser would send, and a viewer beside them."""

import base64
import copy
import gzip
import http.client
import json
import math
import os
import random
import re
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from statistics import quantiles
from typing import Any

import hypothesis
import psutil
import pytest
from conftest import Project, Server, wait_until
from hypothesis import strategies as st
from test_page import ready
from test_viewers import many_files  # noqa: F401

pytestmark = pytest.mark.slow

# How many requests are sent; FUZZ=100000 takes some minutes. A failure names its request, which is
# repeated by its seed and number: FUZZ_SEED=1 FUZZ_FROM=4711 FUZZ=1.
FUZZ = int(os.environ.get("FUZZ", "3000"))
FUZZ_SEED = int(os.environ.get("FUZZ_SEED", "1"))
FUZZ_FROM = int(os.environ.get("FUZZ_FROM", "0"))
CORPUS = 1_500  # requests are drawn by Hypothesis; all others are made of these
CLIENTS = 4  # send at once
LARGE = 200_000  # bytes; of what is larger some is refused before all is sent
SILENCE = 0.1  # seconds, after which one who sent half a request gives up
SOON, LATE, RARELY = 0.25, 2, 60  # seconds between two questions of a page, as in live.js
CLOSE = b"Connection: close"
CALLBACK = "/_dash-update-component"

SHOW = """
import json, os
os.environ["{slug}__SERVER__METRICS".upper()] = "true"
from {slug} import reading, server, setting
app, _ = server.build(setting.load(server.CONFIG, reading.Source, {{}}))
asked = app.server.test_client().get("/_dash-dependencies").json
rules = [str(rule) for rule in app.server.url_map.iter_rules()]
files = [f"{{name}}/{{path}}" for name, paths in app.registered_paths.items() for path in paths]
print(json.dumps({{"callbacks": asked, "rules": rules, "files": files}}))
"""


@dataclass(frozen=True)
class Request:
    """What is sent, to the byte."""

    method: bytes = b"GET"
    target: bytes = b"/"
    headers: tuple[bytes, ...] = ()
    content: bytes = b""
    length: bytes | None = None  # the line that is sent instead of the true one
    raw: bytes = b""  # if that is to be sent instead of all this

    @property
    def is_whole(self) -> bool:
        """Whether it has one answer: its end is clear, and it is not refused while it is sent."""
        head = b"".join((self.method, self.target, *self.headers))
        plain = not self.raw and self.length is None and not re.search(rb"[\r\n]", head)
        return plain and len(head) + len(self.content) < LARGE

    def encoded(self, *more: bytes) -> bytes:
        length = self.length
        if length is None:
            length = b"Content-Length: %d" % len(self.content)
        host = () if any(it[:5] == b"Host:" for it in self.headers) else (b"Host: localhost",)
        first = b"%b %b HTTP/1.1" % (self.method, self.target)
        lines = [first, *host, *self.headers, *more, length, b"", self.content]
        return self.raw or b"\r\n".join(lines)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    head: bytes
    content: bytes

    @property
    def id(self) -> str:
        found = re.search(rb"(?i)^x-request-id: (\S+)", self.head, re.M)
        return found[1].decode() if found else ""


@dataclass(frozen=True)
class Known:
    """What the application answers, as its own routes and callbacks say."""

    bodies: list[dict[str, Any]]
    rules: list[str]
    files: list[str]


def known(project: Project) -> Known:
    """Return the routes of a project, and for each of its callbacks what a browser sends."""
    shown = json.loads(project.run("python", "-c", SHOW.format(slug=project.slug)).stdout)
    assets = project.path / project.slug / "assets"
    files = [str(it.relative_to(assets).as_posix()) for it in assets.rglob("*.*")]
    bodies = [asked(it) for it in shown["callbacks"]]
    assert {"cards.children", "download.data"} <= {it["output"] for it in bodies}
    return Known(bodies, shown["rules"], [*shown["files"], *files])


def asked(callback: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return the body by which a browser has a callback run; values go by the ids of its inputs."""
    outputs = [
        dict(zip(("id", "property"), it.rsplit(".", 1), strict=False))
        for it in callback["output"].strip(".").split("...")
    ]
    values = {"window": "All", "series": [], **values}
    parts = {
        kind: [{**it, "value": values.get(it["id"])} for it in callback[kind]]
        for kind in ("inputs", "state")
    }
    several = callback["output"].startswith("..")
    return {
        "output": callback["output"],
        "outputs": outputs if several else outputs[0],
        **parts,
        "changedPropIds": [f"{it['id']}.{it['property']}" for it in callback["inputs"][:1]],
    }


# What no page sends, in values, names and paths.
ODD_TEXT = [
    *("All", "5 min", "line_1", "cards", "constructor", "__proto__", "__class__", "NaN", "1e999"),
    *("..cards.children...x.y..", '{"type":"x","index":["MATCH"]}.value', "x.y@1234", "*", "."),
    *("\ud800", "\x00", "é" * 50, "../../config.toml", "X" * 5_000, "\r\nX-Injected: 1"),
]
ODD_PATHS = """
    .. . // %2e%2e%2f %2e%2e/%2e%2e/config.toml ..%2f..%2fconfig.toml ..\\..\\config.toml .env
    ..%5c..%5cconfig.toml ....//....//config.toml %00 live.js%00 %ff %c0%ae%c0%ae/ %25%32%65 ; #
    %0d%0aX-Injected:%201 con aux.js ~ %f0%9f%98%80 /etc/passwd //localhost/ http://localhost/
    x.v1_0m1.js live.v1_2m3.js server.py __init__.py ${x} {{7*7}} %s%n
""".split()
ODD_QUERIES = """
    version=-1 version=99999999999999999999 version=1e9 version=%d9%a1%d9%a2 version= version=%ff
    version=1&version=2 version[]=1 version=9223372036854775808 endId=x endId=x&version=1 m=1 %00
    version=0x10 version=1%0d%0aX-Injected:%201 = & &&& ? version=9999999999999999999 version=\xb2
""".split()
ODD_HEADERS = """
    Accept Accept-Encoding Accept-Language Authorization Connection Content-Encoding Cookie Date
    Expect Forwarded Host If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since
    Origin Pragma Range Referer Trailer Upgrade User-Agent Via X-Forwarded-For X-Forwarded-Host
    X-Forwarded-Prefix X-Forwarded-Proto X-HTTP-Method-Override X-Request-ID X-CSRFToken
""".split()
ODD_VALUES = """
    gzip br;q=1.0,*;q=0 gzip;q=nan zstd;q=1e999 identity;q=0 *;q=0 bytes=0-0,-1 bytes=5-2 bytes=-
    bytes=99999999999- "etag" W/"*" * session=.e30.x.y session=eyJ1c2VyIjoxfQ.x.y a=b;=;; https
    100-continue Basic Basic|Og== Bearer|\xff localhost:99999 [::1 a@b <script> ../.. close null
    for=_x;by="\\ Mon,|99|Foo|99999|99:99:99|GMT 0123456789abcdef 127.0.0.1,::1 keep-alive,close
""".split()
METHODS = "GET GET GET GET POST HEAD PUT DELETE PATCH OPTIONS TRACE CONNECT BREW get".split()
LENGTHS = """
    Content-Length:-1 Content-Length:+5 Content-Length:0x5 Content-Length:99999999999999999999
    Content-Length:5,5 Content-Length: Content-Length:5 Content-Length:5000 Transfer-Encoding:x
    Transfer-Encoding:chunked Transfer-Encoding:gzip,chunked Transfer-Encoding:\x01chunked
""".split()
TYPES = """
    text/plain multipart/form-data multipart/form-data;boundary= application/json;charset=utf-16
    application/json;charset=no-such application/x-www-form-urlencoded application/vnd.api+json
    \xff/\x00
""".split()

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([2**63, -(2**64), 10**400, math.nan, math.inf, -0.0])
    | st.sampled_from(ODD_TEXT),
    lambda it: st.lists(it, max_size=4) | st.dictionaries(st.text(max_size=9), it, max_size=4),
    max_leaves=6,
)

VALID = {
    "series": st.none() | st.lists(st.text(max_size=9) | st.sampled_from(ODD_TEXT), max_size=3),
    "window": st.sampled_from(["5 min", "1 hour", "6 hours", "1 day", "All"]),
    "snapshot-version": st.none() | st.integers(),
}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Return all places in a JSON value, as what holds them and their key."""
    is_object, is_list = isinstance(value, dict), isinstance(value, list)
    for key in list(value) if is_object else range(len(value)) if is_list else ():
        yield value, key
        yield from places(value[key])


def latin(text: str) -> bytes:
    return text.encode("latin-1", "replace")


@st.composite
def wrong_json(draw: st.DrawFn, bodies: list[dict[str, Any]]) -> bytes:
    """Draw a callback's request in which up to three places have something else, or nothing."""
    body = copy.deepcopy(draw(st.sampled_from(bodies)))
    for it in (*body["inputs"], *body["state"]):  # so that many are answered
        it["value"] = draw(VALID.get(it["id"], VALUES))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 3]))):
        holder, key = draw(st.sampled_from([*places(body)]))
        change = draw(st.sampled_from(["set", "set", "drop", "double", "name"]))
        if change == "drop":
            del holder[key]
        elif change == "double" and isinstance(holder, list):
            holder.append(holder[key])
        elif change == "name" and isinstance(holder, dict):
            holder[draw(st.sampled_from(ODD_TEXT))] = holder.pop(key)
        else:
            holder[key] = draw(VALUES)
        if not body:
            break
    text = json.dumps(body, ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 9)) == 0:
        text = text.replace("{", '{"output": 1, "id": [], ', draw(st.integers(1, 3)))  # twice
    charset = draw(st.sampled_from(["utf-8"] * 8 + ["utf-8-sig", "utf-16", "utf-32-be", "utf-7"]))
    return text.encode(charset, "surrogatepass")


def contents(bodies: list[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """Draw what a callback's endpoint may be sent."""
    json_ = wrong_json(bodies)
    opening = st.sampled_from([b"[", b'{"a":', b'{"output":[', b'{"inputs":[{"value":'])
    deep = st.builds(lambda it, count: it * count, opening, st.integers(1, 60_000))
    huge = st.integers(0, 1_100).map(lambda kilobytes: b'"%b"' % (b"x" * 1_000 * kilobytes))
    packed = st.binary(max_size=99) | json_.map(gzip.compress)
    return st.one_of(*[json_] * 8, st.binary(max_size=200), packed, deep, huge)


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, ...]:
    """Draw a few headers."""
    value = st.sampled_from(ODD_VALUES).map(lambda it: latin(it.replace("|", " "))) | st.binary(
        max_size=60
    )
    value |= st.sampled_from([b"x" * 6_000, b"x" * 300_000, *[b"1\r\nX-Injected: 1"] * 8])
    line = st.builds(
        lambda name, it: b"%b: %b" % (latin(name), it), st.sampled_from(ODD_HEADERS), value
    )
    # A line break of chance would only cut most requests into two.
    line = line.map(lambda it: it if b"Injected" in it else it.translate(None, b"\r\n"))
    return tuple(draw(st.lists(line, max_size=3)))


@st.composite
def visits(draw: st.DrawFn, it: Known) -> Request:
    """Draw a request for any route."""
    part = st.sampled_from(it.files) | st.sampled_from(ODD_PATHS)
    rule = draw(st.sampled_from(it.rules))
    target = re.sub("<.+>", lambda _: draw(part), rule) + draw(st.just("") | part)
    if draw(st.booleans()):
        target += "?" + draw(st.sampled_from(ODD_QUERIES) | st.text("=&%aA0?;/", max_size=9))
    method = latin(draw(st.sampled_from(METHODS)))
    content = b"" if method == b"GET" else draw(st.sampled_from([b"", b"{}", b"null", b"\xff"]))
    return Request(method, latin(target), draw(headers()), content)


def calls(bodies: list[dict[str, Any]]) -> st.SearchStrategy[Request]:
    """Draw a request to have a callback run."""
    kind = st.sampled_from(["application/json"] * 12 + TYPES).map(latin)
    return st.builds(
        lambda content, kind, more, length: Request(
            b"POST", CALLBACK.encode(), (b"Content-Type: %b" % kind, *more), content, length
        ),
        contents(bodies),
        kind,
        st.just(()) | st.just(()) | headers(),
        st.sampled_from([None] * 6 * len(LENGTHS) + LENGTHS).map(lambda it: it and latin(it)),
    ).flatmap(lambda it: st.sampled_from([it] * 9 + [chunked(it)]))


def chunked(request: Request) -> Request:
    """Send the content of a request in chunks of 100 bytes."""
    parts = [request.content[at : at + 100] for at in range(0, len(request.content), 100)]
    content = b"".join(b"%x\r\n%b\r\n" % (len(it), it) for it in parts) + b"0\r\n\r\n"
    return replace(request, content=content, length=b"Transfer-Encoding: chunked")


def corpus(it: Known, keys: list[bytes]) -> list[Request]:
    """Have Hypothesis draw requests, the same ones each time; most have the headers of a key."""
    drawn: list[Request] = []
    keyed = st.sampled_from([*[tuple(keys)] * 3, ()])

    @hypothesis.seed(FUZZ_SEED)
    @hypothesis.settings(
        max_examples=CORPUS,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.one_of(calls(it.bodies), calls(it.bodies), visits(it)), keyed)
    def draw(request: Request, key: tuple[bytes, ...]) -> None:
        drawn.append(replace(request, headers=(*key, *request.headers)))

    draw()
    return drawn


def nth(requests: list[Request], number: int) -> Request:
    """Return a request of the endless row of them: one of those drawn, or one made of it."""
    chance = random.Random(f"{FUZZ_SEED} {number}")
    request, other = chance.choices(requests, k=2)
    match chance.randrange(20):
        case 0 | 1 | 2 | 3 | 4 | 5:
            return request
        case 6 | 7 | 8 | 9 | 10 | 11:
            with suppress(ValueError, RecursionError, IndexError):
                return replace(request, content=spliced(request.content, other.content, chance))
            return replace(request, content=scrambled(request.content, chance))
        case 12 | 13 | 14:
            return replace(request, content=scrambled(request.content, chance))
        case 15 | 16:
            return replace(
                request, target=scrambled(request.target, chance).translate(None, b"\r\n")
            )
        case 17 | 18:
            return replace(request, headers=(*request.headers[:2], *other.headers))
        case _:
            return replace(request, raw=scrambled(request.encoded(CLOSE)[:5_000], chance))


def spliced(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """Put a part of one JSON value somewhere into another."""
    value, rest = json.loads(content), [*places(json.loads(other))]
    holder, key = chance.choice([*places(value)])
    there, name = chance.choice(rest)
    holder[key] = there[name]
    return json.dumps(value).encode()


def scrambled(content: bytes, chance: random.Random) -> bytes:
    """Change, drop, double or put in some bytes."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(content))
        end = start + chance.choice([0, 1, 1, 2, 9, 50])
        put = chance.choice(
            [
                b"",
                content[start:end] * 2,
                chance.randbytes(chance.randint(1, 4)),
                b'"',
                b"\\",
                b"\0",
            ]
        )
        content = content[:start] + put + content[end:]
    return content


class Client(threading.local):
    """Sends what it is told over one connection of each thread, and another when that is closed."""

    def __init__(self, server: Server) -> None:
        host, _, port = server.url.removeprefix("http://").partition(":")
        self._address, self._socket = (host, int(port)), None

    def send(self, request: Request) -> list[Answer]:
        """Send a request; only one that is whole is sure to have an answer."""
        return [self._ask(request)] if request.is_whole else self._throw(request.encoded(CLOSE))

    def _ask(self, request: Request) -> Answer:
        while True:
            used, self._socket = self._socket, None
            opened = used or socket.create_connection(self._address, timeout=30)
            response = http.client.HTTPResponse(opened, method=request.method.decode())
            try:
                with suppress(ConnectionError):  # it may refuse before all is sent
                    opened.sendall(request.encoded())
                response.begin()
                content = response.read()
            except (ConnectionError, http.client.RemoteDisconnected, http.client.BadStatusLine):
                opened.close()
                if used:  # it was closed meanwhile
                    continue
                raise
            if response.will_close:
                opened.close()
            else:
                self._socket = opened
            lines = [latin(f"{name}: {value}") for name, value in response.getheaders()]
            return Answer(response.status, b"\r\n".join(lines), content)

    def _throw(self, content: bytes) -> list[Answer]:
        heard = b""
        with socket.create_connection(self._address, timeout=SILENCE) as opened, suppress(OSError):
            opened.sendall(content)
            while part := opened.recv(1_000_000):
                heard += part
        answers = re.split(rb"(?=^HTTP/1\.[01] \d{3} )", heard, flags=re.M)[1:]
        parted = [it.partition(b"\r\n\r\n") for it in answers]
        return [Answer(int(head[9:12]), head, content) for head, _, content in parted]


class Viewer(threading.Thread):
    """One who minds his own business: asks as live.js does, and fetches views of what is new."""

    def __init__(
        self,
        url: str,
        views: list[dict[str, Any]],
        hurry: float = 1,
        restless: float = 0,
        **headers: str,
    ) -> None:
        super().__init__(daemon=True)
        self.seen: dict[int, float] = {}  # when all views of a version were there
        self.took: list[float] = []  # seconds, each request
        self.failed: list[str] = []
        self._views = copy.deepcopy(views)
        self._hurry = hurry  # how much faster the server's clock is
        self._restless = restless  # how often, of its questions, it hangs up first
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip", **headers}
        self._ended = threading.Event()
        self._client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

    def run(self) -> None:
        shown, pause, late = None, SOON * random.random(), SOON
        while not self._ended.wait(pause):
            if random.random() < self._restless:
                self._client.close()
            said = self._ask(f"/_live?version={shown}" if shown else "/_live")
            answer = json.loads(said or "null")
            if answer and answer["version"] not in (None, shown):
                shown, late = answer["version"], SOON
                if all([self._show(view, shown) for view in self._views]):
                    self.seen.setdefault(shown, time.time())
            due = answer["next"] / self._hurry if answer else 0
            if due > 0:
                pause, late = max(due + random.random() * min(due / 10, 1), SOON), SOON
            else:
                pause, late = late * (0.75 + random.random() / 2), min(2 * late, LATE)
            pause = min(pause, RARELY)

    def stop(self) -> None:
        self._ended.set()
        self.join()
        self._client.close()

    def fresh(self) -> list[float]:
        """Return how long after each publish its views were there; it came later than the first."""
        return [seen - version / 1000 for version, seen in [*self.seen.items()][1:]]

    def after(self, version: int) -> float:
        """Return when it had the views of a version, or of a newer one."""
        return min((seen for it, seen in self.seen.items() if it >= version), default=math.inf)

    def _show(self, view: dict[str, Any], version: int) -> bytes:
        for it in view["inputs"]:
            if it["id"] == "snapshot-version":
                it["value"] = version
        return self._ask(CALLBACK, json.dumps(view).encode())

    def _ask(self, path: str, content: bytes | None = None) -> bytes:
        started = time.monotonic()
        try:
            self._client.request("POST" if content else "GET", path, content, self._headers)
            answer = self._client.getresponse()
            said = answer.read()
            self.took.append(time.monotonic() - started)
            if answer.status == 200:
                return said
            self.failed.append(f"{path}: {answer.status} {said[:200]!r}")
        except (OSError, http.client.HTTPException) as error:
            self._client.close()
            self.failed.append(f"{path}: {error!r}")
        return b""


def views(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests of the views that are fetched anew for each version."""
    found = [
        it for it in bodies if re.match("(cards|trend-graph|distribution-graph)[.]", it["output"])
    ]
    assert len(found) == 3
    return found


def p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


@contextmanager
def unharmed(url: str, bodies: list[dict[str, Any]], **headers: str) -> Iterator[Viewer]:
    """Let a viewer watch, and see that it fared well."""
    viewer = Viewer(url, views(bodies), **headers)
    viewer.start()
    try:
        wait_until(lambda: viewer.seen, lambda: str(viewer.failed))
        yield viewer
        wait_until(lambda: len(viewer.fresh()) >= 3, lambda: str(viewer.failed))
    finally:
        viewer.stop()
    fresh, took = viewer.fresh(), viewer.took
    print(
        f"p95 of {len(fresh)} updates {p95(fresh):.3f} s, of {len(took)} answers {p95(took):.3f} s"
    )
    assert not viewer.failed
    assert p95(fresh) <= 2
    assert p95(took) <= 1


class Check:
    """Says what is wrong with an answer, for a stranger to get."""

    def __init__(self, project: Project) -> None:
        package = project.path / project.slug
        files = [project.path / "config.toml", package / "server.py"]
        self._private = [it.read_bytes()[:60] for it in files]
        self._private += [b"Traceback", b'File "', str(project.path).encode(), b"site-packages"]

    def __call__(self, answer: Answer) -> str:
        if answer.status >= 500:
            return "a failure of the server"
        if b"X-Injected" in answer.head:
            return "a header that the client made up"
        if found := [it for it in self._private if it in answer.content]:
            return f"what is nobody's business: {found}"
        if answer.status >= 400 and len(answer.content) >= 500:
            return "a long body of an error"
        return ""


LINE = re.compile(r"[-0-9]{10} [:,0-9]{12} ([A-Z]+) [\w.]+(?: \[(\w+)\])?: ")


def lines_by_request(log: str) -> Counter[str]:
    """Count the lines of each request that has any; what is no line of the log is an error."""
    counted: Counter[str] = Counter()
    for line in log.splitlines():
        found = LINE.match(line)
        assert found, f"not one line: {line[:500]}"
        counted[found[2] or f"{found[1]} of no request"] += 1
    return counted


def send(numbers: range, requests: list[Request], client: Client, check: Check) -> None:
    """Send some of the row of requests by several clients at once."""
    wrong: list[str] = []

    def send_some(mine: range) -> None:
        for number in mine:
            if wrong:
                return
            request = nth(requests, number)
            try:
                said = [(check(it), it) for it in client.send(request)]
            except (OSError, http.client.HTTPException) as error:
                said = [(f"no answer: {error!r}", None)]
            wrong.extend(
                f"FUZZ_SEED={FUZZ_SEED} FUZZ_FROM={number}: {why}\n{request!r:.3000}\n{it!r:.1000}"
                for why, it in said
                if why
            )

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(send_some, [numbers[it::CLIENTS] for it in range(CLIENTS)]))
    if wrong:
        pytest.fail(wrong[0])


def fill(files: list[str], client: Client, key: list[bytes]) -> None:
    """Have the server keep all that it keeps for good, so that its memory grows no more by that."""
    for encoding in (b"br", b"gzip", b"identity", b"zstd"):
        for file in files:
            for folder in ("_dash-component-suites", "assets"):
                headers_ = (b"Accept-Encoding: %b" % encoding, *key)
                client.send(Request(target=f"/{folder}/{file}".encode(), headers=headers_))


def password(project: Project) -> dict[str, str]:
    """Return the setting that asks for a password."""
    command = [project.tool("python"), "-m", f"{project.slug}.auth", "ann"]
    line = subprocess.run(
        command, cwd=project.path, input="right\n", capture_output=True, text=True, check=True
    ).stdout
    return {"AUTH__USERS": json.dumps({"ann": line.split('"')[-2]})}


def log_in(client: Client) -> dict[str, str]:
    """Return the header of a session."""
    given = base64.b64encode(b"ann:right")
    (answer,) = client.send(Request(headers=(b"Authorization: Basic %b" % given,)))
    found = re.search(rb"(?m)^Set-Cookie: ([^;]+)", answer.head)
    assert found, answer
    return {"Cookie": found[1].decode()}


@pytest.mark.parametrize("door", ["open", "locked"])
def test_whatever_is_sent_does_no_harm(door: str, csv: Project) -> None:
    shown, check = known(csv), Check(csv)
    settings = {} if door == "open" else password(csv)
    with csv.serving(REFRESH__EVERY="1s", SERVER__METRICS="true", **settings) as server:
        wait_until(lambda: ready(server)[0] == 200)
        client, used = Client(server), psutil.Process(server.process.pid).memory_info
        session = {} if door == "open" else log_in(client)
        key = [latin(f"{name}: {it}") for name, it in session.items()]
        requests = corpus(shown, key)
        fill(shown.files, client, key)
        with unharmed(server.url, shown.bodies, **session):
            numbers = range(FUZZ_FROM, FUZZ_FROM + FUZZ)
            send(numbers[: FUZZ // 10], requests, client, check)
            before = used().rss
            send(numbers[FUZZ // 10 :], requests, client, check)
            grown = (used().rss - before) / 1e6
        print(f"{FUZZ} requests, memory has grown by {grown:.1f} MB from {before / 1e6:.0f} MB")
        lines = lines_by_request(server.output())
        assert not {it: count for it, count in lines.items() if count > 1 and "of no" not in it}
        assert lines["ERROR of no request"] == 0
        assert grown <= 10


@pytest.mark.usefixtures("many_files")
def test_five_hundred_slow_ones_hold_up_nobody(csv: Project) -> None:
    starts = [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        b"POST /_live HTTP/1.1\r\nContent-Length: 999\r\n\r\n",
    ]
    bodies = known(csv).bodies
    with csv.serving(REFRESH__EVERY="1s") as server, ExitStack() as stack:
        wait_until(lambda: ready(server)[0] == 200)
        host, _, port = server.url.removeprefix("http://").partition(":")
        with unharmed(server.url, bodies) as viewer:
            slow = [
                stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
                for _ in range(500)
            ]
            for number, it in enumerate(slow):
                it.sendall(starts[number % 2])
            before = len(viewer.fresh())
            while len(viewer.fresh()) < before + 5:
                for it in random.sample(slow, 20):
                    it.sendall(b"x")
                time.sleep(0.05)  # as slow as they are
        connections = psutil.Process(server.process.pid).net_connections()
        assert sum(it.status == "ESTABLISHED" for it in connections) >= 500, "all were there"
