"""Configured headers are sent only to the configured site."""

from collections.abc import Iterator

import pytest
from sites import Answer, Site, serving

from {{cookiecutter.project_slug}}.engine.sources.web import Web

HEADERS = {"Authorization": "Bearer hunter2", "X-Api-Key": "hunter2", "Cookie": "id=hunter2"}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def other() -> Iterator[Site]:
    with serving() as other:
        other.answers["/x"] = Answer("[2]")
        yield other


def elsewhere(url: str) -> str:
    """Return a URL with another name for this computer."""
    return url.replace("127.0.0.1", "localhost")


@pytest.mark.parametrize("same_host", [True, False])
def test_headers_are_not_sent_to_another_site_on_redirect(
    same_host: bool, site: Site, other: Site
) -> None:
    target = other.url if same_host else elsewhere(other.url)
    site.answers["/a"] = Answer(status=302, headers={"Location": f"{target}/x"})
    web = Web(timeout=5, headers=HEADERS)
    assert web.get(f"{site.url}/a").content == b"[2]"
    assert other.headers["Host"] == target.removeprefix("http://")
    assert "hunter2" not in str(other.headers)
    assert "hunter2" in site.headers["Authorization"]


def test_headers_are_sent_again_on_a_redirect_within_the_site(site: Site) -> None:
    site.answers["/a"] = Answer(status=302, headers={"Location": "/b"})
    site.answers["/b"] = Answer("[1]")
    assert Web(timeout=5, headers=HEADERS).get(f"{site.url}/a").content == b"[1]"
    assert site.headers["X-Api-Key"] == "hunter2"


@pytest.mark.parametrize("same_host", [True, False])
def test_a_next_page_on_another_site_is_rejected(same_host: bool, site: Site, other: Site) -> None:
    target = other.url if same_host else elsewhere(other.url)
    site.answers["/a"] = Answer("[1]", headers={"Link": f'<{target}/x>; rel="next"'})
    with pytest.raises(OSError, match="names a next page on another site") as caught:
        Web(timeout=5, headers=HEADERS, check="source.url").pages(f"{site.url}/a", {})
    assert str(caught.value).endswith("which is not read: check source.url")
    assert not other.requests


def test_headers_are_sent_for_every_page_of_the_site(site: Site) -> None:
    site.answers["/a"] = Answer("[1]", headers={"Link": '</b>; rel="next"'})
    site.answers["/b"] = Answer("[2]")
    assert len(Web(timeout=5, headers=HEADERS).pages(f"{site.url}/a", {})) == 2
    assert site.requests[-1] == ("/b", 200) and site.headers["X-Api-Key"] == "hunter2"
