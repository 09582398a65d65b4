"""Setting types that pydantic lacks: durations, time zones, paths, store URLs, secrets."""

import contextlib
import ipaddress
import re
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from urllib.request import pathname2url, url2pathname
from zoneinfo import ZoneInfo, available_timezones

import tzlocal
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from . import cron

UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=36_500)  # now plus this is still a valid datetime
SECRET_LENGTH = 16  # characters; shorter ones could be guessed
FOLDER: ContextVar[Path] = ContextVar("FOLDER", default=Path())  # the base of relative paths


class SettingError(Exception):
    """An invalid setting; the message names the key, the value and the remedy."""


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if match := re.fullmatch(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|d)", str(value)):
        with contextlib.suppress(OverflowError):
            duration = timedelta(**{UNITS[match[2]]: float(match[1])})
            if duration <= LONGEST:
                return duration
        raise ValueError(f"it must be {LONGEST.days}d or less")
    raise ValueError('write a number and a unit, as in "500ms", "2s", "5m", "24h" or "30d"')


def _or(word: str) -> BeforeValidator:
    """Accept a word in place of a duration; it becomes None."""

    def check(value: object) -> object:
        if isinstance(value, str) and not value[:1].isdigit() and value != word:
            raise ValueError(f'write a number and a unit, as in "24h" or "30d", or "{word}"')
        return None if value == word else value

    return BeforeValidator(check)


def _period(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("it must be 1s or more")
    return value


def _zone(name: object) -> object:
    if not isinstance(name, str):
        return name
    if name == "local":
        return _local_zone()
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:  # OSError: the name of a folder
        raise ValueError(
            f'there is no time zone {name!r}: write a name, as in "Europe/Oslo"'
        ) from error


def _local_zone() -> ZoneInfo:
    try:
        zone = tzlocal.get_localzone()
    except LookupError as error:
        raise ValueError(
            'it cannot be determined on this computer: write a name, as in "Europe/Oslo"'
        ) from error
    return _named(zone)


def _named(zone: tzinfo) -> ZoneInfo:
    """Return the same zone from the time zone database, since only that can be pickled.

    A zone that was read from a file, such as a copied /etc/localtime, has no name or a wrong one.
    """
    for name in _candidates(zone):
        with contextlib.suppress(LookupError, ValueError):
            found = ZoneInfo(name)
            if found is zone or _is_alike(found, zone):
                return found
    raise ValueError('it has no name: write one, as in "Europe/Oslo"')


def _candidates(zone: tzinfo) -> Iterator[str]:
    """Yield names that a zone may have; to list them all takes as long as reading the settings."""
    here = "localtime"  # on Debian, an alias of this computer's zone
    if (name := getattr(zone, "key", None) or "UTC") != here:
        yield name
    yield from sorted(available_timezones() - {here})


def _is_alike(zone: tzinfo, other: tzinfo) -> bool:
    """Return whether two zones show the same times in the last 30 years and the next."""
    now = datetime.now(UTC)
    times = (now + timedelta(hours=25) * it for it in range(400, -10_000, -1))
    return all(_shown(it, zone) == _shown(it, other) for it in times)


def _shown(time: datetime, zone: tzinfo) -> str:
    return time.astimezone(zone).strftime("%z %Z")


def _times(value: object) -> object:
    return [part.strip() for part in value.split(",") if part] if isinstance(value, str) else value


def _clock(value: time) -> time:
    if value.tzinfo:
        raise ValueError("write it without a zone: it is in app.timezone")
    return value


def _store(url: str) -> str:
    """Check the URL of a store; make the path of a file store absolute."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc + parts.path:
        path = FOLDER.get() / url2pathname(parts.netloc + parts.path)
        return f"file://{pathname2url(str(path))}"
    if url == "memory://" or re.match(r"rediss?://.|unix:///", url):
        return url
    raise ValueError('write "memory://", "file://" and a folder, or "redis://" and a host')


def _location(text: str) -> str:
    return text if "://" in text else str(FOLDER.get() / text)


def _file(name: str) -> str:
    return str(FOLDER.get() / name) if name else ""


def _database(secret: SecretStr) -> SecretStr:
    """Make the path of a SQLite database absolute."""
    scheme, _, path = secret.get_secret_value().partition(":///")
    if not scheme.startswith("sqlite") or not path or path.startswith((":memory:", "file:")):
        return secret
    return SecretStr(f"{scheme}:///{FOLDER.get() / path}")


def _url_prefix(path: str) -> str:
    if re.fullmatch(r"/([\w.~-]+/)*", path, re.ASCII):
        return path
    raise ValueError('it must start and end with "/", as in "/" or "/dashboard/"')


def _proxy(value: str) -> str:
    if value in ("", "*"):
        return value
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ValueError(
            f'{error}: write an address, as in "127.0.0.1", or a network, as in "10.0.0.0/8"'
        ) from error


def _site(site: str) -> str:
    if re.fullmatch(r"[\w.:/*-]+", site, re.ASCII):
        return site
    raise ValueError('write a site as in "https://tile.example.org"')


def _hash(value: SecretStr) -> SecretStr:
    if re.fullmatch(r"(scrypt|pbkdf2)(:\w+)*\$[^$]+\$[0-9a-f]+", value.get_secret_value()):
        return value
    raise ValueError("write the hash of a password, as server --hash-password prints it")


def _secret(value: SecretStr) -> SecretStr:
    if 0 < len(value.get_secret_value()) < SECRET_LENGTH:
        raise ValueError(
            f"it needs {SECRET_LENGTH} characters or more; create one with "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Period = Annotated[Duration, AfterValidator(_period)]
History = Annotated[Period | None, _or("all")]
Age = Annotated[Duration | None, _or("never")]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Clock = Annotated[time, AfterValidator(_clock)]
Clocks = Annotated[list[Clock], NoDecode, BeforeValidator(_times)]
Cron = Annotated[str, AfterValidator(cron.check)]
Ranges = Annotated[
    list[Period] | None, BeforeValidator(lambda value: None if value == "auto" else value)
]
StoreUrl = Annotated[str, AfterValidator(_store)]
Location = Annotated[str, AfterValidator(_location)]  # a URL or path
File = Annotated[str, AfterValidator(_file)]  # a path, or empty
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
UrlPrefix = Annotated[str, AfterValidator(_url_prefix)]
Proxy = Annotated[str, AfterValidator(_proxy)]
Site = Annotated[str, AfterValidator(_site)]
PasswordHash = Annotated[SecretStr, AfterValidator(_hash)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
