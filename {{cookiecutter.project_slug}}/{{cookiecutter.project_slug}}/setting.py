"""The settings: the engine's sections of config.toml, `[source]`, and your own."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from . import engine
from .engine import Ranges
from .reading import Source


class App(engine.App):
    """The section `[app]`; to add your own setting, add a line here and one in config.toml."""

    ranges: Ranges = Field("auto", validate_default=True)


class Settings(engine.Settings[Source]):
    """All sections."""

    model_config = SettingsConfigDict(env_prefix=f"{__package__.upper()}__")
    app: App = Field(default_factory=App)
