import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from my_dashboard import engineering
from my_dashboard.app import create_app
from my_dashboard.engine import Snapshot
from my_dashboard.engine.page import Data
from my_dashboard.pages import overview, parts, selection
from my_dashboard.schedule import DASHBOARD
from my_dashboard.setting import Settings

from helpers import ask

CHOICES = {"snapshot-version.data": None, "series.value": [], "window.value": "all"}


def call(settings: Settings, data: Data, output: str, values: dict[str, Any]) -> Any:
    """Call the callback of an output as a browser does, and return its response."""
    return ask(create_app(settings, data).server.test_client(), output, values)


def test_the_shell_comes_before_the_first_data(settings: Settings, no_data: Data) -> None:
    client = create_app(settings, no_data).server.test_client()
    assert settings.app.title in client.get("/").text
    shell = client.get("/_dash-layout").text
    for part in ("snapshot-version", "status", "alert"):
        assert f'"id":"{part}"' in shell
    page = overview.layout(settings, no_data)
    assert all(part in page for part in ("cards", "trend-graph", "distribution-graph"))
    assert call(settings, no_data, "cards", CHOICES)["cards"]["children"] == []


START = """
import sys
from my_dashboard.app import create_app
from my_dashboard.schedule import DASHBOARD
from my_dashboard.engine.serve import cli
from werkzeug.test import Client
app, _schedule = DASHBOARD.build(DASHBOARD.load(), create_app)
page = Client(app.server).get("/", environ_base={"REMOTE_ADDR": "127.0.0.1"})
assert page.status_code == 200
print(*sys.modules)
"""
LATER = (
    *("plotly.graph_objs.layout.", "plotly.validator_cache."),  # the first view needs them
    "pandera.backends.pandas.container.",  # the first refresh needs it
    "flask.testing.",
    *(f"my_dashboard.engine.{it}." for it in ("alerts.watch", "alerts.services", "proposals")),
    *(f"my_dashboard.engine.{it}." for it in ("refresh.preview", "serve.reloader")),
    *("apprise.", "distributed.", "filelock.", "gunicorn.", "pebble.", "prometheus_client."),
    "redis.",
)


def test_the_first_page_waits_for_nothing_that_it_does_not_need() -> None:
    command = [sys.executable, "-c", START]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert [it for it in loaded if f"{it}.".startswith(LATER)] == []


def test_the_views_show_the_data(settings: Settings, data: Data) -> None:
    series = set(data.tables()["readings"]["series"])
    assert len(call(settings, data, "cards", CHOICES)["cards"]["children"]) == len(series)
    for graph in ("trend-graph", "distribution-graph"):
        assert len(call(settings, data, graph, CHOICES)[graph]["figure"]["data"]) == len(series)
    one = {**CHOICES, "series.value": [min(series)]}
    assert len(call(settings, data, "trend-graph", one)["trend-graph"]["figure"]["data"]) == 1


def test_the_time_ranges_come_from_the_settings(settings: Settings, data: Data) -> None:
    app = settings.app.model_copy(update={"ranges": [timedelta(minutes=5), timedelta(days=365)]})
    page = overview.layout(settings.model_copy(update={"app": app}), data)
    assert page["window"].options == {"5m": "5 min", "365d": "1 year", "all": "All"}
    page = overview.layout(settings, data)
    assert list(page["window"].options)[-1] == "all"
    for window in page["window"].options:
        values = {**CHOICES, "window.value": window}
        assert call(settings, data, "cards", values)["cards"]["children"]


def test_without_data_the_only_time_range_is_all(settings: Settings, no_data: Data) -> None:
    assert overview.layout(settings, no_data)["window"].options == {"all": "All"}


