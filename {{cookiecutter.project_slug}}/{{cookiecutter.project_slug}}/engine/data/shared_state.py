"""What one process knows about a shared store, and what it still has to write."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import NamedTuple, Self

from .codec import Parts
from .snapshot import Snapshot
from .status import Status


class Outage(NamedTuple):
    """A kind of access to the store that fails: the reason, its id in the log, and since when."""

    error: str
    incident: str
    failing_since: datetime


@dataclass(frozen=True)
class State:
    """An immutable state: each change replaces it as a whole, so readers need no lock."""

    snapshot: Snapshot | None = None
    parts: Mapping[str, Parts] = field(default_factory=dict)  # of the snapshot, if it is stored so
    stored: int | None = None  # the version that the store was last seen to hold
    not_found: int | None = None  # a version that was searched for and is not in the store
    status: Status = field(default_factory=Status)
    status_dirty: bool = False  # not yet written to the store
    outcomes: bytes = b""  # the part of the status that the store was last seen to hold
    request: str = ""  # the id of the newest open request
    request_dirty: bool = False  # not yet written to the store
    cleared: str = ""  # the id of the last request that this process closed
    is_leader: bool = False
    outages: Mapping[str, Outage] = field(default_factory=dict)  # keys: "read", "write", "lease"

    @property
    def needs_republish(self) -> bool:
        """Whether the store has lost the snapshot: it holds an older one, or none."""
        held = self.snapshot
        return held is not None and not held.fault and (self.stored or 0) < held.version

    @property
    def shown_status(self) -> Status:
        """The status, with the first outage as its error."""
        outage = next(iter(self.outages.values()), None)
        return replace(self.status, **outage._asdict()) if outage else self.status

    def lags(self, version: int | None) -> bool:
        """Whether to search the store for a version that a client has seen.

        Clients can request any version, so a missing one is searched for only once per sync.
        """
        if version is None or self.outages:
            return False
        if self.not_found is not None and version >= self.not_found:
            return False
        return self.snapshot is None or self.snapshot.version < version

    def synced(self, before: Self, found: Self) -> Self:
        """Return the state that a sync found, with other threads' changes since `before`."""
        changed = {
            name: now
            for name in (it.name for it in fields(self))
            if (now := getattr(self, name)) is not getattr(before, name)
        }
        if "parts" in changed:  # they belong to the snapshot
            changed["snapshot"] = self.snapshot
        # The sync may have read a request that was opened and closed since it began.
        return replace(found, **changed).request_cleared(self.cleared)

    def requested(self, request: str) -> Self:
        """Open a request."""
        return replace(self, request=request, request_dirty=True)

    def request_sent(self, request: str) -> Self:
        """Record that a request is stored; a newer one still has to be sent."""
        return replace(self, request_dirty=self.request_dirty and self.request != request)

    def request_cleared(self, request: str) -> Self:
        """Close a request; a newer one stays open."""
        if self.request != request:
            return replace(self, cleared=request)
        return replace(self, request="", request_dirty=False, cleared=request)

    def failed(self, what: str, outage: Outage) -> Self:
        """Record that an access fails; an ongoing outage keeps its id and its start."""
        known = self.outages.get(what, outage)._replace(error=outage.error)
        return replace(self, outages={**self.outages, what: known})

    def recovered(self, what: str) -> Self:
        """Record that an access works again."""
        if what not in self.outages:
            return self
        return replace(self, outages={k: it for k, it in self.outages.items() if k != what})
