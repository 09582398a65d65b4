"""Dash as most tutorials use it: a global dataframe, a thread, a one-second interval.

Run as: python naive.py PORT. Plotly uses the standard library's JSON encoder, as without orjson.
"""

import sys
import threading
import time

import plotly.express as px
import plotly.io
import waitress
import work
from dash import Dash, Input, Output, dcc, html

plotly.io.json.config.default_engine = "json"
df, version = work.rows(), int(time.time() * 1000)


def refresh():
    """Read everything again, forever."""
    global df, version
    while True:
        time.sleep(work.EVERY - time.time() % work.EVERY)
        df, version = work.rows(), int(time.time() * 1000)


app = Dash(__name__)
app.layout = html.Div(
    [dcc.Interval(id="tick", interval=1000), dcc.Graph(id="line-graph"), dcc.Graph(id="bar-graph")]
)


@app.callback(
    Output("line-graph", "figure"), Output("bar-graph", "figure"), Input("tick", "n_intervals")
)
def update(_):
    """Draw both charts, for every viewer and second."""
    lines = df.set_index("time").groupby("series")["value"].resample("25s").mean().reset_index()
    means = df.groupby("series", as_index=False)["value"].mean()
    line = px.line(lines, x="time", y="value", color="series")  # 1,000 points each
    bar = px.bar(means, x="series", y="value")
    return line.update_layout(meta=version), bar.update_layout(meta=version)


if __name__ == "__main__":
    threading.Thread(target=refresh, daemon=True).start()
    waitress.serve(app.server, host="127.0.0.1", port=int(sys.argv[1]))
