"""The overview page: KPIs and charts of the newest data, filtered by the viewer's choices."""

import re
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from pydantic import validate_call

from .. import engineering
from ..engine import Duration
from ..engine.figures import catalog, formats, lines, ranges, ranking, states
from ..engine.page import Data, Tables, aria, loading, per_snapshot, text_table, to_csv, view
from ..engineering import Kpi
from ..setting import Settings

CHOICES = [Input("series", "value"), Input("window", "value")]
# What a viewer may choose; requests with any other values are rejected.
Names = list[str] | None
Window = Duration | Literal["all"]
# Plotly's selection buttons have no use here, and one button would send the data to its cloud.
GRAPH: Any = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "sendChartToCloud"],
}
# Choices survive a reload.
PERSISTENT: Any = {"persistence": True, "persistence_type": "session"}
UNSEEN = "\N{WORD JOINER}"
STATES = {"ok": "OK", "warn": "Warning", "critical": "Critical", "none": ""}
# Plotly's names for the ends of the whiskers, which are percentiles here.
PERCENTILES = {"min:": "5 %:", "q1:": "25 %:", "median:": "50 %:", "q3:": "75 %:", "max:": "95 %:"}
CONFIG: Any = {"distribution-graph": {"locales": {"en": {"dictionary": PERCENTILES}}}}


@view(Output("cards", "children"), CHOICES)
def cards(tables: Tables, names: Names, window: Window, settings: Settings) -> list[Component]:
    """Show the KPIs."""
    readings, zone = shown(tables, names, window), settings.app.timezone
    series, texts = engineering.known_series(), selected_bands(tables, names, window)
    kpis = engineering.kpis(readings, known(tables), zone)
    return [card(it) for it in [*kpis, *engineering.state_kpis(texts, series, zone)]]


@view(Output("trend-graph", "figure"), CHOICES)
def trend(tables: Tables, names: Names, window: Window, settings: Settings) -> go.Figure:
    """Show the readings over time."""
    readings = shown(tables, names, window)
    if is_blank(tables, readings):
        return engineering.hidden_figure()
    figure = engineering.trend_figure(readings, known(tables), settings.app.timezone)
    return figure.update_layout(uirevision=f"{window} {names}")  # new choices reset the zoom


@view(Output("distribution-graph", "figure"), CHOICES)
def distribution(tables: Tables, names: Names, window: Window) -> go.Figure:
    """Show the spread of the readings."""
    readings = shown(tables, names, window)
    if is_blank(tables, readings):
        return engineering.hidden_figure()
    return engineering.distribution_figure(readings, known(tables))


@view([Output("states-graph", "figure"), Output("states-table", "children")], CHOICES)
def timelines(
    tables: Tables, names: Names, window: Window, settings: Settings
) -> tuple[go.Figure, list[Component]]:
    """Show the states over time, and the newest of them as a table."""
    series, zone = engineering.known_series(), settings.app.timezone
    bands = selected_bands(tables, names, window)
    figure = engineering.states_figure(bands, series, zone)
    return figure.update_layout(uirevision=f"{window} {names}"), bands_table(bands, series, zone)


@view([Output("ranking-graph", "figure"), Output("ranking-table", "children")], [CHOICES[0]])
def bars(tables: Tables, names: Names) -> tuple[go.Figure, list[Component]]:
    """Show the rows of a table without a time, the largest first."""
    rows, series = filtered(tables["ranking"], names), engineering.known_series()
    return engineering.ranking_figure(rows, series), ranking_table(rows, series)


@view(Output("more", "children"), CHOICES)
def more(tables: Tables, names: Names, window: Window) -> str:
    """Say how many series are not shown, if any."""
    count = selected(tables, names, window)["series"].nunique()
    if names or count <= engineering.MANY:
        return ""
    why = "those beyond their limits or with the largest changes. Choose others above."
    return f"{engineering.MANY} of {count:,} series: {why}"


@view(Output("series", "options"), [CHOICES[0]])
def series_options(tables: Tables, names: Names) -> list[dict[str, str]]:
    """List the series in the data, and those chosen, which Dash would drop from the choice."""
    labels = described(tables)["label"].to_dict()
    if not labels:
        listed = engineering.known_series()["label"]
        labels = {it: label for it, label in listed.items() if not catalog.is_pattern(it)}
    chosen = [plain(it) for it in names or []]
    found = labels | {it: it for it in chosen if it not in labels}
    return [{"value": guarded(it), "label": guarded(label)} for it, label in found.items()]


