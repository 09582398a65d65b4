"""nginx caches what the server allows it to, and nobody can put anything else into its cache."""

import base64
import http.client
import json
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import pytest

from helpers.nginx import SETTINGS, behind_nginx
from helpers.processes import wait_until
from helpers.projects import Project
from helpers.servers import Server
from helpers.viewers import CALLBACK, body

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="nginx is not for Windows"),
]

HOSTILE = int(os.environ.get("HOSTILE", "10000"))  # requests
FOREVER = {"REFRESH__EVERY": "1h", "APP__STALE_AFTER": "3650d"}
JSON = {"Content-Type": "application/json"}
OUTPUTS = ("cards.children", "trend-graph.figure", "distribution-graph.figure")
NAMES = ([], ["line_1"], ["line_2"], ["line_1", "line_2"], ["nobody"])
ENCODINGS = ("gzip", "br", "zstd", "identity", "gzip, deflate, br, zstd")


class Front:
    """A dashboard behind nginx, as a client sees it."""

    def __init__(self, url: str, **headers: str) -> None:
        self._host, self._path = urlsplit(url).netloc, urlsplit(url).path
        self._headers = headers
        self._local = threading.local()
        page = self.get("")[2].decode()
        (self.code,) = re.findall('name="code-version" content="([0-9a-f]+)"', page)
        self.version = json.loads(self.get("_live")[2])["version"]

    def get(
        self, path: str, method: str = "GET", content: bytes | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a request over this thread's connection."""
        if not hasattr(self._local, "client"):
            self._local.client = http.client.HTTPConnection(self._host, timeout=60)
        client: http.client.HTTPConnection = self._local.client
        try:
            client.request(method, self._path + path, content, self._headers | headers)
            response = client.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException):
            client.close()
            raise

    def computed(self, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return a response once it has been computed: a first one may take more than a second."""
        response: tuple[int, http.client.HTTPMessage, bytes] = wait_until(
            lambda: (it := self.get(path, **headers))[0] != 202 and it
        )
        return response

    def url(self, output: str, names: list[str], **other: Any) -> str:
        values = json.dumps([names, "all"], separators=(",", ":"))
        given = {"code": self.code, "version": self.version, "output": output, "values": values}
        pairs = (given | other).items()
        return "_view?" + "&".join(f"{name}={quote(str(it), safe='')}" for name, it in pairs)


@pytest.fixture
def front(
    csv: Project, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Front, Server]]:
    settings = {**FOREVER, **SETTINGS, "LOG__ACCESS": "true"}
    all_ = getattr(request, "param", False)
    with csv.serving(**settings) as server, behind_nginx(csv, server, tmp_path, all_) as url:
        wait_until(lambda: Front(url).version)
        yield Front(url), server


def hostile(front: Front, number: int) -> tuple[str, dict[str, Any]]:
    """Return a request that tries to put something else under the URL of a view."""
    chosen = random.Random(number)
    output, names = chosen.choice(OUTPUTS), list(chosen.choice(NAMES))
    other, key = chosen.choice(OUTPUTS), f"{chosen.getrandbits(512):0128x}"
    url = front.url(output, names)
    return chosen.choice(
        [
            (front.url(output, names, version=front.version + chosen.randrange(1, 10**6)), {}),
            (front.url(output, names, version=chosen.randrange(front.version)), {}),
            (front.url(output, names, code="0" * 16), {}),
            (url, {"Accept-Encoding": chosen.choice(["br;q=0", "*", "x, gzip;q=9", "zstd"])}),
            ("_view?" + "&".join(reversed(url.removeprefix("_view?").split("&"))), {}),
            (f"{url}&output={other}", {}),
            (f"{url}&values=%5B%5B%5D%2C%22all%22%5D", {}),
            (f"{url}&", {}),
            (url, {"Cookie": f"my_dashboard_session={key}; theme=dark"}),
            (url, {"Authorization": "Basic YW5uOnJpZ2h0"}),
            (url, {"method": "HEAD"}),
            (url, {"method": "POST", "content": b"{}", "Content-Type": "application/json"}),
            (url, {"Range": f"bytes={chosen.randrange(50)}-{chosen.randrange(50, 99)}"}),
            (f"{url}&x={'a' * chosen.choice([3_000, 7_900, 20_000])}", {}),
            (url, {"X-Computation": key}),
            (url, {"If-None-Match": "*", "If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"}),
            (url, {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}),
            (url, {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Proto": "gopher"}),
            (url, {"X-HTTP-Method-Override": "POST", "Content-Type": "text/html"}),
            (url, {"Cache-Control": "no-cache", "Pragma": "no-cache", "Vary": "*"}),
            (url.replace("%22all%22", "%22ALL%22"), {}),
            (url.replace("_view?", "_view/../_view?"), {}),
            (url.replace("_view?", "%5fview?"), {}),
            (url.replace("_view?", "_view?&"), {}),
            (url.replace("&values=", f"&values%5B%5D={other}&values="), {}),
            (url.replace("&output=", f";output={other}&output="), {}),
            (url.replace("%5B", "%EF%BC%BB").replace("%22", "%E2%80%9C"), {}),
            (front.url(output, [*names, "line_1\u0301 "]).replace("%20", "+"), {}),
            (url, {"Accept-Encoding": f"{'x' * 190}, br;q=0"}),
            (url, {"content": b"version=0"}),
            (url, {"X-Original-URL": "/dashboard/_live", "X-Rewrite-URL": "/dashboard/_live"}),
            (CALLBACK[1:], {"method": "POST", "content": body(other, 1, tuple(names)), **JSON}),
            (f"_live?version={chosen.randrange(10**15)}", {}),
            (f"_live?{url.partition('?')[2]}", {}),
        ]
    )


@pytest.mark.parametrize("front", [False, True], ids=["views", "everything"], indirect=True)
def test_hostile_requests_put_nothing_into_nginxs_cache(front: tuple[Front, Server]) -> None:
    site, server = front
    statuses: Counter[int] = Counter()

    def attack(number: int) -> None:
        url, options = hostile(site, number)
        try:
            statuses[site.get(url, **options)[0]] += 1
        except (OSError, http.client.HTTPException):
            statuses[0] += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attack, range(HOSTILE)))
    print(dict(statuses))
    assert statuses[200] > HOSTILE / 3, "many of them are answered"
    assert not statuses[500]
    direct = Front(f"{server.url}/dashboard/")
    for output, names, encoding in product(OUTPUTS, NAMES, ENCODINGS):
        url = site.url(output, names)
        _, _, wanted = direct.get(url, **{"Accept-Encoding": encoding})
        for _ in range(2):
            status, headers, content = site.get(url, **{"Accept-Encoding": encoding})
            assert (status, headers["X-Version"]) == (200, str(site.version))
            assert content == wanted
        assert headers["X-Cache-Status"] == "HIT"
        if encoding == "identity":  # the same as without a URL
            request = body(output, site.version, tuple(names))
            for it in (site, direct):
                assert it.get(CALLBACK[1:], "POST", request, **JSON)[2] == content
    assert json.loads(site.get("_live")[2])["version"] == site.version
    for path in ("_dash-layout", "_dash-dependencies"):
        assert site.get(path)[2] == direct.get(path)[2]


def test_viewers_of_the_same_view_cost_one_request(front: tuple[Front, Server]) -> None:
    site, server = front
    together = threading.Barrier(32)

    def see(url: str) -> bytes:
        together.wait(60)
        status, _, content = site.computed(url, **{"Accept-Encoding": "gzip"})
        assert status == 200
        return content

    for output in OUTPUTS:
        with ThreadPoolExecutor(32) as pool:
            assert len(set(pool.map(see, [site.url(output, ["line_1"])] * 32))) == 1
    assert server.output().count('"GET /dashboard/_view" 200') == len(OUTPUTS)


def test_pages_do_not_wait_for_each_other(front: tuple[Front, Server]) -> None:
    site, server = front
    direct = Front(f"{server.url}/dashboard/")
    together = threading.Barrier(32)

    def load(site: Front, path: str, **headers: str) -> float:
        together.wait(60)
        started = time.monotonic()
        assert site.get(path, **headers)[0] in (200, 202)
        return time.monotonic() - started

    cookie = {"Cookie": "theme=dark"}  # so that nothing is stored
    for path, headers in (("", {}), ("_live", cookie), (site.url(OUTPUTS[0], []), cookie)):
        with ThreadPoolExecutor(32) as pool:
            waited, beside = (
                max(pool.map(lambda _: load(it, path, **headers), range(32)))  # noqa: B023
                for it in (site, direct)
            )
        # On a busy machine, loading takes longer without nginx, too.
        assert waited < max(3, 2 * beside), f"{path}: {waited:.1f} s, one after the other"


def test_nginx_does_not_hide_that_the_server_hangs(front: tuple[Front, Server]) -> None:
    """A response that is too old is not sent while another is under way."""
    site, server = front
    hanging = psutil.Process(server.process.pid)
    hanging.suspend()
    end = time.monotonic() + 4

    def poll(_: int) -> int:
        while time.monotonic() < end:
            site.get("_live")
            time.sleep(0.2)
        return site.get("_live")[0]

    try:
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(poll, range(8))) == {504}
    finally:
        hanging.resume()


def test_nginx_caches_the_longest_urls_of_pages(front: tuple[Front, Server], csv: Project) -> None:
    site, _ = front
    script = csv.path / csv.slug / "engine" / "web" / "static" / "view_urls.js"
    (longest,) = re.findall(r"LONGEST = (\d+)", script.read_text("utf-8"))
    url = site.url(OUTPUTS[0], ["line_1"] * 60)
    url = url.replace("line_1", "line_1" + "_" * ((int(longest) - len(url)) // 60))
    assert len(url) > 0.9 * int(longest)
    for expected in ("MISS", "HIT"):
        status, headers, _ = site.computed(url)
        assert (status, headers["X-Cache-Status"]) == (200, expected)


def test_single_sign_on_guards_what_nginx_has_stored(csv: Project, tmp_path: Path) -> None:
    guard = 'set $who "$http_x_email$request_uri"; if ($who !~ "@|healthz") { return 401; }'
    with (
        csv.serving(**FOREVER, **SETTINGS) as server,
        behind_nginx(csv, server, tmp_path, guard=f"{guard} return 204;") as url,
    ):
        wait_until(lambda: Front(url, **{"X-Email": "ann@example.com"}).version)
        site = Front(url, **{"X-Email": "ann@example.com"})
        for path in ("", "_live", site.url(OUTPUTS[0], []), "_dash-layout"):
            assert site.computed(path)[0] == 200
            assert site.get(path, **{"X-Email": ""})[0] == 401, path


@pytest.mark.parametrize("caches_all", [False, True])
def test_with_a_login_nginx_shares_nothing(caches_all: bool, csv: Project, tmp_path: Path) -> None:
    settings = {**FOREVER, **SETTINGS, "AUTH__USERS": csv.users()}
    with csv.serving(**settings) as server, behind_nginx(csv, server, tmp_path, caches_all) as url:
        header = {"Authorization": f"Basic {base64.b64encode(b'ann:right').decode()}"}
        wait_until(lambda: Front(url, **header).version)
        site = Front(url, **header)
        pages = ["", "_live", "_dash-layout", *(site.url(it, []) for it in OUTPUTS)]
        for path in pages * 2:
            status, headers, _ = site.computed(path)
            assert (status, headers["X-Cache-Status"] == "HIT") == (200, False), path
            assert "public" not in headers["Cache-Control"]
            assert site.get(path, Authorization="")[0] == 401
