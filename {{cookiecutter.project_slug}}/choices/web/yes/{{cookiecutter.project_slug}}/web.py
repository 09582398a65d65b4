"""How the web is read: only what has changed, page by page, and never while it wants a rest."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
from cachetools import LRUCache
from werkzeug.http import parse_date

from .store import EPOCH, now_utc

PAGES = 100  # at the most: a list of pages without end must not fill the memory
REST = timedelta(days=1)  # at the most


class Web:
    """A client that remembers what it was told: the answers' ETags, and until when to wait."""

    def __init__(self, timeout: float = 30, headers: dict[str, str] | None = None) -> None:
        self._client = httpx.Client(
            headers=headers,
            timeout=timeout,  # seconds, for each step
            follow_redirects=True,
            transport=httpx.HTTPTransport(retries=2),  # of connections; all else the schedule does
        )
        self._known: LRUCache[httpx.URL, httpx.Response] = LRUCache(PAGES)
        self._resume = EPOCH

    def get(self, url: httpx.URL | str) -> httpx.Response:
        """Return an answer, the same object if it has not changed. Raises OSError."""
        url = httpx.URL(url)
        if now_utc() < self._resume:
            raise OSError(f"{url.host} asks not to be asked before {self._resume:%H:%M:%S} UTC")
        known = self._known.get(url)
        try:
            answer = self._client.get(url, headers=_conditions(known))
            self._resume = _resume(answer)
            if known and answer.status_code == httpx.codes.NOT_MODIFIED:
                return known
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:  # its text has the whole URL, secrets and all
            raise OSError(f"{url.host} answers {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise OSError(f"{url.host} does not answer ({type(error).__name__})") from None
        if _conditions(answer):
            self._known[url] = answer
        return answer

    def pages(self, url: str, params: dict[str, Any]) -> list[bytes]:
        """Return the JSON at a URL, and that of all pages after it. Raises OSError.

        The next one is told by the header `Link: <…>; rel="next"`.
        """
        pages: list[bytes] = []
        following: httpx.URL | None = httpx.URL(url).copy_merge_params(params)
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
            following = page.url.join(link) if link else None
        return pages


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
