"""Checks and converts the arguments of callbacks by their annotations."""

import logging
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, NoReturn, get_type_hints

from flask import abort
from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import to_json
from typing_extensions import TypedDict

logger = logging.getLogger(__name__)


class Arguments:
    """The types of a callback's arguments, by the names of its inputs, as in `series.value`.

    Values are checked as JSON, and strictly: `1` is neither text nor `True`.
    """

    def __init__(self, types: dict[str, Any]) -> None:
        self._adapter = TypeAdapter(TypedDict("Arguments", types))  # type: ignore[operator]
        self._names = list(types)

    def validate(self, values: Sequence[Any]) -> list[Any]:
        """Return the values converted to their types. Raises BadRequest."""
        named = dict(zip(self._names, values, strict=True))
        given = to_json(named, inf_nan_mode="constants")
        try:
            return list(self._adapter.validate_json(given, strict=True).values())
        except ValidationError as error:
            refuse(reason(error))


def refuse(why: str) -> NoReturn:
    """Reject the request and log why. Raises BadRequest."""
    logger.warning("a request was rejected: %.300r", why)  # it may contain the client's text
    abort(400, f"Invalid request: {why:.300}.")


def reason(error: ValidationError) -> str:
    """Return the first reason why values are invalid, without the values."""
    first = error.errors(include_input=False, include_url=False)[0]
    text, loc = first["msg"].removeprefix("Value error, "), first["loc"]
    place = [*loc[:1], *(it for it in loc[1:] if "[" not in str(it))]  # without type names
    return f"{text} ({'.'.join(map(str, place))})" if place else text


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
