import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from my_dashboard import engineering
from my_dashboard.app import ASSETS, create_app
from my_dashboard.pages import overview
from my_dashboard.setting import Settings
from my_dashboard.store import MemoryStore, Snapshot

from conftest import ask

CHOICES = {"snapshot-version.data": None, "series.value": [], "window.value": "All"}


def call(settings: Settings, store: MemoryStore, output: str, values: dict[str, Any]) -> Any:
    """Call the callback of an output as a browser does, and return what it gives."""
    return ask(create_app(settings, store).server.test_client(), output, values)


def test_the_shell_comes_before_the_first_data(settings: Settings) -> None:
    client = create_app(settings, MemoryStore()).server.test_client()
    assert settings.app.title in client.get("/").text
    shell = client.get("/_dash-layout").text
    for part in ("snapshot-version", "status", "notice"):
        assert f'"id":"{part}"' in shell
    series = engineering.read_series(ASSETS / "static_data" / "series.csv")
    page = overview.layout(MemoryStore(), series)
    assert all(part in page for part in ("cards", "trend-graph", "distribution-graph"))
    assert call(settings, MemoryStore(), "cards", CHOICES)["cards"]["children"] == []


def test_the_views_show_the_data(settings: Settings, store: MemoryStore) -> None:
    series = set(store.latest().tables["readings"]["series"])  # type: ignore[union-attr]
    assert len(call(settings, store, "cards", CHOICES)["cards"]["children"]) == len(series)
    for graph in ("trend-graph", "distribution-graph"):
        assert len(call(settings, store, graph, CHOICES)[graph]["figure"]["data"]) == len(series)
    one = {**CHOICES, "series.value": [min(series)]}
    assert len(call(settings, store, "trend-graph", one)["trend-graph"]["figure"]["data"]) == 1


def test_the_cards_show_what_the_whole_history_tells(settings: Settings) -> None:
    store, now = MemoryStore(), datetime.now(UTC)
    times = pd.date_range(end=now, periods=90, freq="1min").as_unit("us")
    values = [1.25, *np.ones(89)]
    parts = [pd.DataFrame({"time": times[:60], "series": "dead", "value": values[:60]})]
    parts += [pd.DataFrame({"time": times, "series": "lives", "value": values})]
    data = pd.concat(parts).sort_values("time", ignore_index=True).astype({"series": "category"})
    store.publish(Snapshot(1, now, now, {"readings": data}))
    last = times[59].astimezone(settings.app.timezone)
    for window in ("5 min", "1 hour", "All"):
        text = json.dumps(call(settings, store, "cards", {**CHOICES, "window.value": window}))
        assert '"1.00"' in text
        assert "OK" not in text, "none of them has limits"
        assert (f"{last:%H:%M}" in text) == ("dead" in text) == (window != "5 min")


def test_before_the_first_data_no_chart_claims_that_there_are_none(settings: Settings) -> None:
    for graph in ("trend-graph", "distribution-graph"):
        figure = call(settings, MemoryStore(), graph, CHOICES)[graph]["figure"]
        assert figure["layout"]["annotations"][0]["text"] == engineering.EMPTY


def test_what_a_view_changes_is_not_seen_by_another(settings: Settings, store: MemoryStore) -> None:
    series = engineering.read_series(ASSETS / "static_data" / "series.csv")
    known = overview.Survey(store, series)
    before = known()
    mine = known()
    mine["value"] = 1
    mine.loc[:, "label"] = "mine"
    mine.loc[:, "decimals"] = 9
    pd.testing.assert_frame_equal(known(), before)


def test_the_download_is_the_data_shown(settings: Settings, store: MemoryStore) -> None:
    values = {"download-button.n_clicks": 1, **CHOICES}
    content = call(settings, store, "download", values)["download"]["data"]["content"]
    lines = content.splitlines()
    assert lines[0] == "time,series,value"
    assert len(lines) == 1 + len(store.latest().tables["readings"])  # type: ignore[union-attr]
