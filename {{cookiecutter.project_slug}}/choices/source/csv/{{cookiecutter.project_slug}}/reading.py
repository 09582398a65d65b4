"""Where the data come from: a CSV file or URL, read again when it has changed."""

import io
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import requests
from pydantic import BaseModel

from .setting import Settings


class Source(BaseModel, extra="forbid"):
    """What `[source]` in config.toml may say."""

    path: str


def read(settings: Settings, since: datetime | None) -> dict[str, pd.DataFrame]:
    """Return the rows of the file; its columns are time, series and value.

    A file that has not changed gives back the same frame, which the pipeline knows and skips. Of
    one that has, new and corrected rows take effect; one that is gone stays until a restart.
    """
    source = Source(**settings.source)
    return {"readings": _rows(source.path, _mark(source.path))}


@lru_cache(maxsize=1)
def _rows(path: str, mark: str) -> pd.DataFrame:
    if not _is_url(path):
        return pd.read_csv(path, dtype={"series": str})
    return pd.read_csv(io.BytesIO(_request("GET", path).content), dtype={"series": str})


def _mark(path: str) -> str:
    """Return what tells this state of the file from others: its time and size, or its ETag."""
    if not _is_url(path):
        stat = Path(path).stat()
        return f"{stat.st_mtime_ns} {stat.st_size}"
    try:
        headers = _request("HEAD", path).headers
    except OSError:  # some servers refuse HEAD; if this one is down, GET says so
        return datetime.now().isoformat()
    return headers.get("ETag") or headers.get("Last-Modified") or datetime.now().isoformat()


def _request(method: str, url: str) -> requests.Response:
    try:
        response = requests.request(method, url, timeout=30)
        response.raise_for_status()
    except requests.RequestException as error:  # its text has the whole URL, secrets and all
        status = error.response.status_code if error.response is not None else "no answer"
        raise OSError(f"{urlsplit(url).hostname} does not give the file ({status})") from None
    return response


def _is_url(path: str) -> bool:
    return path.startswith(("http://", "https://"))
