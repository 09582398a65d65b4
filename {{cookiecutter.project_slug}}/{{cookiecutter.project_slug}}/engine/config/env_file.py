"""Reads a `.env` file; an invalid line is an error instead of being skipped."""

import os
import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from .types import SettingError


@dataclass(frozen=True)
class Variable:
    """A variable, and how error messages refer to it."""

    name: str
    value: str
    label: str


def read(path: Path, prefix: str) -> list[Variable]:
    """Return the variables of a `.env` file. Raises SettingError, without any value in it."""
    if not os.path.lexists(path):  # a broken symbolic link is an error
        return []
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # UTF-16 has these too
        raise SettingError(f"{path} is not UTF-8 text: save it as UTF-8.")
    labels: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        line = f"{path}, line {_line(binding)}"
        if binding.error:
            raise SettingError(f"{line}: this is not KEY=value, or a quote is not closed.")
        if binding.key is None:  # a comment
            continue
        label = f"{line}: {binding.key}"
        if not re.fullmatch(r"\w+", binding.key, re.ASCII):
            raise SettingError(
                f"{label} is not a valid name: write letters, digits and _ without quotes."
            )
        if binding.value is None:
            raise SettingError(f"{label} has no value: write {binding.key}=value.")
        if re.search(rf"(?i){prefix}\w+\s*=", binding.value):
            raise SettingError(f"{label} runs on into the next setting: close its quote or line.")
        if binding.key.upper() in map(str.upper, labels):
            raise SettingError(f"{label} is set twice: remove one of them.")
        labels[binding.key] = label
    values = dotenv_values(stream=StringIO(text))  # with ${...} filled in
    return [Variable(name, values[name] or "", label) for name, label in labels.items()]


def _line(binding: Binding) -> int:
    """Return the line number of a binding, not counting the empty lines it starts with."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
