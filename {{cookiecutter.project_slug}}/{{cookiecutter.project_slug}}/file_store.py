"""The store in a folder: survives a restart, and is shared by the processes of one machine."""

import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from filelock import BaseFileLock, FileLock, Timeout

from .shared_store import SharedStore


class FileStore(SharedStore):
    """Holds each version in a file of its own, since Windows cannot replace one that is read."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._folder = Path(url2pathname(parts.netloc + parts.path))
        self._lock: BaseFileLock | None = None
        super().__init__()

    def _look(self) -> tuple[bytes, int | None, bool]:
        self._folder.mkdir(parents=True, exist_ok=True)
        status = _read(self._folder / "status.json")
        return status, max(self._versions(), default=None), (self._folder / "asked").exists()

    def _read(self, version: int) -> bytes:
        return _read(self._path(version))

    def _write(self, version: int, data: bytes, over: int | None) -> bool:
        versions = self._versions()
        if max(versions, default=over) != over:
            return False
        _write(self._path(version), data)
        for old in sorted(versions)[:-1]:  # the last but one may still be read
            _remove(self._path(old))
        return True

    def _write_status(self, data: bytes) -> None:
        _write(self._folder / "status.json", data)

    def _write_asked(self, asked: bool) -> None:
        (Path.touch if asked else _remove)(self._folder / "asked")

    def _lease(self) -> bool:
        # Made only now, in the process that uses it: gunicorn may have forked that. The system
        # lets go of it when the process ends, however that ends.
        self._lock = self._lock or FileLock(self._folder / "lease", thread_local=False)
        try:
            if not self._lock.is_locked:
                self._lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    def _release(self) -> None:
        if self._lock:
            self._lock.release()

    def _path(self, version: int) -> Path:
        return self._folder / f"{version}.arrow"

    def _versions(self) -> list[int]:
        return [int(path.stem) for path in self._folder.glob("[0-9]*.arrow")]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, PermissionError):
        return b""


def _write(path: Path, data: bytes) -> None:
    """Write a file aside and put it in place whole."""
    aside = path.with_suffix(".tmp")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
