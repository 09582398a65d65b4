"""The services that messages are sent to, through the Apprise library."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from ..config.extras import extra
from ..config.types import SettingError
from ..diagnostics.errors import describe, one_line
from .messages import Message

KINDS = {"none": "info", "ok": "success", "warn": "warning", "critical": "failure"}


@dataclass(frozen=True)
class Service:
    """A service; its `name` contains no secret."""

    name: str
    apprise: Any

    def send(self, message: Message) -> str:
        """Send a message; return "" or the reason for the failure."""
        title, body, level = message
        try:
            result = self.apprise.notify(
                body, title=title, notify_type=KINDS[level], body_format="text"
            )
        except Exception as error:  # whatever the library or its plugin raises
            return describe(error)
        if result:
            return ""
        said = (str(it.message) for it in result.logs())
        return one_line(" ".join(dict.fromkeys(said))) or "no reason given"


def open_services(urls: Sequence[SecretStr]) -> list[Service]:
    """Return the services of `[alerts] urls`. Raises SettingError."""
    with extra("alerts", "alerts.urls"):
        import apprise
    log = logging.getLogger("apprise")  # it logs every attempt; `sender` logs each incident once
    log.propagate = False
    log.addHandler(logging.NullHandler())
    services = []
    for number, url in enumerate(urls):
        name, found = f"alerts.urls[{number}]", apprise.Apprise()
        if not found.add(url.get_secret_value()):
            raise SettingError(
                f"{name} cannot be used: Apprise does not recognize this URL; "
                "docs/alerts.md has examples."
            )
        services.append(Service(f"{name} ({found[0].service_name})", found))
    return services
