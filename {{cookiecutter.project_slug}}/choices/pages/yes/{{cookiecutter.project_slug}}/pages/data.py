"""The data page: the selected rows, one by one."""

from typing import Annotated, Any, Literal

import dash_ag_grid as dag
import pandas as pd
from dash import Dash, Input, Output, html, no_update
from dash.development.base_component import Component
from pydantic import Field
from typing_extensions import TypedDict

from ..engine import Window
from ..engine.page import Data, Tables, view
from ..setting import Settings
from .controls import controls
from .selection import CHOICES, Names, described, is_blank, selected_rows

ROWS = 100  # per page of the table; no more are sent at a time
COLUMNS = [
    {"field": "time", "headerName": "Time", "minWidth": 175},
    {"field": "series", "headerName": "Series", "minWidth": 95, "tooltipField": "series"},
    {"field": "value", "headerName": "Value", "minWidth": 85, "type": "rightAligned"},
    {"field": "unit", "headerName": "Unit", "minWidth": 75, "sortable": False},
]
# The colors, and whether they are light or dark, come from css-theme.css.
THEME = """themeQuartz.withParams({
    backgroundColor: "var(--panel)", foregroundColor: "var(--text)", accentColor: "var(--accent)",
    borderColor: "var(--line)", browserColorScheme: "inherit", fontFamily: "inherit",
    fontSize: "0.875rem", spacing: "0.375rem"
})"""


class Order(TypedDict):
    """A column to sort the table by."""

    colId: Literal["time", "series", "value"]
    sort: Literal["asc", "desc"]


class Asked(TypedDict):
    """The table's request: the first row of the page that it shows, and the sort order."""

    startRow: Annotated[int, Field(ge=0)]
    sortModel: list[Order]


@view(Output("rows", "getRowsResponse"), [Input("rows", "getRowsRequest"), *CHOICES])
def rows(
    tables: Tables, asked: Asked | None, names: Names, window: Window, settings: Settings
) -> Any:
    """Show the rows that the table requests."""
    if asked is None:  # the table is not drawn yet
        return no_update
    zone, of_series = settings.app.timezone, described(tables)
    data = selected_rows(tables, names, window, zone)
    data = data.rename(columns={"item": "time"})
    data["series"] = data["series"].cat.set_categories(of_series.index)
    page = order(data, asked["sortModel"]).iloc[asked["startRow"] :].head(ROWS)
    of = of_series.loc[page["series"]]
    values = pd.Series(list(map(number, page["value"], of["decimals"])), page.index, object)
    if "state" in page:
        values = page["state"].astype(object).fillna(values)
    times = page["time"]
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        times = times.dt.tz_convert(zone).dt.strftime("%Y-%m-%d %H:%M:%S")
    shown = {
        "id": page["series"].astype(str).str.cat(page["time"].astype(str), " "),
        "time": times.astype(str),
        "series": of["label"].to_numpy(),
        "value": values,
        "unit": of["unit"].to_numpy(),
    }
    return {"rowData": pd.DataFrame(shown).to_dict("records"), "rowCount": len(data)}


def add_callbacks(app: Dash, settings: Settings, data: Data) -> None:
    """Add callbacks that depend on the viewer: none here."""


def layout(settings: Settings, data: Data) -> Component:
    """Return the page without its data."""
    tables = data.tables()
    timeless = is_blank(tables, tables["readings"]) and tables["states"].empty
    first = {"field": "time", "headerName": "Item", "minWidth": 175, "tooltipField": "time"}
    table = dag.AgGrid(
        id="rows",
        columnDefs=[first, *COLUMNS[1:]] if timeless else COLUMNS,
        defaultColDef={"flex": 1, "cellRenderer": "Text"},  # defined in grid.js
        rowModelType="infinite",
        getRowId="params.data.id",  # so that a selected row stays the same reading
        dashGridOptions={
            "theme": {"function": THEME},
            "pagination": True,
            "paginationPageSize": ROWS,
            "paginationPageSizeSelector": False,
            # So that the page shown is the last request, which is repeated at each update.
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
    return html.Main([controls(settings, data), table], className="timeless" if timeless else "")


def order(data: pd.DataFrame, by: list[Order]) -> pd.DataFrame:
    """Sort rows in the table's order; without one, newest first. States follow the numbers."""
    if not by:
        return data.iloc[::-1] if isinstance(data["time"].dtype, pd.DatetimeTZDtype) else data
    ascending: dict[str, bool] = {it["colId"]: it["sort"] == "asc" for it in by}
    if "value" in ascending and "state" in data:
        ascending["state"] = ascending["value"]
    return data.sort_values(list(ascending), ascending=list(ascending.values()), kind="stable")


def number(value: float, decimals: int | None) -> str:
    """Write a value in full, with its series' decimals if they are few."""
    return f"{value:,.{decimals}f}" if decimals in (0, 1, 2) else f"{value:,.10g}"
