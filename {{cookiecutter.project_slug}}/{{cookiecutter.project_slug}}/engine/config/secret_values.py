"""Collects secret values: from settings, from the environment and `.env`, and from URLs."""

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, unquote_plus

import dotenv
from pydantic import BaseModel, SecretStr

from ..diagnostics.redaction import NAMES, SECRET_NAME
from ..settings import AnySettings

SENT = {"params", "headers"}  # sent to a source
PLAIN = {"path", "query", "timezone"}  # keys of a source that error messages may show
NAMED = re.compile(rf"(?i){NAMES}=([^&;\s]+)")
# Numbers of up to seven digits, dates and flags: without them, text would be unreadable.
COMMON = re.compile(
    r"(?i)[-+]?\d{0,7}(\.\d*)?(e\d+)?|\d{4}-\d\d-\d\d([T ].*)?|true|false|none|null"
)
FOLDERS = {"PWD", "OLDPWD"}  # the shell's current and previous folder, not passwords
KEY = re.compile(r"(?=.*[\dA-Z]).{8,}")  # as in the path of a webhook
TOKEN = re.compile(r"(?=[^/]*\d)[\w~-]{20,}", re.ASCII)  # as in the path of a share link


def find(settings: AnySettings) -> set[str]:
    """Return all secret values."""
    return {*_walk(settings), *_environment(settings)}


def _walk(value: object, name: str = "") -> Iterator[str]:
    match value:
        case BaseModel():
            for key, it in value:
                yield from _walk(it, key)
        case Mapping():
            for key, it in value.items():
                yield from _walk(it, name if name in SENT else key)
        case list() | tuple() | set() | frozenset():
            for it in value:
                yield from _walk(it, name)
        case SecretStr() if name == "urls":
            yield from _service(value.get_secret_value())
        case SecretStr():
            yield from _secret(value.get_secret_value())
        case str() | int() | float():
            if name == "headers":
                yield from _header(str(value))
            elif name == "params" and not COMMON.fullmatch(str(value)):
                yield from _secret(str(value))
            elif isinstance(value, str) and SECRET_NAME.search(name):
                yield from _secret(value)
            else:
                yield from _parts(str(value))


def _environment(settings: AnySettings) -> Iterator[str]:
    """Yield the settings of the source, other variables of `.env`, and those named like a secret.

    The engine's own settings are left to their types.
    """
    file, prefix = dotenv.dotenv_values(settings.config.with_name(".env")), settings.env_prefix()
    for name, value in {**file, **os.environ}.items():
        section, _, key = name.upper().removeprefix(prefix).lower().partition("__")
        is_setting = name.upper().startswith(prefix)
        if is_setting:
            secret = section == "source" and key not in PLAIN
        else:
            named = name not in FOLDERS and SECRET_NAME.search(name)
            secret = name in file or bool(named)
        if secret and value and not COMMON.fullmatch(value):
            yield from _secret(value)


def _secret(text: str) -> Iterator[str]:
    """Yield a secret, or the secret parts of a URL."""
    if "://" not in text:
        yield text
    yield from _parts(text)


def _service(url: str) -> Iterator[str]:
    """Yield the secret parts of an alert service's URL, including a token in place of a host."""
    yield url
    yield from _parts(url)
    authority, *path = re.split(r"[/?#]", url.partition("://")[2].partition("?")[0])
    host = authority.rpartition("@")[2].partition(":")[0]
    secrets = list(filter(KEY.fullmatch, path))
    if "." not in host and host.lower() != "localhost":
        secrets += re.split("[:@]", authority)
    for it in secrets:
        yield from (it, unquote(it))


def _header(value: str) -> Iterator[str]:
    """Yield a header, its parts, and the user and password that it may encode."""
    yield value
    yield from re.split(r"[\s;=]+", value)[1:]
    kind, _, credentials = value.partition(" ")
    if kind.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials).decode()
        except (binascii.Error, UnicodeError):
            return
        yield from decoded.split(":", 1)


def _parts(text: str) -> Iterator[str]:
    """Yield the secret parts of a URL or a connection string."""
    yield from NAMED.findall(text)
    _, scheme, rest = text.partition("://")
    if not scheme:
        return
    authority, *path = re.split(r"[/?#]", rest)
    known = authority.rpartition("@")[0]
    # A password that is not percent-encoded may contain delimiters: ann:p@ss/w0rd@host.
    loose = re.match(r"[^:/?#@\[]*:(?!\d+(?:[/?#]|$)).*(?=@)", rest, re.DOTALL)
    for info in {known, loose[0] if loose else known} - {""}:
        user, _, password = info.partition(":")
        for it in (user, password):
            yield from (it, unquote(it))
        yield from re.split(r"[@/:?#&]", unquote(password))  # as a driver may split it
        yield base64.b64encode(unquote(info).encode()).decode()
    for option in re.split(r"[?#&;]", rest)[1:]:
        value = option.partition("=")[2] or option
        if not COMMON.fullmatch(value):
            yield from (value, unquote_plus(value), *NAMED.findall(unquote_plus(value)))
    yield from filter(TOKEN.fullmatch, path)
