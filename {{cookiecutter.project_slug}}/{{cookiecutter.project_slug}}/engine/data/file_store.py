"""A store in a folder: it survives restarts, and processes on one machine can share it."""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

from filelock import BaseFileLock, FileLock, Timeout

from .shared_store import SharedStore, open_request, parse_version
from .tables import Table

T = TypeVar("T")
TRIES = 20 if os.name == "nt" else 0


class FileStore(SharedStore):
    """Keeps each version in its own file, because Windows cannot replace an open file."""

    def __init__(self, url: str, tables: Mapping[str, Table]) -> None:
        parts = urlsplit(url)
        self._folder = Path(url2pathname(parts.netloc + parts.path))
        self._lock: BaseFileLock | None = None
        super().__init__(tables)

    def _poll(self) -> tuple[bytes, int | None, str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        status = _read(self._folder / "status.json") or b""
        request, cleared = (_read(self._folder / name) or b"" for name in ("request", "cleared"))
        return status, max(self._versions(), default=None), open_request(request, cleared)

    def _read(self, version: int) -> bytes | None:
        return _read(self._path(version))

    def _write(self, version: int, data: bytes, over: int | None) -> bool:
        versions = sorted(self._versions())
        if versions and versions[-1] > (over or 0):
            return False
        self._replace(self._path(version), data)
        self._clean_up(versions[:-1])  # readers may still have the last one open
        return True

    def _clean_up(self, versions: list[int]) -> None:
        """Remove old versions, and temporary files that a killed process left behind."""
        for path in (*map(self._path, versions), *self._folder.glob("*.tmp")):
            with contextlib.suppress(OSError):  # an open file on Windows: retry next time
                if path.suffix != ".tmp" or time.time() - path.stat().st_mtime > 60:
                    path.unlink()

    def _write_status(self, data: bytes) -> None:
        self._replace(self._folder / "status.json", data)

    def _write_request(self, request: str) -> None:
        self._replace(self._folder / "request", request.encode())

    def _write_cleared(self, request: str) -> None:
        self._replace(self._folder / "cleared", request.encode())

    def _lease(self) -> bool:
        if self._lock and self._lock.is_locked:
            if self._is_in_place(self._lock):
                return True
            self._lock.release()
        # Created here, because gunicorn forks after the store is opened. However the process ends,
        # the OS releases the lock.
        self._lock = FileLock(self._folder / "lease", thread_local=False)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        return self._is_in_place(self._lock)

    def _is_in_place(self, lock: BaseFileLock) -> bool:
        """Return whether the locked file is still the one that other processes would lock.

        Someone may have deleted the folder; Windows does not allow that while the file is open.
        """
        locked = lock._context.lock_file_fd  # filelock has no public API for it
        with contextlib.suppress(FileNotFoundError):
            return locked is not None and os.path.samestat(
                os.fstat(locked), (self._folder / "lease").stat()
            )
        return False

    def _release(self) -> None:
        if self._lock:
            self._lock.release()

    def _path(self, version: int) -> Path:
        return self._folder / f"{version}.arrow"

    def _versions(self) -> list[int]:
        paths = (path for path in self._folder.glob("*.arrow") if path.is_file())
        return [version for path in paths if (version := parse_version(os.fsencode(path.stem)))]

    def _replace(self, path: Path, data: bytes) -> None:
        """Write to a temporary file, and move it into place atomically."""
        temporary = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _retrying(lambda: temporary.replace(path))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _read(path: Path) -> bytes | None:
    try:
        return _retrying(path.read_bytes)
    except FileNotFoundError:
        return None


def _retrying(action: Callable[[], T]) -> T:
    """Run an action; on Windows, retry for a second while another process has the file open."""
    for _ in range(TRIES):
        with contextlib.suppress(PermissionError):
            return action()
        time.sleep(0.05)
    return action()
