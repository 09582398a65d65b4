"""Every setting, typed: command line, environment, `.env` and `config.toml`, in this order."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import dotenv
import tzlocal
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

CONFIG = Path("config.toml")
PREFIX = f"{__name__.partition('.')[0].upper()}__"
UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class SettingError(Exception):
    """A setting that cannot be used; the message names the key, the value and the remedy."""


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if match := re.fullmatch(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|d)", str(value)):
        with contextlib.suppress(OverflowError):
            return timedelta(**{UNITS[match[2]]: float(match[1])})
    raise ValueError('write a number and a unit, as in "500ms", "2s", "5m", "24h" or "30d"')


def _zone(name: object) -> object:
    if name != "local":
        return name
    try:
        zone = tzlocal.get_localzone()
    except LookupError as error:
        raise ValueError('it is not known here: write its name, as in "Europe/Oslo"') from error
    with contextlib.suppress(LookupError, ValueError):  # it may have no name of a zone
        return ZoneInfo(getattr(zone, "key", "UTC"))  # one that can be sent to another process
    return zone


def _times(value: object) -> object:
    return [part.strip() for part in value.split(",") if part] if isinstance(value, str) else value


def _clock(value: time) -> time:
    if value.tzinfo:
        raise ValueError("write it without a zone: it is of app.timezone")
    return value


def _period(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("it must be 1s or more")
    return value


def _store(url: str) -> str:
    if url == "memory://" or re.match(r"(file|redis|rediss)://.|unix:///", url):
        return url
    raise ValueError('write "memory://", "file://" and a folder, or "redis://" and a host')


def _prefix(path: str) -> str:
    if re.fullmatch(r"/([\w.~-]+/)*", path, re.ASCII):
        return path
    raise ValueError('it must start and end with "/", as in "/" or "/dashboard/"')


def _source(site: str) -> str:
    if re.fullmatch(r"[\w.:/*-]+", site, re.ASCII):
        return site
    raise ValueError('write a site as in "https://tile.example.org"')


def _hash(value: SecretStr) -> SecretStr:
    if re.fullmatch(r"(scrypt|pbkdf2)(:\w+)*\$[^$]+\$[0-9a-f]+", value.get_secret_value()):
        return value
    raise ValueError(f"write the hash of a password, as python -m {__package__}.auth makes it")


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Period = Annotated[Duration, AfterValidator(_period)]
Clock = Annotated[time, AfterValidator(_clock)]
Source = Annotated[str, AfterValidator(_source)]


class Section(BaseModel):
    """One `[section]` of config.toml; an unknown key in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class App(Section):
    """What the page says and how."""

    title: str = "Dashboard"
    description: str = ""
    timezone: Annotated[ZoneInfo, BeforeValidator(_zone)] = Field("local", validate_default=True)
    stale_after: Duration = timedelta(0)


class Refresh(Section):
    """When the data are read again, and how much of them is kept."""

    every: Period = timedelta(seconds=2)
    daily_at: Annotated[list[Clock], NoDecode, BeforeValidator(_times)] = []
    history: Period = timedelta(hours=24)
    overlap: Duration = timedelta(minutes=5)
    ahead: Duration = timedelta(minutes=5)
    retry_at_most: Period = timedelta(minutes=1)
    timeout: Period = timedelta(minutes=5)
    worker: Literal["thread", "process", "dask"] = "thread"
    scheduler: str = "tcp://127.0.0.1:8786"
    apart: bool = False

    @property
    def period(self) -> timedelta:
        """The usual time between two refreshes."""
        return timedelta(days=1) if self.daily_at else self.every


class Store(Section):
    """Where the latest snapshot lives."""

    url: Annotated[str, AfterValidator(_store)] = Field("memory://", repr=False)


