"""The request bodies that a page sends to run callbacks."""

from typing import Any, NotRequired

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict


class Part(BaseModel):
    """One input, state or output of a callback."""

    id: str | dict[str, Any]
    property: str
    value: Any = None


Parts = list[Part | list[Part]]
Cursor = TypedDict("Cursor", {"from": NotRequired[int | None]})


class RequestId(TypedDict):
    """The id of a request whose callback streams."""

    requestId: str


class Body(BaseModel):
    """Runs a callback; `streamConnection` is new in Dash 4.5."""

    output: str
    outputs: Part | Parts | None = None
    inputs: Parts
    state: Parts = []
    changedPropIds: list[str] = []
    streamConnection: RequestId | None = None


class Downlink(BaseModel):
    """Fetches what streaming callbacks have sent, from Dash 4.5 on."""

    model_config = ConfigDict(extra="forbid")
    streamDownlink: Cursor


class Cancel(BaseModel):
    """Cancels a streaming callback, from Dash 4.5 on."""

    model_config = ConfigDict(extra="forbid")
    streamCancel: RequestId


_STREAM: TypeAdapter[Downlink | Cancel] = TypeAdapter(Downlink | Cancel)


def is_about_a_stream(content: bytes) -> bool:
    """Whether a body is about streaming callbacks, and does not run one."""
    try:
        _STREAM.validate_json(content)
    except ValidationError:
        return False
    return True
