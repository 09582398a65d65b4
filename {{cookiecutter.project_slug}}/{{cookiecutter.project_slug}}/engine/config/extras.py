"""Optional dependencies, imported only when a setting asks for them."""

import contextlib
from collections.abc import Iterator

from .types import SettingError


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