class Server(Section):
    """Where the server listens, and how much it takes on."""

    host: str = "127.0.0.1"
    port: int = Field(8050, ge=0, le=65535)
    threads: int = Field(8, ge=1)
    connection_limit: int = Field(5_000, ge=10)
    channel_timeout: Period = timedelta(minutes=2)
    graceful_timeout: Period = timedelta(seconds=10)
    max_body_bytes: int = Field(1_000_000, ge=1_000)
    cache_bytes: int = Field(50_000_000, ge=0)
    metrics: bool = False
    workers: int = Field(1, ge=1)
    url_prefix: Annotated[str, AfterValidator(_prefix)] = "/"
    trusted_proxy: str = ""
    csp_sources: list[Source] = []
    frame_ancestors: list[Source] = []
    secret_key: SecretStr = SecretStr("")

    @property
    def url_host(self) -> str:
        """The host as a URL has it: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


class Auth(Section):
    """Who may see the dashboard."""

    users: dict[str, Annotated[SecretStr, AfterValidator(_hash)]] = {}
    session: Period = timedelta(days=7)
    token: SecretStr = SecretStr("")


class Log(Section):
    """What is logged, and where."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["text", "json"] = "text"
    access: bool = False
    file: str = ""
    max_bytes: int = Field(10_000_000, ge=0)
    backups: int = Field(3, ge=1)


class Environment(EnvSettingsSource):
    """The environment, where a fraction in `source` stays as it is written: 1.50, 1e3."""

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:
        if field:
            return super().decode_complex_value(field_name, field, value)
        return json.loads(value, parse_float=str, parse_constant=str)


class Settings(BaseSettings):
    """All settings; the keys of `source` are those of `reading.Source`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )
    config: Path = CONFIG
    app: App = Field(default_factory=App)
    refresh: Refresh = Refresh()
    store: Store = Store()
    server: Server = Server()
    auth: Auth = Auth()
    log: Log = Log()
    source: dict[str, Any] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the arguments first, then the environment, then the config file."""
        config = init_settings().get("config", cls.model_fields["config"].default)
        environment = Environment(settings_cls)
        return init_settings, environment, TomlConfigSettingsSource(settings_cls, config)


@contextlib.contextmanager
def extra(name: str, setting: str) -> Iterator[None]:
    """Import what a setting needs, or say how to install it. Raises SettingError."""
    try:
        yield
    except ImportError as error:
        raise SettingError(
            f"{setting} needs {error.name}, which is not installed: "
            f'run `uv pip install -e ".[{name}]"`, or the same with `python -m pip`.'
        ) from error


def load(config: Path, source: type[BaseModel], server: dict[str, Any]) -> Settings:
    """Read all settings; `server` is what the command line says of it. Raises SettingError."""
    if not config.is_file():
        raise SettingError(
            f"The config file {config} does not exist: "
            "start in the project's folder, or name the file with --config."
        )
    try:
        dotenv.load_dotenv(config.with_name(".env"))
        _refuse_unknown_variables()
        settings = Settings(config=config, server=server)
        source.model_validate(settings.source)
    except ValidationError as error:
        raise SettingError(_explain(error, source)) from error
    except (OSError, ValueError) as error:
        raise SettingError(
            f"{config}, or .env beside it, cannot be read ({error}): "
            "mend it, and save it as UTF-8 without a byte order mark."
        ) from error
    return settings


def _refuse_unknown_variables() -> None:
    for name in filter(lambda name: name.upper().startswith(PREFIX), os.environ):
        section, _, key = name.upper().removeprefix(PREFIX).lower().partition("__")
        if section not in Settings.model_fields or section == "config" or not key:
            raise SettingError(
                f"The environment variable {name} names no setting: "
                f"write {PREFIX}<SECTION>__<KEY>, with a section and a key of config.toml."
            )


def _explain(error: ValidationError, source: type[BaseModel]) -> str:
    """The first error as one sentence with key, value and remedy."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if error.title == source.__name__:
        path = ["source", *path]
    key, value = ".".join(path), repr(first["input"])
    if any(word in key for word in ("secret", "password", "token", "key", "users")) or "@" in value:
        value = "(hidden)"
    if first["type"] == "missing":
        return f"{key} is missing: add it to [{path[0]}] in config.toml."
    if first["type"] == "extra_forbidden":
        return f"{key} = {value} names no setting: remove it, or take its name from config.toml."
    return f"{key} = {value} cannot be used: {first['msg'].removeprefix('Value error, ')}."
