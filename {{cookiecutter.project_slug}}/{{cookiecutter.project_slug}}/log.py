"""Where log lines go and what they look like."""

import logging.config
from typing import Any

from .setting import Log, SettingError

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(log: Log) -> None:
    """Send log lines to the console and, if one is set, to a rotating file. Raises SettingError."""
    console = {"class": "logging.StreamHandler", "formatter": log.format}
    handlers: dict[str, Any] = {"console": console}
    if log.file:
        handlers["file"] = {
            "class": "logging.handlers.RotatingFileHandler",
            "formatter": log.format,
            "filename": log.file,
            "maxBytes": log.max_bytes,
            "backupCount": log.backups,
            "encoding": "utf-8",
        }
    formatters = {
        "text": {"format": FORMAT},
        "json": {"()": "pythonjsonlogger.json.JsonFormatter", "fmt": FORMAT},
    }
    try:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "formatters": formatters,
                "handlers": handlers,
                "root": {"level": log.level, "handlers": list(handlers)},
                # It warns of each request that has to wait a moment for a thread.
                "loggers": {"waitress.queue": {"level": "ERROR"}},
            }
        )
    except ValueError as error:
        raise SettingError(
            f"log.file = {log.file!r} cannot be written ({error.__cause__}): "
            "name a file in a folder that exists and may be written to."
        ) from error
