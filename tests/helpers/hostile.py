"""Generates requests that no browser would send: an endless sequence, fixed by the seed."""

import copy
import gzip
import json
import math
import os
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import hypothesis
from hypothesis import strategies as st

from helpers.projects import Project
from helpers.viewers import CALLBACK

FUZZ_SEED = int(os.environ.get("FUZZ_SEED", "1"))
CORPUS = 1_500  # requests drawn by Hypothesis; all others are derived from these
LARGE = 200_000  # bytes; larger requests may be rejected before they are sent completely
SILENCE = 0.1  # seconds until a client that sent half a request gives up
CLOSE = b"Connection: close"
SHOW = """
import json, os
os.environ["{slug}__SERVER__METRICS".upper()] = "true"
from {slug}.app import create_app
from {slug}.schedule import DASHBOARD
app, _ = DASHBOARD.build(DASHBOARD.load(), create_app)
asked = app.server.test_client().get("/_dash-dependencies").json
rules = [str(rule) for rule in app.server.url_map.iter_rules()]
files = [f"{{name}}/{{path}}" for name, paths in app.registered_paths.items() for path in paths]
print(json.dumps({{"callbacks": asked, "rules": rules, "files": files}}))
"""


@dataclass(frozen=True)
class Request:
    """A request, down to the byte."""

    method: bytes = b"GET"
    target: bytes = b"/"
    headers: tuple[bytes, ...] = ()
    content: bytes = b""
    length: bytes | None = None  # the line to send instead of the correct one
    raw: bytes = b""  # bytes to send instead of all the rest

    @property
    def is_whole(self) -> bool:
        """Whether it gets exactly one response: its end is clear, and it is not too large."""
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
    """A response."""

    status: int
    head: bytes
    content: bytes

    @property
    def id(self) -> str:
        found = re.search(rb"(?i)^x-request-id: (\S+)", self.head, re.M)
        return found[1].decode() if found else ""


@dataclass(frozen=True)
class Known:
    """What the application serves: its routes, files and callbacks."""

    bodies: list[dict[str, Any]]
    rules: list[str]
    files: list[str]


def known(project: Project) -> Known:
    """Return a project's routes and files, and a browser's request body for each callback."""
    shown = json.loads(project.run("python", "-c", SHOW.format(slug=project.slug)).stdout)
    assets = project.path / project.slug / "assets"
    files = [str(it.relative_to(assets).as_posix()) for it in assets.rglob("*.*")]
    bodies = [callback_body(it) for it in shown["callbacks"]]
    assert {"cards.children", "download.data"} <= {it["output"] for it in bodies}
    return Known(bodies, shown["rules"], [*shown["files"], *files])


def callback_body(callback: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return a browser's request body for a callback; `values` are by the ids of its inputs."""
    outputs = [
        dict(zip(("id", "property"), it.rsplit(".", 1), strict=False))
        for it in callback["output"].strip(".").split("...")
    ]
    values = {"window": "all", "series": [], **values}
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


# Values, names and paths that no page sends.
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
    "window": st.sampled_from(["1h", "6h", "1d", "7d", "all"]),
    "snapshot-version": st.none() | st.integers(),
}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield all places in a JSON value, each as a container and a key."""
    is_object, is_list = isinstance(value, dict), isinstance(value, list)
    for key in list(value) if is_object else range(len(value)) if is_list else ():
        yield value, key
        yield from places(value[key])


def latin(text: str) -> bytes:
    return text.encode("latin-1", "replace")


@st.composite
def wrong_json(draw: st.DrawFn, bodies: list[dict[str, Any]]) -> bytes:
    """Draw a callback's request body with up to three places changed or removed."""
    body = copy.deepcopy(draw(st.sampled_from(bodies)))
    for it in (*body["inputs"], *body["state"]):  # so that many requests succeed
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
        text = text.replace("{", '{"output": 1, "id": [], ', draw(st.integers(1, 3)))  # repeats
    charset = draw(st.sampled_from(["utf-8"] * 8 + ["utf-8-sig", "utf-16", "utf-32-be", "utf-7"]))
    return text.encode(charset, "surrogatepass")


def contents(bodies: list[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """Draw content for the callback endpoint."""
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
    # A random line break would only split most requests in two.
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
    """Draw a request to run a callback."""
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
    """Let Hypothesis draw requests, the same each time; most have the headers `keys`."""
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
    """Return the nth request of the endless sequence: one that was drawn, or a variation."""
    rng = random.Random(f"{FUZZ_SEED} {number}")
    request, other = rng.choices(requests, k=2)
    match rng.randrange(20):
        case 0 | 1 | 2 | 3 | 4 | 5:
            return request
        case 6 | 7 | 8 | 9 | 10 | 11:
            with suppress(ValueError, RecursionError, IndexError):
                return replace(request, content=spliced(request.content, other.content, rng))
            return replace(request, content=scrambled(request.content, rng))
        case 12 | 13 | 14:
            return replace(request, content=scrambled(request.content, rng))
        case 15 | 16:
            return replace(request, target=scrambled(request.target, rng).translate(None, b"\r\n"))
        case 17 | 18:
            return replace(request, headers=(*request.headers[:2], *other.headers))
        case _:
            return replace(request, raw=scrambled(request.encoded(CLOSE)[:5_000], rng))


def spliced(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """Insert part of one JSON value somewhere into another."""
    value, rest = json.loads(content), [*places(json.loads(other))]
    holder, key = rng.choice([*places(value)])
    there, name = rng.choice(rest)
    holder[key] = there[name]
    return json.dumps(value).encode()


def scrambled(content: bytes, rng: random.Random) -> bytes:
    """Change, drop, duplicate or insert some bytes."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(content))
        end = start + rng.choice([0, 1, 1, 2, 9, 50])
        put = rng.choice(
            [
                b"",
                content[start:end] * 2,
                rng.randbytes(rng.randint(1, 4)),
                b'"',
                b"\\",
                b"\0",
            ]
        )
        content = content[:start] + put + content[end:]
    return content
