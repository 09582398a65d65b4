"""Checks and converts the arguments of callbacks by their annotations."""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, get_type_hints

from pydantic import PydanticUserError, TypeAdapter
from pydantic_core import to_json
from typing_extensions import TypedDict


class Arguments:
    """The arguments of a callback, each by the name of its input, as in `series.value`.

    They are checked as JSON, and strictly: `1` is neither text nor `True`.
    """

    def __init__(self, types: dict[str, Any]) -> None:
        self._adapter = TypeAdapter(TypedDict("Arguments", types))  # type: ignore[operator]
        self._names = list(types)

    def validate(self, values: Sequence[Any]) -> list[Any]:
        """Return the values converted to their types. Raises ValidationError."""
        named = dict(zip(self._names, values, strict=True))
        given = to_json(named, inf_nan_mode="constants")
        return list(self._adapter.validate_json(given, strict=True).values())


def hints(function: Callable[..., Any]) -> list[Any]:
    """Return the types of a function's parameters, in order."""
    found = get_type_hints(function, include_extras=True)
    return [_known(found.get(it, Any)) for it in signature(function).parameters]


def _known(hint: Any) -> Any:
    """Return an annotation if values can be checked by it."""
    try:
        TypeAdapter(hint)
    except PydanticUserError:
        return Any
    return hint
