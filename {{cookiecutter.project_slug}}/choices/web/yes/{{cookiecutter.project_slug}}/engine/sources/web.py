"""How the web is read: only what has changed, page by page, and never while it wants a rest.

The headers that are set, which may hold keys, go to the site that is asked and to no other.
"""

from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
from cachetools import LRUCache
from werkzeug.http import parse_date

from ..data.snapshot import EPOCH, now_utc

PAGES = 100  # at the most: a list of pages without end must not fill the memory
REST = timedelta(days=1)  # at the most

Site = tuple[str, str, int | None]  # scheme, host and port

# The first that fits: those above are kinds of those below.
FAILURES: tuple[tuple[type[httpx.HTTPError], str], ...] = (
    (httpx.ConnectTimeout, "cannot be reached within {seconds} s: check {check} and the network"),
    (httpx.ConnectError, "cannot be reached: check {check} and the network"),
    (httpx.TimeoutException, "has sent nothing for {seconds} s: ask it for less, or raise {slow}"),
    (httpx.RemoteProtocolError, "closed the connection without a whole answer: check {check}"),
    (httpx.LocalProtocolError, "cannot be sent such a request: check {check}"),
    (httpx.NetworkError, "broke off the connection: check {check}"),
    (httpx.UnsupportedProtocol, "must begin with https:// or http://: check {check}"),
    (httpx.TooManyRedirects, "redirects without end: check {check}"),
    (httpx.DecodingError, "sent a damaged answer"),
)


class Web:
    """A client that remembers what it was told: the answers' ETags, and until when to wait."""

    def __init__(
        self,
        timeout: float = 30,
        headers: dict[str, str] | None = None,
        check: str = "source.path",
        slow: str = "the timeout of Web in reading.py",
    ) -> None:
        """Take seconds, headers, and what errors name: the settings to check, and that to raise."""
        self._headers = headers or {}
        self._client = httpx.Client(
            event_hooks={"request": [self._drop_headers]},  # also called for each redirect
            timeout=timeout,  # seconds, for each step
            follow_redirects=True,
            transport=httpx.HTTPTransport(retries=2),  # of connections; all else the schedule does
        )
        self._seconds, self._check, self._slow = f"{timeout:g}", check, slow
        self._known: LRUCache[httpx.URL, httpx.Response] = LRUCache(PAGES)
        self._resume = EPOCH

    def get(self, url: httpx.URL | str) -> httpx.Response:
        """Return an answer, the same object if it has not changed. Raises OSError."""
        url = self._url(url)
        if now_utc() < self._resume:
            raise OSError(f"{url.host} asks not to be asked before {self._resume:%H:%M:%S} UTC")
        known = self._known.get(url)
        try:
            answer = self._client.get(
                url,
                headers={**self._headers, **_conditions(known)},
                extensions={"site": _site(url)},
            )
            self._resume = _resume(answer)
            if known and answer.status_code == httpx.codes.NOT_MODIFIED:
                return known
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise OSError(f"{url.host or 'the URL'} {self._explain(error)}") from None
        if _conditions(answer):
            self._known[url] = answer
        return answer

    def pages(self, url: str, params: dict[str, Any]) -> list[bytes]:
        """Return the JSON at a URL, and that of all pages after it. Raises OSError.

        The next one is told by the header `Link: <…>; rel="next"`, and must be of the same site.
        """
        pages: list[bytes] = []
        first = self._url(url).copy_merge_params(params)
        following: httpx.URL | None = first
        while following:
            if len(pages) == PAGES:
                raise OSError(f"{following.host} has more than {PAGES} pages: ask it for less")
            page = self.get(following)
            try:
                orjson.loads(page.content)
            except orjson.JSONDecodeError as error:
                raise OSError(f"{following.host} does not answer in JSON ({error})") from None
            pages.append(page.content)
            link = page.links.get("next", {}).get("url")
            following = self._url(page.url.join(link)) if link else None
            if following and not _is_of(following, _site(first)):
                raise OSError(
                    f"{first.host} names a next page on another site ({following.host}), "
                    f"which is not read: check {self._check}"
                )
        return pages

    def _drop_headers(self, request: httpx.Request) -> None:
        """Drop the set headers of a request that a redirect has sent to another site."""
        if not _is_of(request.url, request.extensions["site"]):
            for name in self._headers.keys() - {"Host", "host"}:
                request.headers.pop(name, None)

    def _url(self, url: httpx.URL | str) -> httpx.URL:
        try:
            return httpx.URL(url)
        except httpx.InvalidURL as error:
            raise OSError(f"this is not a URL ({error}): check {self._check}") from None

    def _explain(self, error: httpx.HTTPError) -> str:
        """Say what went wrong and what to do; the error's own text may hold secrets."""
        if isinstance(error, httpx.HTTPStatusError):
            refused = error.response.is_client_error and error.response.status_code != 429
            said = "answers {status}" + (": check {check}" if refused else "")
            return said.format(status=error.response.status_code, check=self._check)
        said = next((said for kind, said in FAILURES if isinstance(error, kind)), "fails")
        name = type(error).__name__
        return f"{said} ({name})".format(check=self._check, slow=self._slow, seconds=self._seconds)


def _site(url: httpx.URL) -> Site:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _is_of(url: httpx.URL, site: Site) -> bool:
    """Whether a URL is of a site, or of the same one by TLS."""
    by_tls = site == ("http", url.host, 80) and _site(url) == ("https", url.host, 443)
    return by_tls or _site(url) == site


def _conditions(known: httpx.Response | None) -> dict[str, str]:
    """Return the headers by which a server sends an answer only if it is another than this."""
    marks = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
    headers = known.headers if known else {}
    return {condition: headers[mark] for mark, condition in marks.items() if mark in headers}


def _resume(answer: httpx.Response) -> datetime:
    """Return the time before which a server does not want to be asked again, a day at the most."""
    after = answer.headers.get("Retry-After", "") if answer.is_error else ""
    if after.isdecimal():
        return now_utc() + min(timedelta(seconds=int(after[:9])), REST)
    return min(parse_date(after) or EPOCH, now_utc() + REST)
