"""Identifies the release: the code and the settings from which pages and views are made."""

from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..settings import AnySettings

# Settings that no view depends on; servers of the same release may differ in them.
OTHERS: Any = dict.fromkeys(("config", "store", "server", "auth", "alerts", "log"), True)
OTHERS |= {"refresh": {"worker", "scheduler", "standalone"}}


def release(folder: Path, settings: AnySettings) -> str:
    """Return a hash of a folder's files and of the settings; open pages with another one reload."""
    files = (it for it in sorted(folder.rglob("*")) if it.is_file() and it.suffix != ".pyc")
    found = blake2b(b"".join(it.read_bytes() for it in files), digest_size=8)
    found.update(settings.model_dump_json(exclude=OTHERS).encode())
    return found.hexdigest()