@view(Output("window", "options"))
def time_ranges(tables: Tables, settings: Settings) -> dict[str, str]:
    """List the time ranges, by default those that fit the data."""
    offered = settings.app.ranges
    if offered is None:
        offered = ranges.of_data(*moments(tables))
    return {formats.duration(it): formats.words(it) for it in offered} | {"all": "All"}


def add_callbacks(app: Dash, settings: Settings, data: Data) -> None:
    """Add callbacks that depend on the viewer."""

    @app.callback(
        Output("download", "data"),
        Input("download-button", "n_clicks"),
        State("series", "value"),
        State("window", "value"),
        prevent_initial_call=True,
    )
    @validate_call
    def download(_clicks: int | None, names: Names, window: Window) -> dict[str, Any]:
        content = csv(data.tables(), names, window, settings)
        return {"content": content, "filename": f"{app.config.name}.csv"}

    app.clientside_callback(
        ClientsideFunction("choices", "fit"),
        Input("window", "options"),
        State("window", "value"),
        State("snapshot-version", "data"),
        State("window", "id"),
    )


def layout(settings: Settings, data: Data) -> Component:
    """Return the page without its data."""
    return html.Main(
        [
            controls(settings, data),
            html.P(id="more", className="more"),
            loading(
                html.Div(id="cards", className="cards"),
                html.Div(
                    [
                        panel("Trend", "trend-graph"),
                        panel("Distribution", "distribution-graph"),
                        panel("States", "states-graph", rows="states-table"),
                        panel("Ranking", "ranking-graph", rows="ranking-table"),
                    ],
                    className="panels",
                ),
            ),
        ]
    )


@per_snapshot
def known(tables: Tables) -> pd.DataFrame:
    """Return the metadata and statistics of each series, from all readings."""
    series = engineering.known_series()
    return engineering.survey(tables["readings"], series, tables.created)


@per_snapshot
def described(tables: Tables) -> pd.DataFrame:
    """Return the label, unit and decimals of each series of all tables."""
    names, ranked = tables["states"]["series"].cat.categories, tables["ranking"]
    others = catalog.listed([*names, *ranked["series"].cat.categories], engineering.known_series())
    values = ranked.groupby("series", observed=True)["value"].agg(
        lambda it: formats.decimals(it.to_numpy())
    )
    others["decimals"] = values.reindex(others.index).astype(object)
    both = pd.concat([known(tables), others])
    return both.loc[~both.index.duplicated(), ["label", "unit", "decimals"]]


def selected(tables: Tables, names: Names, window: Window) -> pd.DataFrame:
    """Return the readings that a viewer has selected."""
    chosen = [plain(it) for it in names or []]
    return engineering.select(tables["readings"], chosen, None if window == "all" else window)


def shown(tables: Tables, names: Names, window: Window) -> pd.DataFrame:
    """Return the selected readings of the series to show: not of all if there are too many."""
    readings = selected(tables, names, window)
    return readings if names else engineering.important(readings, known(tables))


def moments(tables: Tables) -> tuple[pd.Series, list[int]]:
    """Return the times of the rows, and the usual intervals between those of each series."""
    readings, texts = tables["readings"], tables["states"]
    if len(readings) or texts.empty:
        return readings["time"], list(known(tables)["usual"])
    times = lines.microseconds(texts["time"])
    return texts["time"], [lines.usual_distance(times[it]) for it in lines.split(texts).values()]


