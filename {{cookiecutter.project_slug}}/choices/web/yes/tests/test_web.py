import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine
from sites import Answer, Site, serving

from {{cookiecutter.project_slug}}.web import PAGES, Web


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def web() -> Web:
    return Web(timeout=1)


def test_what_has_not_changed_is_not_sent_again(web: Web, site: Site) -> None:
    site.answers["/a"] = Answer("[1]", headers={"ETag": '"1"'})
    first = web.get(f"{site.url}/a")
    assert web.get(f"{site.url}/a") is first
    site.answers["/a"] = Answer("[2]", headers={"ETag": '"2"'})
    assert web.get(f"{site.url}/a").content == b"[2]"
    assert [status for _, status in site.asked] == [200, 304, 200]


def test_all_pages_are_read(web: Web, site: Site) -> None:
    site.answers["/a"] = Answer("[1]", headers={"Link": '</b?page=2>; rel="next"'})
    site.answers["/b"] = Answer("[2]", headers={"Link": f'<{site.url}/c>; rel="next"'})
    site.answers["/c"] = Answer("[3]", headers={"Link": '</a>; rel="first"'})
    assert web.pages(f"{site.url}/a?key=1", {"size": 10}) == [b"[1]", b"[2]", b"[3]"]
    assert [path for path, _ in site.asked] == ["/a?key=1&size=10", "/b?page=2", "/c"]


def test_pages_without_end_are_refused(web: Web, site: Site) -> None:
    site.answers["/a"] = Answer("[1]", headers={"Link": '</a>; rel="next"'})
    with pytest.raises(OSError, match=f"more than {PAGES} pages"):
        web.pages(f"{site.url}/a", {})
    assert len(site.asked) == PAGES


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
def test_a_server_that_wants_a_rest_gets_it(
    web: Web, site: Site, status: int, as_date: bool
) -> None:
    with time_machine.travel(datetime(2026, 1, 1, 12, tzinfo=UTC), tick=False) as clock:
        until = datetime.now(UTC) + timedelta(hours=1)
        after = format_datetime(until, usegmt=True) if as_date else "3600"
        site.answers["/a"] = Answer(status=status, headers={"Retry-After": after})
        with pytest.raises(OSError, match=f"answers {status}"):
            web.get(f"{site.url}/a")
        site.answers["/a"] = Answer("[1]")
        with pytest.raises(OSError, match="not to be asked before 13:00:00 UTC"):
            web.get(f"{site.url}/a")
        assert len(site.asked) == 1
        clock.move_to(until)
        assert web.get(f"{site.url}/a").content == b"[1]"


@pytest.mark.parametrize("after", ["9" * 40, "soon", "Fri, 01 Jan 9999 00:00:00 GMT", "-1"])
def test_a_senseless_rest_lasts_a_day_at_the_most(web: Web, site: Site, after: str) -> None:
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
        "/missing": "127.0.0.1 answers 404",
        "/text": "127.0.0.1 does not answer in JSON",
        "/slow": r"127.0.0.1 does not answer \(\w+\)",
    }.items():
        with pytest.raises(OSError, match=said) as caught:
            web.pages(f"{site.url}{path}?key=hush", {})
        assert "hush" not in str(caught.value)


def test_a_server_that_is_silent_is_an_error(web: Web) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(OSError, match="ReadTimeout"):
            web.get(f"http://127.0.0.1:{port}/")
    with pytest.raises(OSError, match="ConnectError"):
        web.get(f"http://127.0.0.1:{port}/")
