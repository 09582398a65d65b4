from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from {{cookiecutter.project_slug}}.engine.figures import summaries
from {{cookiecutter.project_slug}}.engine.figures.lines import Line

KNOWN = pd.DataFrame(
    {"label": ["CPU", "Load"], "unit": ["%", ""], "decimals": [0, 2]}, index=["cpu", "load"]
)
NO = np.zeros(4, bool)


def test_a_line_has_its_range_and_last_value() -> None:
    x = np.arange(4.0)
    values = np.array([12, np.nan, 97, 35]), np.array([0.5, 1.25, 0.25, 1])
    drawn = [Line(x, it, NO, 1.0) for it in values]
    assert summaries.of_lines(KNOWN, drawn) == [
        "CPU: 12 to 97 %, last 35 %.",
        "Load: 0.25 to 1.25, last 1.00.",
    ]


def test_a_box_has_its_median_and_usual_range() -> None:
    spreads = {"cpu": [1, 2, 3, 4, 5], "load": [0, 0, 0, 0, 0]}
    assert summaries.of_boxes(KNOWN, spreads)[0] == "CPU: median 3 %, mostly 1 to 5."


def test_a_timeline_has_the_newest_states() -> None:
    start = [datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (8, 9, 10)]
    bands = pd.DataFrame({"series": ["cpu", "load", "cpu"], "state": ["a", "b", "c"]})
    found = summaries.of_states(bands.assign(start=start), KNOWN, ZoneInfo("UTC"))
    assert found == ["CPU: c since 2026-03-01 10:00.", "Load: b since 2026-03-01 09:00."]


def test_a_ranking_has_the_largest_items() -> None:
    bar = go.Bar(text=["1", "2", "3", "4"])
    items = ["a", "b", "c &amp; d", "e"]
    found = summaries.of_bars(KNOWN.head(1), [bar], [items])
    assert found == ["CPU: largest e 4 %, c & d 3 %, b 2 %."]


def test_a_summary_is_short_and_keeps_the_rest_of_the_layout() -> None:
    layout = {"meta": {"min_height": 5}, "margin": 1}
    found = summaries.summarized(layout, [f"S{it}: 1." for it in range(30)])
    assert found["margin"] == 1 and found["meta"]["min_height"] == 5
    assert found["meta"]["summary"].endswith("S7: 1. And 22 more series.")
    assert layout == {"meta": {"min_height": 5}, "margin": 1}
