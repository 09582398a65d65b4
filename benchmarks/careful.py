"""Dash as a careful expert would use it: builds figures once per refresh, sends only new ones.

Run as: python careful.py PORT. Plotly's JSON engine is orjson.
"""

import sys
import threading
import time

import orjson  # noqa: F401  Plotly uses it if it is imported
import waitress
import work
from dash import Dash, Input, Output, State, dcc, html
from dash.exceptions import PreventUpdate


def build():
    """Return the version of the data, and both figures."""
    data, version = work.rows().astype({"series": "category"}), int(time.time() * 1000)
    return version, *work.figures(data, version)


latest = build()


def refresh():
    """Read and draw again, forever."""
    global latest
    while True:
        time.sleep(work.EVERY - time.time() % work.EVERY)
        latest = build()


app = Dash(__name__)
app.layout = html.Div(
    [
        dcc.Store(id="seen"),
        dcc.Interval(id="tick", interval=1000),
        dcc.Graph(id="line-graph"),
        dcc.Graph(id="bar-graph"),
    ]
)


@app.callback(
    Output("line-graph", "figure"),
    Output("bar-graph", "figure"),
    Output("seen", "data"),
    Input("tick", "n_intervals"),
    State("seen", "data"),
)
def update(_, seen):
    """Return the newest figures to a viewer who has not seen them."""
    version, line, bar = latest
    if seen == version:
        raise PreventUpdate
    return line, bar, version


if __name__ == "__main__":
    threading.Thread(target=refresh, daemon=True).start()
    waitress.serve(app.server, host="127.0.0.1", port=int(sys.argv[1]), threads=8)
