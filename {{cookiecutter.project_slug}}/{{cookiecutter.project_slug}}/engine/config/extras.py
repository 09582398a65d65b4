"""Optional dependencies, imported only when a setting asks for them."""

import contextlib
from collections.abc import Iterator

from .types import SettingError


@contextlib.contextmanager
def extra(name: str, setting: str) -> Iterator[None]:
    """Wrap the import of an optional dependency; raise SettingError with the install command."""
    try:
        yield
    except ImportError as error:
        raise SettingError(
            f"{setting} needs {error.name}, which is not installed: "
            f'run `uv pip install -e ".[{name}]"`, or the same with `python -m pip`.'
        ) from error
