"""Decompresses files, which are recognized by their first bytes."""

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from collections.abc import Callable
from pathlib import PurePath
from typing import IO, Any

from ..config.extras import extra
from ..data.tables import DataError

ENDINGS = (".gz", ".zip", ".zst", ".bz2", ".xz")
ZIP = b"PK\x03\x04"
START = 4096  # bytes


def without_ending(name: str) -> str:
    """Return the name of a file without the ending of its compression."""
    path = PurePath(name)
    return path.stem if path.suffix.lower() in ENDINGS else path.name


def decompressed(file: IO[bytes], name: str) -> tuple[IO[bytes], str]:
    """Return a file's decompressed content, and the name of what is in it. Raises DataError.

    An Excel file is a zip archive, but not one of a single file.
    """
    start = file.read(START)
    file.seek(0)
    for mark, opened in _OPENERS.items():
        if start.startswith(mark):
            return io.BufferedReader(opened(file)), without_ending(name)
    if start.startswith(ZIP):
        archive = zipfile.ZipFile(file)
        files = [it for it in archive.infolist() if not it.filename.startswith("__MACOSX")]
        names = [it.filename for it in files if not it.is_dir()]
        if not {"[Content_Types].xml", "mimetype"} & set(names):
            if len(names) != 1:
                raise DataError(f"{name} holds {len(names)} files: unpack it, and set path to one")
            return io.BufferedReader(archive.open(names[0])), PurePath(names[0]).name  # type: ignore[type-var]
        file.seek(0)
    return file, without_ending(name)


def start_of(file: IO[bytes]) -> bytes:
    """Return the first bytes of a file without moving its position."""
    if isinstance(file, io.BufferedReader):
        return file.peek(START)[:START]
    start = file.read(START)
    file.seek(0)
    return start


def _zstd(file: IO[bytes]) -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd

        return zstd.ZstdFile(file)
    with extra("zstd", 'a path that ends in ".zst"'):
        import zstandard

    return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)


_OPENERS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _zstd,
}