def test_the_list_has_the_series_of_the_data(
    settings: Settings, data: Data, no_data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = engineering.known_series().reindex(["listed", "* temp"]).assign(label="Listed")
    monkeypatch.setattr(engineering, "known_series", lambda: described)
    ask = {"snapshot-version.data": None, "series.value": ["chosen"]}

    def options(data: Data) -> list[str]:
        found = call(settings, data, "series", ask)["series"]["options"]
        return [it["value"] for it in found]

    assert options(no_data) == ["listed", "chosen"]
    assert options(data) == [*sorted(set(data.tables()["readings"]["series"])), "chosen"]


def test_a_line_says_how_many_series_are_not_shown(settings: Settings, data: Data) -> None:
    assert call(settings, data, "more", CHOICES)["more"]["children"] == ""
    now = datetime.now(UTC)
    rows = pd.DataFrame({"time": now, "series": [f"s{it:03}" for it in range(201)], "value": 1.0})
    rows = rows.astype({"time": "datetime64[us, UTC]", "series": "category"})
    many = DASHBOARD.data(Snapshot(1, now, now, {"readings": rows}))
    assert call(settings, many, "more", CHOICES)["more"]["children"].startswith("30 of 201 series")
    assert len(call(settings, many, "cards", CHOICES)["cards"]["children"]) == 30
    chosen = {**CHOICES, "series.value": [f"s{it:03}" for it in range(40)]}
    assert call(settings, many, "more", chosen)["more"]["children"] == ""
    assert len(call(settings, many, "cards", chosen)["cards"]["children"]) == 40


def test_the_cards_use_the_whole_history(settings: Settings) -> None:
    now = datetime.now(UTC)
    times = pd.date_range(end=now, periods=90, freq="1min").as_unit("us")
    values = [1.25, *np.ones(89)]
    parts = [pd.DataFrame({"time": times[:60], "series": "dead", "value": values[:60]})]
    parts += [pd.DataFrame({"time": times, "series": "lives", "value": values})]
    rows = pd.concat(parts).sort_values("time", ignore_index=True).astype({"series": "category"})
    data = DASHBOARD.data(Snapshot(1, now, now, {"readings": rows}))
    last = times[59].astimezone(settings.app.timezone)
    for window in ("5m", "1h", "all"):
        text = json.dumps(call(settings, data, "cards", {**CHOICES, "window.value": window}))
        assert '"1.00"' in text
        assert "OK" not in text, "none of them has limits"
        assert (f"{last:%H:%M}" in text) == ("dead" in text) == (window != "5m")


def test_charts_do_not_claim_an_empty_source_before_the_first_data(
    settings: Settings, no_data: Data
) -> None:
    for graph in ("trend-graph", "distribution-graph"):
        figure = call(settings, no_data, graph, CHOICES)[graph]["figure"]
        assert figure["layout"]["annotations"][0]["text"] == engineering.EMPTY


def test_changes_by_a_view_do_not_affect_others(data: Data) -> None:
    tables = data.tables()
    before = selection.known(tables)
    mine = selection.known(tables)
    mine["value"] = 1
    mine.loc[:, "label"] = "mine"
    mine.loc[:, "decimals"] = 9
    pd.testing.assert_frame_equal(selection.known(data.tables()), before)


def test_the_download_contains_the_data_shown(settings: Settings, data: Data) -> None:
    values = {"download-button.n_clicks": 1, **CHOICES}
    content = call(settings, data, "download", values)["download"]["data"]["content"]
    lines = content.splitlines()
    assert lines[0] == "time,series,value"
    assert len(lines) == 1 + len(data.tables()["readings"])


NOW = datetime.now(UTC)


def both(settings: Settings) -> Data:
    """Readings and states, a minute apart."""
    times = pd.date_range(end=NOW, periods=4, freq="1min").as_unit("us")
    one = pd.DataFrame({"time": times[:3], "series": "heat", "value": [20.0, 21.0, 22.5]})
    two = pd.DataFrame({"time": times[1:], "series": "pump", "state": ["on", "on", "=fault"]})
    tables = {
        "readings": one.astype({"series": "category"}),
        "states": two.astype({"series": "category", "state": "category"}),
    }
    return DASHBOARD.data(Snapshot(1, NOW, NOW, tables))


def test_the_table_of_readings_has_the_formats_of_the_cards(settings: Settings) -> None:
    kinds = {"sales": "money:EUR", "load": "percent", "disk": "bytes", "up": "duration"}
    series = pd.DataFrame(
        {"label": list(kinds), "unit": ["€", "", "B", "s"], "format": kinds.values()},
        index=pd.Index(list(kinds), name="series"),
    ).assign(warn=np.nan, critical=np.nan)
    values = [1234567.89, 0.93, 2.5e9, 90061.0]
    readings = pd.DataFrame({"time": pd.Timestamp(NOW), "series": list(kinds), "value": values})
    readings = readings.astype({"time": "datetime64[us, UTC]", "series": "category"})
    known = engineering.survey(readings, series)
    table = str(parts.readings_table(readings, known, settings.app.timezone))
    for text in ("1,234,567.89 €", "93 %", "2.5 GB", "1 d 1 h"):
        assert f"'{text}'" in table


def ranked(settings: Settings) -> Data:
    names = [f"item {it}" for it in range(150)]
    table = pd.DataFrame({"item": names, "series": "value", "value": np.arange(150.0)})
    tables = {"ranking": table.astype({"item": "category", "series": "category"})}
    return DASHBOARD.data(Snapshot(1, NOW, NOW, tables))


def is_hidden(answer: dict[str, Any], graph: str) -> bool:
    return bool(answer[graph]["figure"]["layout"].get("meta", {}).get("empty"))


def test_a_chart_without_data_is_hidden_if_another_has_some(settings: Settings) -> None:
    for data, hidden in (
        (both(settings), (False, False, False, True)),
        (ranked(settings), (True, True, True, False)),
    ):
        graphs = ("trend-graph", "distribution-graph", "states-graph", "ranking-graph")
        found = [is_hidden(call(settings, data, graph, CHOICES), graph) for graph in graphs]
        assert tuple(found) == hidden


def test_the_download_contains_states_as_text(settings: Settings) -> None:
    values = {"download-button.n_clicks": 1, **CHOICES}
    content = call(settings, both(settings), "download", values)["download"]["data"]["content"]
    head, *lines = content.splitlines()
    assert head == "time,series,value"
    assert [it.split(",", 1)[1] for it in lines] == [
        "heat,20.0",
        "heat,21.0",
        "pump,on",
        "heat,22.5",
        "pump,on",
        "pump,'=fault",
    ]


def test_the_download_of_a_ranking_has_all_rows(settings: Settings) -> None:
    values = {"download-button.n_clicks": 1, **CHOICES}
    content = call(settings, ranked(settings), "download", values)["download"]["data"]["content"]
    assert content.splitlines()[:2] == ["item,series,value", "item 0,value,0.0"]
    assert len(content.splitlines()) == 151


def test_a_state_that_began_before_the_window_is_shown(settings: Settings) -> None:
    values = {**CHOICES, "window.value": "30s"}
    cards = json.dumps(call(settings, both(settings), "cards", values)["cards"]["children"])
    assert "=fault" in cards and f"since {NOW.astimezone(settings.app.timezone):%Y}" in cards
