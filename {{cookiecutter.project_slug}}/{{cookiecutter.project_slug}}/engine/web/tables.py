"""A table of text as HTML, for those who cannot see a chart, too."""

from collections.abc import Iterable, Sequence

from dash import html
from dash.development.base_component import Component

from .components import aria


def text_table(
    title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], total: int, numbers: int = 0
) -> list[Component]:
    """Return a table that can be scrolled, also with the keyboard, and how many rows it leaves out.

    `title` names it for screen readers; the last `numbers` columns are right-aligned.
    """
    first = len(heads) - numbers
    names = ["" if at < first else "number" for at in range(len(heads))]
    shown = list(rows)
    if not shown:
        return []
    body = [
        html.Tr([html.Td(it, className=name) for it, name in zip(row, names, strict=True)])
        for row in shown
    ]
    head = [html.Th(it, scope="col", className=name) for it, name in zip(heads, names, strict=True)]
    table = html.Table([html.Thead(html.Tr(head)), html.Tbody(body)])
    frame = html.Div(table, className="table", tabIndex=0, role="region", **aria(label=title))
    more = (
        f"{len(shown):,} of {total:,} rows; all are in the CSV file" if len(shown) < total else ""
    )
    return [frame, *([html.P(more, className="left-out")] if more else [])]
