"""The controls: what a viewer can choose, which follows the data."""

from typing import Any

import pandas as pd
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from .. import engineering
from ..engine.figures import catalog, formats, lines, ranges
from ..engine.page import Data, Tables, aria, view
from ..setting import Settings
from .selection import CHOICES, Names, described, guarded, known, plain

# Choices survive a reload.
PERSISTENT: Any = {"persistence": True, "persistence_type": "session"}


@view([Output("series", "options"), Output("window", "options")], [CHOICES[0]])
def options(
    tables: Tables, names: Names, settings: Settings
) -> tuple[list[dict[str, str]], dict[str, str]]:
    """List the series and the time ranges, which follow the data."""
    return series_options(tables, names), time_ranges(tables, settings)


def series_options(tables: Tables, names: Names) -> list[dict[str, str]]:
    """List the series in the data, and those chosen, which Dash would drop from the choice."""
    labels = described(tables)["label"].to_dict()
    if not labels:
        listed = engineering.known_series()["label"]
        labels = {it: label for it, label in listed.items() if not catalog.is_pattern(it)}
    chosen = [plain(it) for it in names or []]
    found = labels | {it: it for it in chosen if it not in labels}
    return [{"value": guarded(it), "label": guarded(label)} for it, label in found.items()]


def time_ranges(tables: Tables, settings: Settings) -> dict[str, str]:
    """List the time ranges, by default those that fit the data."""
    offered = settings.app.ranges
    if offered is None:
        offered = ranges.of_data(*moments(tables))
    return {formats.duration(it): formats.words(it) for it in offered} | {"all": "All"}


def controls(settings: Settings, data: Data) -> Component:
    """Return the controls."""
    tables = data.tables()
    # Views of the data, but Dash drops a stored choice that is not in the first list.
    series, window = options(tables, [], settings)
    return html.Section(
        [
            html.Label("Series", htmlFor="series"),
            dcc.Dropdown(series, [], id="series", multi=True, placeholder="All", **PERSISTENT),
            html.Fieldset(
                [
                    html.Legend("Time"),
                    dcc.RadioItems(window, "all", id="window", inline=True, **PERSISTENT),
                ]
            ),
            html.Button("Refresh now", id="refresh-now", className="action"),
            html.Button("Download CSV", id="download-button", className="action"),
            dcc.Download(id="download"),
        ],
        className="controls",
        **aria(label="Choices"),
    )


def moments(tables: Tables) -> tuple[pd.Series, list[int]]:
    """Return the times of the rows, and the usual intervals between those of each series."""
    readings, texts = tables["readings"], tables["states"]
    if len(readings) or texts.empty:
        return readings["time"], list(known(tables)["usual"])
    times = lines.microseconds(texts["time"])
    return texts["time"], [lines.usual_distance(times[it]) for it in lines.split(texts).values()]


def add_callbacks(app: Dash, settings: Settings, data: Data) -> None:
    """Choose "All" if the chosen time range is not offered any more."""
    app.clientside_callback(
        ClientsideFunction("choices", "fit"),
        Input("window", "options", allow_optional=True),
        Input("status", "data-version"),  # Dash does not report options that are as at first
        State("window", "value", allow_optional=True),
    )
