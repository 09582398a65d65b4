"""The data: the readings that a viewer has chosen, row by row."""

from typing import Annotated, Any, Literal

import dash_ag_grid as dag
import pandas as pd
from dash import Dash, Input, Output, html, no_update
from dash.development.base_component import Component
from pydantic import Field
from typing_extensions import TypedDict

from ... import engineering
from ..engine.settings import Settings
from ..engine.data.store import Store
from .overview import CHOICES, Names, Survey, Window, chosen, controls

ROWS = 100  # of a page of the table; no more are sent at a time
COLUMNS = [
    {"field": "time", "headerName": "Time", "minWidth": 175},
    {"field": "series", "headerName": "Series", "minWidth": 95, "tooltipField": "series"},
    {"field": "value", "headerName": "Value", "minWidth": 85, "type": "rightAligned"},
    {"field": "unit", "headerName": "Unit", "minWidth": 75, "sortable": False},
]
# The colors are those of css-theme.css, which says whether they are light or dark, too.
THEME = """themeQuartz.withParams({
    backgroundColor: "var(--panel)", foregroundColor: "var(--text)", accentColor: "var(--accent)",
    borderColor: "var(--line)", browserColorScheme: "inherit", fontFamily: "inherit", spacing: 6
})"""


class Order(TypedDict):
    """A column that the table is sorted by."""

    colId: Literal["time", "series", "value"]
    sort: Literal["asc", "desc"]


class Asked(TypedDict):
    """What the table asks for: the rows of the page that it shows, in its order."""

    startRow: Annotated[int, Field(ge=0)]
    sortModel: list[Order]


def register(app: Dash, settings: Settings, store: Store, series: pd.DataFrame) -> None:
    """Have the rows follow the data, the choices and the table."""
    survey = Survey(store, series)

    @app.callback(
        Output("rows", "getRowsResponse"),
        Input("snapshot-version", "data"),
        Input("rows", "getRowsRequest"),
        *CHOICES,
    )
    def show(_version: int | None, asked: Asked | None, names: Names, window: Window) -> Any:
        if asked is None:  # the table is not drawn yet
            return no_update
        data = chosen(store, names, window)
        known = engineering.describe(data, survey())
        data = data.assign(series=data["series"].cat.set_categories(known.index))
        rows = order(data, asked["sortModel"]).iloc[asked["startRow"] :].head(ROWS)
        times = rows["time"].dt.tz_convert(settings.app.timezone)
        of = known.loc[rows["series"]]
        shown = {
            "id": rows["series"].astype(str).str.cat(rows["time"].astype(str), " "),
            "time": times.dt.strftime("%Y-%m-%d %H:%M:%S"),
            "series": of["label"].to_numpy(),
            "value": list(map(number, rows["value"], of["decimals"])),
            "unit": of["unit"].to_numpy(),
        }
        return {"rowData": pd.DataFrame(shown).to_dict("records"), "rowCount": len(data)}


def layout(store: Store, series: pd.DataFrame) -> Component:
    """Return the page without its data."""
    table = dag.AgGrid(
        id="rows",
        columnDefs=COLUMNS,
        defaultColDef={"flex": 1, "cellRenderer": "Text"},  # which is in grid.js
        rowModelType="infinite",
        getRowId="params.data.id",  # so that a selected row stays the same reading
        dashGridOptions={
            "theme": {"function": THEME},
            "pagination": True,
            "paginationPageSize": ROWS,
            "paginationPageSizeSelector": False,
            # So that the page shown is what is asked for last, and answered again at each update.
            "cacheBlockSize": ROWS,
            "maxBlocksInCache": 1,
            "maxConcurrentDatasourceRequests": 1,
            "rowSelection": {
                "mode": "multiRow",
                "checkboxes": False,
                "headerCheckbox": False,
                "enableClickSelection": True,
            },
        },
        className="rows",
    )
    return html.Main([controls(store, series), table])


def order(data: pd.DataFrame, by: list[Order]) -> pd.DataFrame:
    """Sort readings as a table is sorted: by nothing, the newest come first."""
    if not by:
        return data.iloc[::-1]
    ascending = {it["colId"]: it["sort"] == "asc" for it in by}
    return data.sort_values(list(ascending), ascending=list(ascending.values()), kind="stable")


def number(value: float, decimals: int | None) -> str:
    """Write a value in full, with its series' decimals if they are few."""
    return f"{value:,.{decimals}f}" if decimals in (0, 1, 2) else f"{value:,.10g}"
