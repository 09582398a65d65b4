"""Redacts secrets in text: known values in any usual encoding, and whatever looks like one."""

import html
import json
import re
from collections.abc import Collection

MASK = "***"
SHORTEST = 4  # characters; redacting shorter values would make text unreadable
NAMES = r"(?:password|passwd|pwd|passphrase|secret|token|(?:api|access|secret)[_-]?key)"

SECRET_NAME = re.compile(rf"(?i){NAMES}$")
# For secrets that are in no setting. Repetitions are bounded, to keep long texts fast.
_URL = re.compile(r"(\w://)(?:[^/\s@:\[]{0,99}:(?!\d+[/?#\s])\S{0,300}|[^/\s@]{1,300})@")
_VALUE = r"""(?:(?P<quote>\\*["'])[^\n]{0,999}?(?P=quote)|\\*["']?[^&\s;,'")]+)"""
_NAMED = re.compile(rf"""(?i)({NAMES}(?:=|\\*["']\s*[:=]\s*)){_VALUE}""")
_QUERY = re.compile(r"(?i)([?&](?:key|sig|signature|appid|auth|code)=)[^&\s'\"<>]+")

_values: frozenset[str] = frozenset()
_known: re.Pattern[str] | None = None


def hide(values: Collection[str]) -> None:
    """Set the values that `redact` replaces.

    Values shorter than `SHORTEST` are ignored. A value that consists of letters only matches whole
    words, so that the user name `post` does not affect "postgresql".
    """
    global _values, _known
    _values = frozenset(it for it in values if len(it) >= SHORTEST)
    longest_first = sorted(_values, key=len, reverse=True)
    _known = re.compile("|".join(map(_pattern, longest_first))) if _values else None


def hidden() -> frozenset[str]:
    """Return the values set by `hide`, to pass them on to another process."""
    return _values


def redact(text: str) -> str:
    """Replace all secrets in a text by `***`."""
    if _known is not None:
        text = _known.sub(MASK, text)
    text = _URL.sub(rf"\1{MASK}@", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    return _QUERY.sub(rf"\1{MASK}", text)


def _pattern(value: str) -> str:
    pattern = "".join(map(_forms, value))
    if value.isascii() and value.isalpha():  # a word; %3D or \n may precede it
        return rf"(?:(?<![A-Za-z])|(?<=%[0-9A-Fa-f]{{2}})|(?<=\\[nrtbfv])){pattern}(?![A-Za-z])"
    return pattern


def _forms(char: str) -> str:
    """Match a character as it is, percent-encoded, or escaped for JSON, Python or HTML."""
    if char.isascii() and char.isalnum():
        return char
    data = char.encode("utf-8", "surrogatepass")
    percent = "".join(f"%(?:25){{0,3}}{byte:02x}" for byte in data)
    escaped = {char, json.dumps(char)[1:-1], ascii(char)[1:-1], repr(data)[2:-1], html.escape(char)}
    escaped |= {"+"} if char == " " else set()
    # Each level of escaping doubles the backslashes.
    forms = (re.sub(r"(?:\\\\)+", r"\\\\{1,9}", re.escape(form)) for form in sorted(escaped))
    return rf"(?i:{percent}|\\{{0,9}}(?:{'|'.join(forms)}))"
