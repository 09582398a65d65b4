"""Shows exactly the time window that a viewer has zoomed to."""

import plotly.graph_objects as go

from ..data.window import Window


def zoomed(figure: go.Figure, window: Window) -> go.Figure:
    """Set the range of a figure's time axes to a window between two times."""
    if window.start is None or window.end is None or not figure.data:
        return figure
    ends = [f"{it:%Y-%m-%d %H:%M:%S.%f}" for it in (window.start, window.end)]
    return figure.update_xaxes(range=ends, selector={"type": "date"})
