"""The settings: the engine's sections of config.toml, `[source]`, and your own."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from . import engine
from .engine import Period
from .reading import Source


class App(engine.App):
    """The section `[app]`; to add your own setting, add a line here and one in config.toml."""

    ranges: list[Period] = Field([timedelta(hours=1), timedelta(days=1)])


class Settings(engine.Settings[Source]):
    """All sections."""

    model_config = SettingsConfigDict(env_prefix=f"{__package__.upper()}__")
    app: App = Field(default_factory=App)
