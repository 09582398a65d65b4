"""Every setting, typed: command line, environment, `.env` and `config.toml`, in this order."""

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, create_model
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from .config import environment
from .config.types import (
    Clocks,
    Duration,
    PasswordHash,
    Period,
    Proxy,
    Secret,
    Site,
    StoreUrl,
    UrlPrefix,
    Zone,
    resolve_url,
)
from .config.types import SettingError as SettingError  # for everything that is set up by one

CONFIG = Path("config.toml")
PREFIX = f"{__name__.partition('.')[0].upper()}__"


class Section(BaseModel):
    """One `[section]` of config.toml; an unknown key in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class App(Section):
    """What the page says and how."""

    title: str = "Dashboard"
    description: str = ""
    timezone: Zone = Field("local", validate_default=True)
    stale_after: Duration = timedelta(0)


class Refresh(Section):
    """When the data are read again, and how much of them is kept."""

    every: Period = timedelta(seconds=2)
    daily_at: Clocks = []
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

    url: StoreUrl = Field("memory://", repr=False)


class Server(Section):
    """Where the server listens, and how much it takes on."""

    host: str = Field("127.0.0.1", min_length=1)  # nothing would be all addresses
    port: int = Field(8050, ge=0, le=65535)
    threads: int = Field(8, ge=1)
    connection_limit: int = Field(5_000, ge=10)
    channel_timeout: Period = timedelta(minutes=2)
    graceful_timeout: Period = timedelta(seconds=10)
    max_body_bytes: int = Field(1_000_000, ge=1_000)
    cache_bytes: int = Field(50_000_000, ge=0)
    metrics: bool = False
    workers: int = Field(1, ge=1)
    url_prefix: UrlPrefix = "/"
    trusted_proxy: Proxy = ""
    csp_sources: list[Site] = []
    frame_ancestors: list[Site] = []
    secret_key: Secret = SecretStr("")

    @property
    def url_host(self) -> str:
        """The host as a URL has it: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


class Auth(Section):
    """Who may see the dashboard."""

    users: dict[str, PasswordHash] = {}
    operators: list[str] = []
    session: Period = timedelta(days=7)
    token: Secret = SecretStr("")


class Log(Section):
    """What is logged, and where."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["text", "json"] = "text"
    access: bool = False
    file: str = ""  # relative to config.toml
    max_bytes: int = Field(10_000_000, ge=0)
    backups: int = Field(3, ge=1)


class Environment(EnvSettingsSource):
    """The environment, and below it the variables of `.env`."""

    def __init__(self, settings: type[BaseSettings], env_file: Mapping[str, str]) -> None:
        super().__init__(settings)
        values = {**{name.lower(): value for name, value in env_file.items()}, **self.env_vars}
        self.env_vars = dict(sorted(values.items()))  # a table comes before its keys


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
    source: dict[str, Any] = Field({}, repr=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the arguments first, then the tables that `load` has read."""
        arguments = dict(init_settings())
        tables = arguments.pop("tables", ())
        return tuple(InitSettingsSource(settings_cls, it) for it in (arguments, *tables))

    @property
    def folder(self) -> Path:
        """The folder of config.toml, where relative paths in it start."""
        return self.config.parent

    def in_folder(self) -> Self:
        """Return the settings with the relative paths of the log file and the store resolved."""
        file = self.log.file and str(self.folder / self.log.file)
        log = self.log.model_copy(update={"file": file})
        store = self.store.model_copy(update={"url": resolve_url(self.store.url, self.folder)})
        return self.model_copy(update={"log": log, "store": store})


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
    config, sections = config.absolute(), _sections(source)
    typed = create_model("Typed", __base__=Settings, source=(source, ...))
    try:
        config_file = _read(config, sections)
        env_file = environment.read(config.with_name(".env"), PREFIX, sections)
        tables = Environment(typed, env_file)(), config_file
        settings = Settings.model_validate({"config": config, "server": server, "tables": tables})
        source.model_validate(settings.source)
    except SettingsError as error:
        raise SettingError(f'{error}: write JSON, as in ["a", "b"].') from error
    except ValidationError as error:
        raise SettingError(_explain(error, sections)) from None  # its own text holds the value
    return settings.in_folder()


def near_misses(source: type[BaseModel]) -> dict[str, str]:
    """Return environment variables that may be meant for a setting, and its right name."""
    return environment.near_misses(PREFIX, _sections(source))


def _sections(source: type[BaseModel]) -> dict[str, type[BaseModel]]:
    types = {name: field.annotation for name, field in Settings.model_fields.items()}
    sections = {
        name: it for name, it in types.items() if isinstance(it, type) and issubclass(it, BaseModel)
    }
    return {**sections, "source": source}


def _read(config: Path, sections: environment.Sections) -> dict[str, Any]:
    """Return the tables of config.toml. Raises SettingError."""
    if not config.is_file():
        raise SettingError(
            f"The config file {config} does not exist: "
            "start in the project's folder, or name the file with --config."
        )
    try:
        values = tomllib.loads(config.read_text("utf-8-sig"))
    except OSError as error:
        raise SettingError(f"{config} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingError(f"{config} is not UTF-8 text: save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{config} is not valid TOML: {error}.") from error
    for name in values:
        if name not in sections:
            remedy = environment.suggest(name.lower(), sections) or "remove it, or move it."
            raise SettingError(f"{config}: {name!r} is no section: {remedy}")
    return values


def _explain(error: ValidationError, sections: environment.Sections) -> str:
    """The first error as one sentence with key and remedy, and the value if it is no secret."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if error.title != Settings.__name__:
        path = ["source", *path]
    key, value = ".".join(path), first["input"]
    # What stands at a wrong place may be a secret, too.
    known = path[0] in Settings.model_fields and path[0] != "source"
    scalar = isinstance(value, (str, int, float)) and not re.search("[@$]|://", str(value))
    secret = re.search("secret|token|users", key)
    said = f"{key} = {value!r}" if known and scalar and not secret else key
    if first["type"] == "missing":
        return f"{key} is missing: add it to [{path[0]}] in config.toml."
    if first["type"] == "extra_forbidden":
        names = environment.keys(sections[path[0]])
        remedy = environment.suggest(path[-1], names, f"{path[0]}.") or "rename or remove it."
        return f"{key} names no setting: {remedy}"
    return f"{said} cannot be used: {first['msg'].removeprefix('Value error, ')}."
