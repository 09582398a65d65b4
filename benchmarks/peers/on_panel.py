"""The page in Panel. Run as: python on_panel.py PORT."""

import sys

import panel as pn
from latest import figures
from work import EVERY

pn.extension("plotly")


def page():
    """Show the figures, and update them."""
    charts = [pn.pane.Plotly(it) for it in figures()]

    def update():
        for chart, figure in zip(charts, figures(), strict=True):
            chart.object = figure

    pn.state.add_periodic_callback(update, EVERY * 1000)
    return pn.Column(*charts)


pn.serve(page, port=int(sys.argv[1]), show=False)
