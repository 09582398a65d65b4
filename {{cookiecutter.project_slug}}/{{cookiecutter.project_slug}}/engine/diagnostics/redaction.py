"""Blanks out secrets in text: known values in any usual quoting, and whatever looks like one."""

import html
import json
import re
from collections.abc import Collection

MASK = "***"
SHORTEST = 4  # characters of a value: to blank out shorter ones would make text unreadable
NAMES = r"(?:password|passwd|pwd|passphrase|secret|token|(?:api|access|secret)[_-]?key)"

SECRET_NAME = re.compile(rf"(?i){NAMES}$")
# The second net, for secrets that no setting holds.
# Repetitions are bounded, as a long text must not take long.
_URL = re.compile(r"(\w://)(?:[^/\s@:\[]{0,99}:(?!\d+[/?#\s])\S{0,300}|[^/\s@]{1,300})@")
_VALUE = r"""(?:(?P<quote>\\*["'])[^\n]{0,999}?(?P=quote)|\\*["']?[^&\s;,'")]+)"""
_NAMED = re.compile(rf"""(?i)({NAMES}(?:=|\\*["']\s*[:=]\s*)){_VALUE}""")
_QUERY = re.compile(r"(?i)([?&](?:key|sig|signature|appid|auth|code)=)[^&\s'\"<>]+")

_values: frozenset[str] = frozenset()
_known: re.Pattern[str] | None = None


def hide(values: Collection[str]) -> None:
    """Have `redact` blank out these values, and those of before no longer.

    Values shorter than `SHORTEST` are left out. One of letters only counts as a whole word, so that
    the user name `post` leaves "postgresql" alone.
    """
    global _values, _known
    _values = frozenset(it for it in values if len(it) >= SHORTEST)
    longest_first = sorted(_values, key=len, reverse=True)
    _known = re.compile("|".join(map(_pattern, longest_first))) if _values else None


def hidden() -> frozenset[str]:
    """Return the values that are blanked out, for another process to hide them too."""
    return _values


def redact(text: str) -> str:
    """Blank out all secrets in a text."""
    if _known is not None:
        text = _known.sub(MASK, text)
    text = _URL.sub(rf"\1{MASK}@", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    return _QUERY.sub(rf"\1{MASK}", text)


def _pattern(value: str) -> str:
    pattern = "".join(map(_forms, value))
    if value.isascii() and value.isalpha():  # a word, which may follow an escape such as %3D or \n
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
    # However often it was escaped, there are one or more backslashes.
    forms = (re.sub(r"(?:\\\\)+", r"\\\\{1,9}", re.escape(form)) for form in sorted(escaped))
    return rf"(?i:{percent}|\\{{0,9}}(?:{'|'.join(forms)}))"
