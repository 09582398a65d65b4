"""Errors as one line of text, and in a form that can be sent to another process."""

import pickle

from .redaction import redact

LONGEST = 500  # characters per line
RAW = 20_000  # characters that are redacted: more would take too long


def describe(error: BaseException) -> str:
    """Return the type and message of an error as one short line without secrets."""
    name, text = type(error).__name__, _text(error)
    return one_line(f"{name}: {text}" if text else name)


def one_line(text: str) -> str:
    """Return a text as one line of at most `LONGEST` printable characters, without secrets."""
    words = redact(text[:RAW]).split()
    line = "".join(it if it.isprintable() else "\ufffd" for it in " ".join(words))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def portable(error: BaseException) -> BaseException:
    """Return the error if it can be pickled, or else one with the same name and message."""
    try:
        sent = pickle.loads(pickle.dumps(error))
        if type(sent) is type(error) and str(sent) == str(error):
            return error
    except Exception:  # the error's own code may raise anything
        pass
    kind = type(error)
    plain = _rebuild(kind.__module__, kind.__qualname__, _text(error))
    plain.__cause__, plain.__context__ = error.__cause__, error.__context__
    plain.__suppress_context__ = error.__suppress_context__
    return plain.with_traceback(error.__traceback__)


class RemoteError(Exception):
    """Stands for an error of another process that cannot be unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str, str, str]]:
        return _rebuild, (type(self).__module__, type(self).__qualname__, str(self))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:
        return f"its message cannot be shown ({type(failure).__name__})"


def _rebuild(module: str, name: str, text: str) -> RemoteError:
    kind = type(name.rpartition(".")[2], (RemoteError,), {"__module__": module})
    kind.__qualname__ = name
    error: RemoteError = kind(text)
    return error
