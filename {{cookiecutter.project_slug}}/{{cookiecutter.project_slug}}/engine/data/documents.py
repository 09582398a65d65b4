"""Small documents that processes share, replaced by compare-and-set."""

import contextlib
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import uuid4

T = TypeVar("T")
TRIES = 20 if os.name == "nt" else 0


class Documents(Protocol):
    """The interface of a document store; each method may raise OSError."""

    def document(self, name: str) -> bytes:
        """Return a document, or b"" if there is none."""

    def replace_document(self, name: str, before: bytes, after: bytes) -> bool:
        """Replace a document atomically. Return False if it is no longer equal to `before`."""


class Folder:
    """Keeps each document in a file; `lock` keeps other writers out of the folder."""

    def __init__(
        self, folder: Path, lock: AbstractContextManager[object], prefix: str = ""
    ) -> None:
        self._folder, self._lock, self._prefix = folder, lock, prefix

    def document(self, name: str) -> bytes:
        return read_file(self._path(name)) or b""

    def replace_document(self, name: str, before: bytes, after: bytes) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            if self.document(name) != before:
                return False
            replace_file(self._path(name), after)
            return True

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._prefix}{name}.json"


def read_file(path: Path) -> bytes | None:
    """Return the content of a file, or None if there is none."""
    try:
        return _retrying(path.read_bytes)
    except FileNotFoundError:
        return None


def replace_file(path: Path, data: bytes) -> None:
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


def _retrying(action: Callable[[], T]) -> T:
    """Run an action; on Windows, retry for a second while another process has the file open."""
    for _ in range(TRIES):
        with contextlib.suppress(PermissionError):
            return action()
        time.sleep(0.05)
    return action()
