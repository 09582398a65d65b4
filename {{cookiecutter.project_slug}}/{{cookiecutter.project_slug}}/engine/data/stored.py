"""What a shared store holds, and what is written to it."""

import re
from collections.abc import Mapping, Set
from typing import NamedTuple

from .codec import Parts

DAMAGED = 0  # in place of a version: what the store holds is not a snapshot


def parse_version(text: bytes) -> int:
    """Parse a version; epoch milliseconds have no more than 14 digits until the year 5138."""
    return int(text) if re.fullmatch(rb"[1-9]\d{0,13}", text) else DAMAGED


def open_request(requested: bytes, cleared: bytes) -> str:
    """Return the id of the open request, or "". Damaged ids are tolerated."""
    request, last = (it.decode("utf-8", "replace") for it in (requested, cleared))
    return "" if request == last else request


def names_of(parts: Mapping[str, Parts]) -> set[str]:
    """Return the names of all segments."""
    return {segment.name for its in parts.values() for segment in its.segments}


class Found(NamedTuple):
    """What a store holds: documents, the newest version, and the names of the segments."""

    status: bytes
    outcomes: bytes
    version: int | None
    request: str  # the id of the open request, or ""
    segments: Set[str]


class Change(NamedTuple):
    """A manifest, the new segments that it needs, and the names of those that the store has."""

    version: int
    manifest: bytes
    new: Mapping[str, bytes]
    old: Set[str]
    before: Set[str]  # segments of the previous manifest, which others may still be reading
