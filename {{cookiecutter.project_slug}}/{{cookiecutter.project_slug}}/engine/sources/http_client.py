"""An HTTP client: conditional requests, pagination, `Retry-After`.

The configured headers, which may contain keys, are sent to the configured site only.
"""

from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
from cachetools import LRUCache
from werkzeug.http import parse_date

from ..data.snapshot import EPOCH, now_utc

PAGES = 100  # at most: an endless list of pages must not fill the memory
REST = timedelta(days=1)  # at most

Site = tuple[str, str, int | None]  # scheme, host and port

# The first match counts: subclasses come before their base classes.
FAILURES: tuple[tuple[type[httpx.HTTPError], str], ...] = (
    (httpx.ConnectTimeout, "cannot be reached within {seconds} s: check {check} and the network"),
    (httpx.ConnectError, "cannot be reached: check {check} and the network"),
    (httpx.TimeoutException, "has sent nothing for {seconds} s: request less, or raise {slow}"),
    (httpx.RemoteProtocolError, "closed the connection before the response ended: check {check}"),
    (httpx.LocalProtocolError, "cannot be sent this request: check {check}"),
    (httpx.NetworkError, "dropped the connection: check {check}"),
    (httpx.UnsupportedProtocol, "must begin with https:// or http://: check {check}"),
    (httpx.TooManyRedirects, "redirects endlessly: check {check}"),
    (httpx.DecodingError, "sent a damaged response"),
)


class Web:
    """A client that remembers the ETags of responses, and how long the server asked it to wait."""

    def __init__(
        self,
        timeout: float = 30,
        headers: dict[str, str] | None = None,
        check: str = "source.path",
        slow: str = "the timeout of Web in reading.py",
    ) -> None:
        """Set the timeout in seconds, the headers, and the settings that errors name."""
        self._headers = headers or {}
        self._client = httpx.Client(
            event_hooks={"request": [self._drop_headers]},  # also called for each redirect
            timeout=timeout,  # seconds, for each step
            follow_redirects=True,
            transport=httpx.HTTPTransport(retries=2),  # connecting only; the schedule does the rest
        )
        self._seconds, self._check, self._slow = f"{timeout:g}", check, slow
        self._known: LRUCache[httpx.URL, httpx.Response] = LRUCache(PAGES)
        self._resume = EPOCH

    def get(self, url: httpx.URL | str) -> httpx.Response:
        """Return a response, the same object if it has not changed. Raises OSError."""
        url = self._url(url)
        if now_utc() < self._resume:
            raise OSError(f"{url.host} asks for no requests before {self._resume:%H:%M:%S} UTC")
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
        """Return the JSON at a URL, and that of all pages after it. Raises OSError."""
        pages = self.responses(url, params)
        for page in pages:
            try:
                orjson.loads(page.content)
            except orjson.JSONDecodeError as error:
                raise OSError(f"{page.url.host} did not send JSON ({error})") from None
        return [page.content for page in pages]

    def responses(self, url: str, params: dict[str, Any]) -> list[httpx.Response]:
        """Return the response of a URL, and all pages after it. Raises OSError.

        The header `Link: <…>; rel="next"` gives the next one, which must be on the same site.
        """
        pages: list[httpx.Response] = []
        first = self._url(url).copy_merge_params(params)
        following: httpx.URL | None = first
        while following:
            if len(pages) == PAGES:
                raise OSError(f"{following.host} has more than {PAGES} pages: request less")
            page = self.get(following)
            pages.append(page)
            link = page.links.get("next", {}).get("url")
            following = self._url(page.url.join(link)) if link else None
            if following and not _is_of(following, _site(first)):
                raise OSError(
                    f"{first.host} names a next page on another site ({following.host}), "
                    f"which is not read: check {self._check}"
                )
        return pages

    def _drop_headers(self, request: httpx.Request) -> None:
        """Drop the configured headers of a request that is redirected to another site."""
        if not _is_of(request.url, request.extensions["site"]):
            for name in self._headers.keys() - {"Host", "host"}:
                request.headers.pop(name, None)

    def _url(self, url: httpx.URL | str) -> httpx.URL:
        try:
            return httpx.URL(url)
        except httpx.InvalidURL as error:
            raise OSError(f"this is not a URL ({error}): check {self._check}") from None

    def _explain(self, error: httpx.HTTPError) -> str:
        """Say what went wrong and what to do; the error's own text may contain secrets."""
        if isinstance(error, httpx.HTTPStatusError):
            refused = error.response.is_client_error and error.response.status_code != 429
            said = "responded with {status}" + (": check {check}" if refused else "")
            return said.format(status=error.response.status_code, check=self._check)
        said = next((said for kind, said in FAILURES if isinstance(error, kind)), "fails")
        name = type(error).__name__
        return f"{said} ({name})".format(check=self._check, slow=self._slow, seconds=self._seconds)


def _site(url: httpx.URL) -> Site:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _is_of(url: httpx.URL, site: Site) -> bool:
    """Return whether a URL is on a site, or on the same one over TLS."""
    by_tls = site == ("http", url.host, 80) and _site(url) == ("https", url.host, 443)
    return by_tls or _site(url) == site


def _conditions(known: httpx.Response | None) -> dict[str, str]:
    """Return headers for a conditional request: the server sends only a changed response."""
    marks = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
    headers = known.headers if known else {}
    return {condition: headers[mark] for mark, condition in marks.items() if mark in headers}


def _resume(answer: httpx.Response) -> datetime:
    """Return the time before which a server wants no requests, at most a day ahead."""
    after = answer.headers.get("Retry-After", "") if answer.is_error else ""
    if after.isdecimal():
        return now_utc() + min(timedelta(seconds=int(after[:9])), REST)
    return min(parse_date(after) or EPOCH, now_utc() + REST)
