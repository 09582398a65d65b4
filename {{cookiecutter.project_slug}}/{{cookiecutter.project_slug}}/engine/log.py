"""Where log lines go and what they look like."""

import json
import logging.config
from collections import deque
from contextvars import ContextVar
from operator import itemgetter
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from .config.types import SettingError
from .diagnostics.log_file import LogFile
from .diagnostics.redaction import MASK, SECRET_NAME, redact
from .settings import Log

FORMAT = "%(asctime)s %(levelname)s %(name)s%(request)s: %(message)s"
JSON = "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s"
LONGEST = 100_000  # characters; longer records are cut in the middle
LINES = 200  # how many lines a page can show: ordinary events; warnings and errors
REQUEST: ContextVar[str] = ContextVar("REQUEST", default="")  # the id of the current request


def add_request(record: logging.LogRecord) -> bool:
    """Add the id of the request, or of the series of failures, that a line was logged for."""
    number = REQUEST.get()
    shown = getattr(record, "incident", number)
    record.__dict__.update(request_id=number, request=f" [{shown}]" if shown else "")
    return True


class Text(logging.Formatter):
    """Formats a line of text, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return _clean(super().format(record))


class Json(JsonFormatter):
    """Formats a line of JSON, without secrets."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Redact every field before serialization, so that the line stays valid JSON."""
        fields: dict[str, Any] = json.loads(self.jsonify_log_record(log_data))
        cleaned: dict[str, Any] = _clean_fields(fields)
        return cleaned


def _clean(text: str) -> str:
    """Cut and redact a text, and escape lone surrogates, which cannot be encoded."""
    if len(text) > LONGEST:  # between two words: half a secret would not be recognized
        half = LONGEST // 2
        text = f"{text[:half].rsplit(None, 1)[0]} … {text[-half:].split(None, 1)[-1]}"
    return redact(text).encode(errors="backslashreplace").decode()


def _clean_fields(value: Any, name: str = "") -> Any:
    match value:
        case dict():
            return {_clean(key): _clean_fields(it, key) for key, it in value.items()}
        case list():
            return [_clean_fields(it, name) for it in value]
        case str():
            return MASK if SECRET_NAME.search(name) else _clean(value)
    return value


class Tail(logging.Handler):
    """Holds the newest lines for a page to show; ordinary events never displace warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.events: deque[tuple[float, str]] = deque(maxlen=LINES)
        self.warnings: deque[tuple[float, str]] = deque(maxlen=LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """Add a line, with its traceback."""
        lines = self.warnings if record.levelno >= logging.WARNING else self.events
        try:
            lines.append((record.created, self.format(record)))
        except Exception:  # a badly formatted log call must not raise
            self.handleError(record)


def tail() -> list[str]:
    """Return the newest lines of this process, the oldest first."""
    tails = [it for it in logging.root.handlers if isinstance(it, Tail)]
    lines = [line for it in tails for line in (*it.events, *it.warnings)]
    return [line for _, line in sorted(lines, key=itemgetter(0))]


def configure(log: Log) -> None:
    """Send log lines to the console and, if one is set, to a rotating file. Raises SettingError."""
    common: dict[str, Any] = {"formatter": log.format, "filters": ["request"]}
    handlers: dict[str, Any] = {
        "console": {"class": "logging.StreamHandler", **common},
        "tail": {"()": Tail, **common, "formatter": "text"},
    }
    if log.file:
        handlers["file"] = {
            "()": LogFile,
            **common,
            "filename": log.file,
            "maxBytes": log.max_bytes,
            "backupCount": log.backups,
            "encoding": "utf-8",
        }
    formatters = {
        "text": {"()": Text, "fmt": FORMAT},
        "json": {"()": Json, "fmt": JSON, "reserved_attrs": [*RESERVED_ATTRS, "request"]},
    }
    try:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "filters": {"request": {"()": lambda: add_request}},
                "formatters": formatters,
                "handlers": handlers,
                "root": {"level": log.level, "handlers": list(handlers)},
                # It warns about each request that has to wait a moment for a thread.
                "loggers": {"waitress.queue": {"level": "ERROR"}},
            }
        )
    except ValueError as error:
        raise SettingError(
            f"log.file = {log.file!r} cannot be written ({error.__cause__}): "
            "name a file in an existing, writable folder."
        ) from error
