import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine
from sites import Answer, Site, serving

from {{cookiecutter.project_slug}}.engine.sources.http_client import PAGES, Web


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def web() -> Web:
    return Web(timeout=60)


def test_unchanged_content_is_not_sent_again(web: Web, site: Site) -> None:
    site.answers["/a"] = Answer("[1]", headers={"ETag": '"1"'})
    first = web.get(f"{site.url}/a")
    assert web.get(f"{site.url}/a") is first
    site.answers["/a"] = Answer("[2]", headers={"ETag": '"2"'})
    assert web.get(f"{site.url}/a").content == b"[2]"
    assert [status for _, status in site.requests] == [200, 304, 200]


def test_all_pages_are_read(web: Web, site: Site) -> None:
    site.answers["/a"] = Answer("[1]", headers={"Link": '</b?page=2>; rel="next"'})
    site.answers["/b"] = Answer("[2]", headers={"Link": f'<{site.url}/c>; rel="next"'})
    site.answers["/c"] = Answer("[3]", headers={"Link": '</a>; rel="first"'})
    assert web.pages(f"{site.url}/a?key=1", {"size": 10}) == [b"[1]", b"[2]", b"[3]"]
    assert [path for path, _ in site.requests] == ["/a?key=1&size=10", "/b?page=2", "/c"]


def test_endless_pages_are_rejected(web: Web, site: Site) -> None:
    site.answers["/a"] = Answer("[1]", headers={"Link": '</a>; rel="next"'})
    with pytest.raises(OSError, match=f"more than {PAGES} pages"):
        web.pages(f"{site.url}/a", {})
    assert len(site.requests) == PAGES


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_respected(web: Web, site: Site, status: int, as_date: bool) -> None:
    with time_machine.travel(datetime(2026, 1, 1, 12, tzinfo=UTC), tick=False) as clock:
        until = datetime.now(UTC) + timedelta(hours=1)
        after = format_datetime(until, usegmt=True) if as_date else "3600"
        site.answers["/a"] = Answer(status=status, headers={"Retry-After": after})
        with pytest.raises(OSError, match=f"responded with {status}"):
            web.get(f"{site.url}/a")
        site.answers["/a"] = Answer("[1]")
        with pytest.raises(OSError, match="asks for no requests before 13:00:00 UTC"):
            web.get(f"{site.url}/a")
        assert len(site.requests) == 1
        clock.move_to(until)
        assert web.get(f"{site.url}/a").content == b"[1]"


@pytest.mark.parametrize("after", ["9" * 40, "soon", "Fri, 01 Jan 9999 00:00:00 GMT", "-1"])
def test_a_nonsensical_retry_after_lasts_at_most_a_day(web: Web, site: Site, after: str) -> None:
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False) as clock:
        site.answers["/a"] = Answer(status=503, headers={"Retry-After": after})
        with pytest.raises(OSError, match="503"):
            web.get(f"{site.url}/a")
        site.answers["/a"] = Answer("[1]")
        clock.shift(timedelta(days=1))
        assert web.get(f"{site.url}/a").content == b"[1]"


def test_an_error_names_the_host_and_no_secret(web: Web, site: Site) -> None:
    site.answers["/text"] = Answer("<html>")
    site.answers["/slow"] = Answer("[1]", headers={"Content-Length": "100"})
    for path, said in {
        "/missing": "127.0.0.1 responded with 404",
        "/text": "127.0.0.1 did not send JSON",
        "/slow": "127.0.0.1 closed the connection before the response ended: check source.path",
    }.items():
        with pytest.raises(OSError, match=said) as caught:
            web.pages(f"{site.url}{path}?key=hush", {})
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_an_http_error_names_the_setting_to_check(web: Web, site: Site, status: int) -> None:
    site.answers["/a"] = Answer(status=status)
    with pytest.raises(OSError, match=rf"responded with {status}: check source\.path$"):
        web.get(f"{site.url}/a")


@contextmanager
def server(reply: bytes | None) -> Iterator[str]:
    """Run a server that sends bytes and closes connections, or is silent; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with suppress(OSError):
                while reply is not None:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(10_000)
                        connection.sendall(reply)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"", "closed the connection before the response ended: check source.path"),
        (b"nonsense\r\n\r\n", "closed the connection before the response ended: check source.path"),
        (None, "has sent nothing for 1 s: request less, or raise the timeout of Web"),
    ],
)
def test_a_silent_server_is_not_reported_as_unreachable(reply: bytes | None, said: str) -> None:
    web = Web(timeout=1 if reply is None else 60)
    with server(reply) as url, pytest.raises(OSError, match=said) as caught:
        web.get(url)
    assert "network" not in str(caught.value)


def test_a_missing_server_is_reported_as_unreachable(web: Web) -> None:
    with server(None) as url:
        pass
    with pytest.raises(OSError, match=r"cannot be reached: check source\.path and the network"):
        web.get(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://127.0.0.1/a", "127.0.0.1 must begin with https:// or http://: check source.path"),
        ("example.org/?key=hush", "the URL must begin with https:// or http://"),
        ("http://127.0.0.1:port/", "this is not a URL .*: check source.path"),
    ],
)
def test_an_invalid_url_is_reported(web: Web, url: str, said: str) -> None:
    for ask in (web.get, lambda it: web.pages(it, {})):
        with pytest.raises(OSError, match=said) as caught:
            ask(url)
        assert "hush" not in str(caught.value)
