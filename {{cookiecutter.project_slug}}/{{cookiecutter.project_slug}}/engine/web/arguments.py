"""Checks and converts the arguments of callbacks by their annotations."""

import logging
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, NoReturn, get_type_hints

from flask import abort
from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

logger = logging.getLogger(__name__)


class Arguments:
    """The types of a callback's arguments, and the names of its inputs, as in `series.value`.

    Values are checked as JSON, and strictly: `1` is neither text nor `True`.
    """

    def __init__(self, names: Sequence[str], types: Sequence[Any]) -> None:
        self._names, self._adapter = names, TypeAdapter(tuple[*types])  # type: ignore[valid-type]

    def validate(self, values: Sequence[Any]) -> list[Any]:
        """Return the values converted to their types. Raises BadRequest."""
        try:
            return list(self._adapter.validate_json(to_json(values), strict=True))
        except ValidationError as error:
            refuse(reason(error, self._names))
        except PydanticSerializationError:  # on Windows, for a depth that Body still accepts
            refuse("a value is nested too deeply")


def refuse(why: str) -> NoReturn:
    """Reject the request and log why. Raises BadRequest."""
    logger.warning("a request was rejected: %.300r", why)  # it may contain the client's text
    abort(400, f"Invalid request: {why:.300}.")


def reason(error: ValidationError, names: Sequence[str] = ()) -> str:
    """Return the first reason why values are invalid, without the values.

    `names` are the names of the values, if they have any.
    """
    first = error.errors()[0]
    text = first["msg"].removeprefix("Value error, ")
    place = [it for it in first["loc"] if "[" not in str(it)]  # without type names
    if names:
        place[0] = names[int(place[0])]
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
