"""The messages still to be sent, as an immutable state that processes share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..data.snapshot import EPOCH
from .changes import Change

LINES = 10  # changes per message; a kill while one is being sent loses at most these
LIMIT = 500  # changes kept for a service that is down
GAP = timedelta(minutes=1)  # nobody watched for longer: it is unknown what has lasted


@dataclass(frozen=True)
class Box:
    """The changes queued for one service, and those in the message being sent."""

    waiting: tuple[Change, ...] = ()
    sending: tuple[Change, ...] = ()


@dataclass(frozen=True)
class State:
    """What was reported, what is pending (see `changes.due`), and a box for each service.

    `owner` is the process that sends. Each save increments `revision`, and sets `seen` to the time.
    """

    owner: str = ""
    revision: int = 0
    seen: datetime = EPOCH
    reported: Mapping[str, str] = field(default_factory=dict)
    pending: Mapping[str, datetime] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()


def taken_over(state: State, owner: str, services: int, now: datetime) -> State:
    """Return the state of a new owner; a message that was being sent is not sent again."""
    pending = state.pending if now - state.seen < GAP else {}
    boxes = [*(Box(it.waiting) for it in state.boxes), *[Box()] * services]
    return replace(state, owner=owner, pending=pending, boxes=tuple(boxes[:services]))


def queued(state: State, changes: Iterable[Change]) -> State:
    """Queue changes for each service; beyond LIMIT, the oldest are dropped."""
    new = tuple(changes)
    boxes = (replace(it, waiting=(*it.waiting, *new)[-LIMIT:]) for it in state.boxes)
    return replace(state, boxes=tuple(boxes)) if new else state


def marked(state: State, number: int) -> State:
    """Mark a service's next message as being sent: up to LINES changes, one per key."""
    box, batch = state.boxes[number], dict[str, Change]()
    if box.sending:
        return state
    for it in box.waiting[:LINES]:
        if it.key in batch:
            break
        batch[it.key] = it
    return _with(state, number, Box(box.waiting[len(batch) :], tuple(batch.values())))


def sent(state: State, number: int) -> State:
    """Record that the message was sent."""
    return _with(state, number, replace(state.boxes[number], sending=()))


def put_back(state: State, number: int) -> State:
    """Record that the message failed, so that it is sent again."""
    box = state.boxes[number]
    return _with(state, number, Box((*box.sending, *box.waiting)))


def _with(state: State, number: int, box: Box) -> State:
    boxes = (*state.boxes[:number], box, *state.boxes[number + 1 :])
    return replace(state, boxes=boxes)
