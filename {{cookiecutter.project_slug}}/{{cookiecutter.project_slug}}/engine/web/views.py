"""Views: functions of the data and a viewer's choices, computed once for all viewers."""

from collections.abc import Callable, Sequence
from contextvars import Context, ContextVar
from functools import update_wrapper, wraps
from inspect import signature, unwrap
from types import ModuleType
from typing import Any, Generic, ParamSpec, TypeVar

from dash import Dash, Input, Output
from dash.dependencies import DashDependency
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from .. import log
from ..data.access import Data
from ..data.snapshot import Tables
from ..settings import AnySettings
from .arguments import Arguments, hints
from .dash_internals import (
    MissingCallbackContextException,
    callback_names,
    find_callback,
    is_from_dash,
    leave_callback,
)

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

VERSION = Input("snapshot-version", "data")
# The tables from which the current response is computed.
TABLES: ContextVar[Tables | None] = ContextVar("TABLES", default=None)

REPLACED = "two callbacks have the output {}: remove one, or give it another output"


class ViewError(Exception):
    """A view did what only a callback may do; the message names the remedy."""


class View(Generic[P, R]):
    """A function of tables and choices, and where its result is shown."""

    def __init__(
        self,
        function: Callable[P, R],
        output: Output | Sequence[Output],
        choices: Sequence[DashDependency],
    ) -> None:
        update_wrapper(self, function)
        self.function, self.output, self.choices = function, output, choices

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)


def view(
    output: Output | Sequence[Output], choices: Sequence[DashDependency] = ()
) -> Callable[[Callable[P, R]], View[P, R]]:
    """Make a function a view: `output` shows its result, which all viewers share.

    It is computed once per snapshot and choice.

    The function takes the tables, one argument per choice, and `settings` if it needs them. It
    must not depend on the viewer: the request, the session or the user.
    """
    return lambda function: View(function, output, choices)


def per_snapshot(function: Callable[[Tables], T]) -> Callable[[Tables], T]:
    """Compute a function of the tables once per snapshot, for all views.

    Each view gets its own copy of a DataFrame or Series; do not change a result of another type.
    """

    @wraps(function)
    def derived(tables: Tables) -> T:
        return tables.derive(function)

    return derived


def add_views(app: Dash, module: ModuleType, settings: AnySettings, data: Data) -> None:
    """Register the views of a module as callbacks that follow the data and the choices."""
    views = app.server.extensions.setdefault("views", {})
    for it in vars(module).values():
        if isinstance(it, View) and it.__module__ == module.__name__:
            known = callback_names(app)
            bound = BoundView(app, it, settings, data)
            app.callback(it.output, [VERSION, *it.choices])(bound.callback)
            added = callback_names(app) - known
            if not added:
                raise TypeError(REPLACED.format(it.output))
            views[added.pop()] = bound


def refuse_wrapped(app: Dash) -> None:
    """Reject wrapped Dash routes: the engine adds its own routes later, which would stay open.

    Raises TypeError.
    """
    for endpoint, function in app.server.view_functions.items():
        if endpoint.startswith("/") and not is_from_dash(function):
            raise TypeError(
                f"create_app wraps the route {endpoint}, which would leave other routes open: "
                "check who may see the page in a hook, with @app.server.before_request"
            )


def refuse_replaced(app: Dash) -> None:
    """Reject a plain callback that replaces a view: it would be shared. Raises TypeError."""
    for name, bound in views_of(app).items():
        found = find_callback(app, name)
        if found is None or unwrap(found.function) != bound.callback:
            raise TypeError(REPLACED.format(name))


def views_of(app: Dash) -> dict[str, "BoundView"]:
    """Return the views of an app, keyed by Dash's names for their outputs."""
    found: dict[str, BoundView] = app.server.extensions.get("views", {})
    return found


class BoundView:
    """A view bound to the data and settings of an app."""

    def __init__(self, app: Dash, view: View[..., Any], settings: AnySettings, data: Data) -> None:
        self.data, self.choices, self._app, self._settings = data, view.choices, app, settings
        self._function = view.function
        self._name = f"{view.__module__}.{view.function.__qualname__}"
        names, expected = [str(it) for it in view.choices], 1 + len(view.choices)
        parameters = list(signature(view.function).parameters)
        self._takes_settings = parameters[expected:] == ["settings"]
        if len(parameters) != expected + self._takes_settings:
            raise TypeError(
                f"the view {self._name} takes ({', '.join(parameters)}): it must take the tables, "
                f"then {len(names)} choices ({', '.join(names)}), and may take `settings` last"
            )
        types = hints(view.function)[1:expected]
        self._types = dict(zip(names, types, strict=True))
        self._arguments = Arguments(names, types)

    def accepts(self, name: str, value: str) -> bool:
        """Return whether an input, as in `window.value`, may have a value; without it, True."""
        try:
            TypeAdapter(self._types.get(name, Any)).validate_json(to_json(value), strict=True)
        except ValidationError:
            return False
        return True

    def callback(self, _version: object, *choices: Any) -> Any:
        """Call the function in a context without a viewer; Dash calls this."""
        tables = TABLES.get() or self.data.tables()
        return Context().run(self._call, log.REQUEST.get(), tables, choices)

    def _call(self, request: str, tables: Tables, choices: Sequence[Any]) -> Any:
        log.REQUEST.set(request)
        leave_callback()
        values = self._arguments.validate(choices)
        more = [self._settings] if self._takes_settings else []
        with self._app.server.app_context():
            try:
                return self._function(tables, *values, *more)
            except (RuntimeError, MissingCallbackContextException) as error:
                if _is_about_viewer(error):
                    raise ViewError(
                        f"the view {self._name} uses the request or the session of one viewer, "
                        "but its result is shared among all: make it an @app.callback"
                    ) from error
                raise


def _is_about_viewer(error: Exception) -> bool:
    return isinstance(error, MissingCallbackContextException) or "request context" in str(error)