def filtered(table: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Return the rows of the chosen series."""
    return engineering.select(table, [plain(it) for it in names or []])


@per_snapshot
def bands(tables: Tables) -> pd.DataFrame:
    """Return how long each series of states was in each state."""
    newest = [tables[it]["time"].iloc[-1] for it in ("readings", "states") if len(tables[it])]
    return states.bands(tables["states"], max(newest, default=None), tables.created)


def selected_bands(tables: Tables, names: Names, window: Window) -> pd.DataFrame:
    """Return the bands that a viewer has selected; one may have begun before the window."""
    chosen = filtered(bands(tables), names)
    if window == "all" or chosen.empty:
        return chosen
    return states.clip(chosen, bands(tables)["end"].max() - window)


def is_blank(tables: Tables, readings: pd.DataFrame) -> bool:
    """Return whether charts of readings have nothing to show, but others have."""
    return readings.empty and bool(len(tables["states"]) or len(tables["ranking"]))


def selected_rows(tables: Tables, names: Names, window: Window) -> pd.DataFrame:
    """Return the readings and states that a viewer has selected, or the rows of the ranking."""
    readings, texts = selected(tables, names, window), tables["states"]
    if is_blank(tables, tables["readings"]) and texts.empty:
        return filtered(tables["ranking"], names)
    if texts.empty:
        return readings
    chosen = [plain(it) for it in names or []]
    texts = engineering.select(texts, chosen, None if window == "all" else window)
    return states.together(readings, texts)


def csv(tables: Tables, names: Names, window: Window, settings: Settings) -> str:
    """Return the selected rows as CSV, with times in the dashboard's time zone."""
    rows = selected_rows(tables, names, window)
    if "time" in rows:
        rows = rows.assign(time=rows["time"].dt.tz_convert(settings.app.timezone))
    if "state" in rows:
        texts = rows.pop("state").astype(object)
        rows["value"] = texts.where(texts.notna(), rows["value"])
    return to_csv(rows)


def guarded(text: str) -> str:
    """Insert an invisible character into `__proto__`, which would break the dropdown's search."""
    return re.sub("(?i)(?<=__proto)(?=__)", UNSEEN, text)


def plain(text: str) -> str:
    """Return the original value."""
    return re.sub(f"(?i)(?<=__proto){UNSEEN}(?=__)", "", text)


def controls(settings: Settings, data: Data) -> Component:
    """Return the controls."""
    tables = data.tables()
    # Views of the data, but Dash drops a stored choice that is not in the first list.
    series, window = series_options(tables, []), time_ranges(tables, settings)
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


def panel(title: str, graph: str, rows: str = "") -> Component:
    """Return a frame with a title and a graph; with `rows`, a table below it.

    charts.js hides a frame without data; one with rows is hidden until they arrive.
    """
    table = html.Details([html.Summary("Table"), html.Div(id=rows)])
    empty = engineering.message_figure(engineering.EMPTY)
    return html.Section(
        [
            html.H2(title),
            html.Div(
                dcc.Graph(
                    id=graph,
                    figure=engineering.hidden_figure() if rows else empty,
                    config=GRAPH | CONFIG.get(graph, {}),
                ),
                className="graph",
            ),
            *([table] if rows else []),
        ],
        className="panel" + (" panel-rows" if rows else ""),
        hidden=bool(rows),
        **aria(label=title),
    )


def card(kpi: Kpi) -> Component:
    """Return a KPI as a card."""
    late = [html.Span(["last reading ", html.Time(kpi.since)], className="card-late")]
    size = {"--characters": len(kpi.value)}  # css-layout.css chooses the font size by it
    return html.Div(
        [
            html.Span(kpi.label, className="card-label"),
            html.Span([kpi.value, html.Small(kpi.unit)], className="card-value", style=size),
            html.Span(
                f"since {kpi.began}" if kpi.began else f"{kpi.low} to {kpi.high}",
                className="card-range",
            ),
            html.Span(STATES[kpi.state], className="card-state"),
            *(late if kpi.since else []),
        ],
        className=f"card card-{kpi.state}" + (" card-behind" if kpi.since else ""),
    )


def bands_table(bands: pd.DataFrame, series: pd.DataFrame, zone: ZoneInfo) -> list[Component]:
    """Return the newest states as a table."""
    newest = bands.sort_values("start", ascending=False, kind="stable").head(states.ROWS)
    known = catalog.listed(newest["series"].unique(), series)
    labels, level = known["label"], states.levels(newest, known)
    rows = [
        [
            labels[row.series],
            row.state,
            STATES[states.LEVELS[at]],
            formats.moment(row.start, zone),
            states.lasted(row.end - row.start),
        ]
        for row, at in zip(newest.itertuples(), level, strict=True)
    ]
    heads = ["Series", "State", "", "Since", "Lasted"]
    return text_table("Newest states", heads, rows, len(bands))


def ranking_table(rows: pd.DataFrame, series: pd.DataFrame) -> list[Component]:
    """Return the rows of a ranking as a table."""
    known = catalog.listed(rows["series"].unique(), series).head(ranking.PANELS)
    wide = ranking.by_item(rows, list(known.index))
    top = wide.head(ranking.ROWS)
    columns = [list(top.index), *(ranking.written(top[name]) for name in known.index)]
    heads = [
        "Item",
        *(
            f"{label} ({unit})" if unit else label
            for label, unit in known[["label", "unit"]].itertuples(index=False)
        ),
    ]
    return text_table("Ranking", heads, zip(*columns, strict=True), len(wide), len(known))
