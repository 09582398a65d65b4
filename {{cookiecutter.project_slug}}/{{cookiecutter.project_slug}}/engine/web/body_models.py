"""The bodies of requests for callbacks."""

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
    """Identifies a request whose callback streams."""

    requestId: str


class Body(BaseModel):
    """A request to run a callback; `streamConnection` is new in Dash 4.5."""

    output: str
    outputs: Part | Parts | None = None
    inputs: Parts
    state: Parts = []
    changedPropIds: list[str] = []
    streamConnection: RequestId | None = None


class Downlink(BaseModel):
    """A request for what streaming callbacks have sent, from Dash 4.5 on."""

    model_config = ConfigDict(extra="forbid")
    streamDownlink: Cursor


class Cancel(BaseModel):
    """A request to cancel a streaming callback, from Dash 4.5 on."""

    model_config = ConfigDict(extra="forbid")
    streamCancel: RequestId


_STREAM: TypeAdapter[Downlink | Cancel] = TypeAdapter(Downlink | Cancel)


def is_about_a_stream(content: bytes) -> bool:
    """Whether a body fetches from or cancels a streaming callback, rather than running one."""
    try:
        _STREAM.validate_json(content)
    except ValidationError:
        return False
    return True
