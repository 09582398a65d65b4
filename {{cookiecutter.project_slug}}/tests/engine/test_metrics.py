import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd
import pytest
import toy
from flask.testing import FlaskClient
from helpers import ask, changed, wait_until

from {{cookiecutter.project_slug}}.engine import Pipeline, now_utc
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore

TAKES = 0.2  # seconds per refresh


class Source:
    """A source that returns three rows, a minute old, and then fails."""

    def __init__(self) -> None:
        self.made = now_utc() - timedelta(seconds=60)
        self.count = 0

    def read(self, _source: toy.Source, _since: datetime) -> dict[str, pd.DataFrame]:
        self.count += 1
        if self.count > 1:
            raise OSError("gone")
        time.sleep(TAKES)
        columns = {"time": self.made, "series": ["a", "b", "c"], "value": 1.0}
        return {"readings": pd.DataFrame(columns)}


@pytest.fixture
def client(settings: toy.Settings, store: MemoryStore) -> FlaskClient:
    chosen = changed(settings, "server", metrics=True)
    app, _ = toy.DASHBOARD.build(chosen, toy.create_app, store)
    return app.server.test_client()


@pytest.fixture
def failing(settings: toy.Settings) -> Iterator[FlaskClient]:
    """A dashboard whose first refresh succeeds and whose second fails."""
    chosen = changed(settings, "server", metrics=True)
    chosen = changed(chosen, "refresh", every=timedelta(seconds=0.1))
    pipeline = Pipeline(read=Source().read, clean=toy.clean, tables=toy.TABLES)
    dashboard = replace(toy.DASHBOARD, pipeline=pipeline)
    app, schedule = dashboard.build(chosen, toy.create_app)
    client = app.server.test_client()
    assert "toy_data_age_seconds" not in values(client)
    schedule.start()
    yield client
    schedule.stop()


def values(client: FlaskClient) -> dict[str, float]:
    response = client.get("/metrics")
    assert response.content_type.startswith("text/plain")
    lines = (line for line in response.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_data_and_refreshes_are_counted(failing: FlaskClient) -> None:
    wait_until(lambda: values(failing)["toy_refresh_failures_total"] >= 1)
    found = values(failing)
    assert found['toy_rows{table="readings"}'] == 3
    assert 60 <= found["toy_data_age_seconds"] < 180
    assert found["toy_refresh_seconds_count"] == 1
    assert TAKES <= found["toy_refresh_seconds_sum"] < 60


def test_requests_are_counted(client: FlaskClient) -> None:
    client.open("/healthz", method="BREW")
    client.get("/healthz")
    found = values(client)
    assert found['toy_requests_total{method="other",status="405"}'] == 1
    assert found['toy_requests_total{method="GET",status="200"}'] == 1


def test_metrics_distinguish_cached_and_computed_views(client: FlaskClient) -> None:
    for _ in range(3):
        ask(client, "cards", toy.CHOSEN)
    found = values(client)
    assert found['toy_views_total{cache="miss"}'] == 1
    assert found['toy_views_total{cache="hit"}'] == 2
    assert found["toy_cache_bytes"] > 0
