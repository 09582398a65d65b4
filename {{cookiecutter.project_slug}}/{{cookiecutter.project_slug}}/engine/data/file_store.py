"""A store in a folder: it survives restarts, and processes on one machine can share it."""

import contextlib
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from filelock import BaseFileLock, FileLock, Timeout

from .documents import Folder, read_file, replace_file
from .shared_store import SharedStore
from .stored import Change, Found, open_request, parse_version
from .tables import Table

WAIT = 5  # seconds to wait, at most, for another process to replace a document
SEGMENT = re.compile(r"\d+-\d+-[0-9a-f]{8}")


class FileStore(SharedStore):
    """Keeps each manifest and segment in its own file: Windows cannot replace an open file."""

    def __init__(self, url: str, tables: Mapping[str, Table]) -> None:
        parts = urlsplit(url)
        self._folder = Path(url2pathname(parts.netloc + parts.path))
        self._lock: BaseFileLock | None = None
        lock = FileLock(self._folder / "documents.lock", WAIT, thread_local=False)
        self._documents = Folder(self._folder, lock)
        super().__init__(tables)

    def document(self, name: str) -> bytes:
        return self._documents.document(name)

    def replace_document(self, name: str, before: bytes, after: bytes) -> bool:
        return self._documents.replace_document(name, before, after)

    def _poll(self) -> Found:
        self._folder.mkdir(parents=True, exist_ok=True)
        names = ("status.json", "outcomes.json", "request", "cleared")
        status, outcomes, *ids = (read_file(self._folder / name) or b"" for name in names)
        version = max(self._manifests(), default=None)
        return Found(status, outcomes, version, open_request(*ids), self._segments())

    def _read(self, version: int) -> bytes | None:
        path = self._manifests().get(version)
        return read_file(path) if path else None

    def _read_segments(self, names: Sequence[str]) -> list[bytes]:
        # The newest first, because they are the first to be merged and removed.
        found = {it: read_file(self._segment(it)) or b"" for it in reversed(names)}
        return [found[it] for it in names]

    def _write(self, change: Change, over: int | None) -> bool:
        manifests = self._manifests()
        newest = max(manifests, default=0)
        if newest > (over or 0) or not change.old <= self._segments():
            return False
        for name, data in change.new.items():
            replace_file(self._segment(name), data)
        replace_file(self._folder / f"{change.version}.json", change.manifest)
        # Readers may still need the last version.
        old = [path for version, path in manifests.items() if version < newest]
        unused = self._segments() - change.new.keys() - change.old - change.before
        self._clean_up([*old, *map(self._segment, unused)])
        return True

    def _discard(self, name: str) -> None:
        self._segment(name).unlink(missing_ok=True)

    def _clean_up(self, old: Sequence[Path]) -> None:
        """Remove old files, and temporary ones that a killed process left behind."""
        for path in (*old, *self._folder.glob("*.tmp")):
            with contextlib.suppress(OSError):  # an open file on Windows: retry next time
                if path.suffix != ".tmp" or time.time() - path.stat().st_mtime > 60:
                    path.unlink()

    def _write_status(self, data: bytes) -> None:
        replace_file(self._folder / "status.json", data)

    def _write_outcomes(self, data: bytes) -> None:
        replace_file(self._folder / "outcomes.json", data)

    def _write_request(self, request: str) -> None:
        replace_file(self._folder / "request", request.encode())

    def _write_cleared(self, request: str) -> None:
        replace_file(self._folder / "cleared", request.encode())

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

    def _segment(self, name: str) -> Path:
        return self._folder / f"{name}.arrow"

    def _segments(self) -> set[str]:
        """Return the names of the stored segments."""
        return {it.stem for it in self._folder.glob("*.arrow") if SEGMENT.fullmatch(it.stem)}

    def _manifests(self) -> dict[int, Path]:
        """Return the manifests by version; older releases stored them with their rows."""
        paths = (*self._folder.glob("*.arrow"), *self._folder.glob("*.json"))
        versions = ((parse_version(os.fsencode(it.stem)), it) for it in paths)
        return {version: path for version, path in versions if version and path.is_file()}
