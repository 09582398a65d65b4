"""Every setting, typed: command line, environment, `.env` and `config.toml`, in this order."""

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
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
    FOLDER,
    Age,
    Clocks,
    Cron,
    Duration,
    File,
    History,
    PasswordHash,
    Period,
    Proxy,
    Secret,
    SettingError,
    Site,
    StoreUrl,
    UrlPrefix,
    Zone,
)

CONFIG = Path("config.toml")


class Section(BaseModel):
    """One `[section]` of config.toml; an unknown key in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class App(Section):
    """The page's title, time ranges and time zone, and when data are stale."""

    title: str = "Dashboard"
    description: str = ""
    timezone: Zone = Field("local", validate_default=True)
    stale_after: Age = timedelta(0)  # None: never


class Refresh(Section):
    """When the data are refreshed, and how much of them is kept."""

    every: Period = timedelta(seconds=2)
    daily_at: Clocks = []
    cron: Cron = ""
    history: History = timedelta(hours=24)  # None: all
    overlap: Duration = timedelta(minutes=5)
    ahead: Duration = timedelta(minutes=5)
    retry_at_most: Period = timedelta(minutes=1)
    timeout: Period = timedelta(minutes=5)
    worker: Literal["thread", "process", "dask"] = "thread"
    scheduler: str = "tcp://127.0.0.1:8786"
    standalone: bool = False

    @field_validator("cron")
    @classmethod
    def _only_one(cls, cron: str, info: ValidationInfo) -> str:
        if cron and info.data.get("daily_at"):
            raise ValueError("refresh.daily_at is set, too: remove one of them")
        return cron


class Store(Section):
    """Where the newest snapshot is kept."""

    url: StoreUrl = Field("memory://", repr=False)


class Server(Section):
    """Where the server listens, and how much it accepts."""

    host: str = Field("127.0.0.1", min_length=1)  # an empty host would mean all addresses
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
        """The host as it is written in a URL: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


class Auth(Section):
    """Who may see the dashboard."""

    users: dict[str, PasswordHash] = {}
    operators: list[str] = []
    session: Period = timedelta(days=7)
    token: Secret = SecretStr("")


class Alerts(Section):
    """Who gets a message when something is wrong, and when."""

    urls: list[SecretStr] = []
    lasting: Duration = Field(timedelta(minutes=5), alias="for")
    link: str = ""


class Log(Section):
    """What is logged, and where."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["text", "json"] = "text"
    access: bool = False
    file: File = ""
    max_bytes: int = Field(10_000_000, ge=0)
    backups: int = Field(3, ge=1)


class Environment(EnvSettingsSource):
    """The environment, and below it the variables of `.env`."""

    def __init__(self, settings: type[BaseSettings], env_file: Mapping[str, str]) -> None:
        super().__init__(settings)
        values = {**{name.lower(): value for name, value in env_file.items()}, **self.env_vars}
        self.env_vars = dict(sorted(values.items()))  # a table comes before its keys


Source = TypeVar("Source", bound=BaseModel)


class Settings(BaseSettings, Generic[Source]):
    """The engine's sections, and `[source]`; a subclass sets `env_prefix` and adds its own."""

    model_config = SettingsConfigDict(env_nested_delimiter="__", extra="forbid", frozen=True)
    shown: ClassVar[set[str]] = {"app", "refresh", "store", "server", "auth", "alerts", "log"}
    config: Path = CONFIG
    app: App = Field(default_factory=App)
    refresh: Refresh = Refresh()
    store: Store = Store()
    server: Server = Server()
    auth: Auth = Auth()
    alerts: Alerts = Alerts()
    log: Log = Log()
    source: Source = Field(repr=False)

    @classmethod
    def load(cls, config: Path = CONFIG, server: Mapping[str, Any] | None = None) -> Self:
        """Read all settings; `server` holds those of the command line. Raises SettingError."""
        config, sections = config.absolute(), cls.sections()
        token = FOLDER.set(config.parent)
        try:
            config_file = {"source": {}, **_read(config, sections)}
            env_file = environment.read(config.with_name(".env"), cls.env_prefix(), sections)
            tables = Environment(cls, env_file)(), config_file
            given = {"config": config, "server": server or {}, "tables": tables}
            return cls.model_validate(given)
        except SettingsError as error:
            raise SettingError(f'{error}: write JSON, as in ["a", "b"].') from error
        except ValidationError as error:  # its own text holds the value
            raise SettingError(_explain(error, sections, cls.shown)) from None
        finally:
            FOLDER.reset(token)

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

    @classmethod
    def env_prefix(cls) -> str:
        """Return the prefix of this dashboard's environment variables."""
        prefix = cls.model_config.get("env_prefix")
        if not prefix:
            raise TypeError(f"{cls.__name__}.model_config has no env_prefix: set one")
        return prefix

    @classmethod
    def sections(cls) -> dict[str, type[BaseModel]]:
        """Return the type of each `[section]` of config.toml."""
        types = {name: field.annotation for name, field in cls.model_fields.items()}
        return {
            name: it
            for name, it in types.items()
            if isinstance(it, type) and issubclass(it, BaseModel)
        }

    @classmethod
    def near_misses(cls) -> dict[str, str]:
        """Return environment variables that may be meant for a setting, and its right name."""
        return environment.near_misses(cls.env_prefix(), cls.sections())


AnySettings: TypeAlias = Settings[Any]


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
            raise SettingError(f"{config}: {name!r} is not a section: {remedy}")
    return values


def _explain(error: ValidationError, sections: environment.Sections, shown: set[str]) -> str:
    """Return the first error as one sentence, with its value if that cannot be a secret."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    key, value = ".".join(path), first["input"]
    if first["type"] == "missing":
        return f"{key} is missing: add it to [{path[0]}] in config.toml."
    if first["type"] == "extra_forbidden":
        names = environment.keys(sections[path[0]])
        remedy = environment.suggest(path[-1], names, f"{path[0]}.") or "rename or remove it."
        return f"{key} is not a setting: {remedy}"
    # A misplaced value may be a secret, too.
    scalar = isinstance(value, (str, int, float)) and not re.search("[@$]|://", str(value))
    secret = path[0] not in shown or re.search("secret|token|users|urls", key)
    label = f"{key} = {value!r}" if scalar and not secret else key
    return f"{label} cannot be used: {first['msg'].removeprefix('Value error, ')}."
