"""Views: functions of the data and a viewer's choices, computed once for all viewers."""

from collections.abc import Callable, Sequence
from contextvars import Context, ContextVar
from functools import update_wrapper, wraps
from inspect import signature
from types import ModuleType
from typing import Any, Generic, ParamSpec, TypeVar

from dash import Dash, Input, Output
from dash.dependencies import DashDependency

from .. import log
from ..data.access import Data
from ..data.snapshot import Tables
from ..settings import AnySettings
from .arguments import Arguments, hints
from .dash_internals import MissingCallbackContextException, callbacks, is_dashs

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

VERSION = Input("snapshot-version", "data")
# The tables of the answer that is computed now.
TABLES: ContextVar[Tables | None] = ContextVar("TABLES", default=None)


class ViewError(Exception):
    """A view that does what only a callback may do; the message says what to do instead."""


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
    """Show what a function returns; it is computed once per snapshot and choice, for all viewers.

    The function takes the tables, an argument for each choice, and `settings` if it needs them.
    It may not depend on the viewer: not on the request, the session or the user.
    """
    return lambda function: View(function, output, choices)


def per_snapshot(function: Callable[[Tables], T]) -> Callable[[Tables], T]:
    """Compute a function of the tables once per snapshot, for all views."""

    @wraps(function)
    def derived(tables: Tables) -> T:
        return tables.derive(function)

    return derived


def add_views(app: Dash, module: ModuleType, data: Data, settings: AnySettings) -> None:
    """Show the views of a module: they follow the data and the choices."""
    views = app.server.extensions.setdefault("views", {})
    for it in vars(module).values():
        if isinstance(it, View) and it.__module__ == module.__name__:
            known = set(callbacks(app))
            bound = BoundView(app, it, data, settings)
            app.callback(it.output, [VERSION, *it.choices])(bound.callback)
            views[(callbacks(app).keys() - known).pop()] = bound


def refuse_wrapped(app: Dash) -> None:
    """Refuse views of Dash that were wrapped: the engine's own routes come later, without that.

    Raises TypeError.
    """
    for endpoint, function in app.server.view_functions.items():
        if endpoint.startswith("/") and not is_dashs(function):
            raise TypeError(
                f"create_app wraps the view of {endpoint}, which would leave other routes open: "
                "check who may see the page in a hook, with @app.server.before_request"
            )


def views_of(app: Dash) -> dict[str, "BoundView"]:
    """Return the views of an app by the name that Dash gives to their outputs."""
    found: dict[str, BoundView] = app.server.extensions.get("views", {})
    return found


class BoundView:
    """A view with the data and the settings of an app."""

    def __init__(self, app: Dash, view: View[..., Any], data: Data, settings: AnySettings) -> None:
        self.data, self.choices, self._app, self._settings = data, view.choices, app, settings
        self._function, self._name = (
            view.function,
            f"{view.__module__}.{view.function.__qualname__}",
        )
        names, expected = [str(it) for it in view.choices], 1 + len(view.choices)
        parameters = list(signature(view.function).parameters)
        self._takes_settings = parameters[expected:] == ["settings"]
        if len(parameters) != expected + self._takes_settings:
            raise TypeError(
                f"the view {self._name} takes ({', '.join(parameters)}): let it take the tables, "
                f"then {len(names)} choices ({', '.join(names)}), and last, if needed, `settings`"
            )
        types = hints(view.function)[1:expected]
        self._arguments = Arguments(dict(zip(names, types, strict=True)))

        # The names and annotations are those of the function, which requests are checked by.
        @wraps(view.function)
        def callback(_version: object, *choices: Any) -> Any:
            tables = TABLES.get() or data.tables()
            return Context().run(self._call, log.REQUEST.get(), tables, choices)

        self.callback = callback

    def _call(self, request: str, tables: Tables, choices: Sequence[Any]) -> Any:
        """Call the function in a context without a viewer."""
        log.REQUEST.set(request)
        values = self._arguments.validate(choices)
        more = [self._settings] if self._takes_settings else []
        with self._app.server.app_context():
            try:
                return self._function(tables, *values, *more)
            except (RuntimeError, MissingCallbackContextException) as error:
                if _is_about_viewer(error):
                    raise ViewError(
                        f"the view {self._name} uses the request or the session, which belong to "
                        "one viewer, but is shared among all: make it an @app.callback"
                    ) from error
                raise


def _is_about_viewer(error: Exception) -> bool:
    outside = str(error).startswith("Working outside of request context")
    return outside or isinstance(error, MissingCallbackContextException)
