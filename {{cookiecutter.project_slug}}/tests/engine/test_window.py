from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go
import pytest
from pydantic import TypeAdapter, ValidationError

from {{cookiecutter.project_slug}}.engine import Window
from {{cookiecutter.project_slug}}.engine.figures.zoom import zoomed

OSLO = ZoneInfo("Europe/Oslo")
TIMES = pd.Series(pd.date_range("2026-10-24 21:00", periods=9, freq="1h", tz="UTC"))


@pytest.mark.parametrize(
    ("text", "first", "count"),
    [
        ("all", 0, 9),
        ("2h", 6, 3),
        ("2026-10-25T00:00/2026-10-25T01:00", 1, 2),
        ("2026-10-25T02:00/2026-10-25T02:59:59", 3, 2),  # that hour comes twice
        ("2026-10-25T00:30/2026-10-25T00:40", 2, 0),
        ("1999-01-01/1999-01-02", 0, 0),
    ],
)
def test_a_window_selects_the_rows_between_its_ends(text: str, first: int, count: int) -> None:
    window = TypeAdapter(Window).validate_json(f'"{text}"', strict=True)
    rows = range(len(TIMES))[window.rows(TIMES, OSLO)]
    assert (rows.start, len(rows)) == (first, count)
    assert not len(TIMES[:0][window.rows(TIMES[:0], OSLO)])


def test_a_window_that_begins_in_a_skipped_hour_has_the_next_one() -> None:
    times = pd.Series(pd.date_range("2026-03-29 00:00", periods=4, freq="1h", tz="UTC"))
    for text, rows in {"02:15/2026-03-29T03:10": [1], "01:30/2026-03-29T02:45": [1]}.items():
        window = Window.parse(f"2026-03-29T{text}")  # in Oslo, 03:00 follows 02:00
        assert list(range(4)[window.rows(times, OSLO)]) == rows


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1x",
        "99999999d",
        "2026-01-02/2026-01-01",
        "2026-01-01T00:00Z/2026-01-02T00:00Z",
        "0001-01-01/9999-12-31",
        "2026-01-01/",
        "2026-01-01/2026-01-02/2026-01-03",
    ],
)
def test_an_invalid_window_is_rejected(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Window).validate_json(f'"{text}"', strict=True)


def test_windows_have_a_value() -> None:
    assert Window.parse("1h") == Window(timedelta(hours=1))
    assert Window.parse("2026-01-01/2026-01-02T12:00").end == datetime(2026, 1, 2, 12)
    with pytest.raises(ValueError, match="number and a unit"):
        Window.parse(None)


def test_a_time_axis_shows_exactly_the_window_between_two_times() -> None:
    def axes(text: str) -> list[object]:
        figure = go.Figure(go.Scatter(x=[0], y=[0])).update_layout(
            xaxis={"type": "date"}, xaxis2={"type": "linear"}
        )
        layout = zoomed(figure, Window.parse(text)).layout
        return [layout.xaxis.range, layout.xaxis2.range]

    ends = ("2026-03-01 08:00:00.000000", "2026-03-02 09:30:15.000000")
    assert axes("2026-03-01T08:00/2026-03-02T09:30:15") == [ends, None]
    assert axes("1h") == axes("all") == [None, None]
    assert zoomed(go.Figure(), Window.parse("2026-03-01T08:00/2026-03-02T09:30")) == go.Figure()
