"""The page in NiceGUI. Run as: python on_nicegui.py PORT."""

import sys

from latest import figures
from nicegui import ui
from work import EVERY


@ui.page("/")
def page():
    """Show the figures, and update them."""
    charts = [ui.plotly(it).classes("w-full") for it in figures()]

    def update():
        for chart, figure in zip(charts, figures(), strict=True):
            chart.update_figure(figure)

    ui.timer(EVERY, update)


ui.run(host="127.0.0.1", port=int(sys.argv[1]), show=False, reload=False)
