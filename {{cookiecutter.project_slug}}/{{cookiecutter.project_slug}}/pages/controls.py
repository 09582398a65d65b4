"""The controls: what a viewer can choose, which follows the data."""

from zoneinfo import ZoneInfo

import pandas as pd
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from .. import engineering
from ..engine.figures import catalog, formats, lines, ranges
from ..engine.page import Data, Tables, aria, view
from ..setting import Settings
from .selection import CHOICES, Names, described, guarded, known, plain


@view(
    [
        Output("series", "options"),
        Output("window", "options"),
        Output("dates", "min_date_allowed"),
        Output("dates", "max_date_allowed"),
    ],
    [CHOICES[0]],
)
def options(
    tables: Tables, names: Names, settings: Settings
) -> tuple[list[dict[str, str]], dict[str, str], str | None, str | None]:
    """List the series, the time ranges and the first and the last day, which follow the data."""
    first, last = days(tables, settings.app.timezone)
    return series_options(tables, names), time_ranges(tables, settings), first, last


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


def days(tables: Tables, zone: ZoneInfo) -> tuple[str | None, str | None]:
    """Return the days of the first and the newest row, if there are any."""
    times = moments(tables)[0].iloc[[0, -1]] if len(moments(tables)[0]) else ()
    first, last = [f"{it.astimezone(zone):%Y-%m-%d}" for it in times] or (None, None)
    return first, last


def controls(settings: Settings, data: Data) -> Component:
    """Return the controls."""
    tables = data.tables()
    # Views fill these lists, too, but a choice in the address must be in the first one.
    series, window, first, last = options(tables, [], settings)
    return html.Section(
        [
            html.Label("Series", htmlFor="series"),
            dcc.Dropdown(series, [], id="series", multi=True, placeholder="All"),
            html.Fieldset(
                [
                    html.Legend("Time"),
                    dcc.RadioItems(window, "all", id="window", inline=True),
                    dcc.DatePickerRange(
                        id="dates",
                        min_date_allowed=first,
                        max_date_allowed=last,
                        display_format="YYYY-MM-DD",
                        start_date_placeholder_text="From",
                        end_date_placeholder_text="To",
                        updatemode="bothdates",
                        number_of_months_shown=1,
                        first_day_of_week=1,
                        clearable=True,
                    ),
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
    """Keep the choices among those offered, and show what a viewer chooses by zoom or click."""
    app.clientside_callback(
        ClientsideFunction("choices", "fit"),
        Input("window", "options", allow_optional=True),
        Input("status", "data-version"),  # Dash does not report options that are as at first
        State("window", "value", allow_optional=True),
    )
    app.clientside_callback(
        ClientsideFunction("zoom", "show"),
        Output("dates", "start_date"),
        Output("dates", "end_date"),
        Input("window", "value", allow_optional=True),
    )
    app.clientside_callback(
        ClientsideFunction("zoom", "pickDates"),
        Input("dates", "start_date", allow_optional=True),
        Input("dates", "end_date", allow_optional=True),
    )
    app.clientside_callback(
        ClientsideFunction("pick", "press"),
        Input("series", "value", allow_optional=True),
        Input("cards", "children", allow_optional=True),
    )
