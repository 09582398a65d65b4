from datetime import timedelta

import pytest
import toy
from flask.testing import FlaskClient
from helpers import ask, changed, fitted

from {{cookiecutter.project_slug}}.engine.data.snapshot import (
    Pace,
    Snapshot,
    now_utc,
)
from {{cookiecutter.project_slug}}.engine.data.status import Status
from {{cookiecutter.project_slug}}.engine.data.store import Store
from {{cookiecutter.project_slug}}.engine.settings import Settings


@pytest.fixture
def parts(settings: Settings) -> tuple[FlaskClient, Store]:
    chosen = settings.server.model_copy(update={"metrics": True})
    app, schedule = server.build(settings.model_copy(update={"server": chosen}))
    return app.server.test_client(), schedule._store


def values(client: FlaskClient) -> dict[str, float]:
    response = client.get("/metrics")
    assert response.content_type.startswith("text/plain")
    lines = (line for line in response.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_refreshes_data_and_requests_are_counted(parts: tuple[FlaskClient, Store]) -> None:
    client, store = parts
    assert "dashboard_data_age_seconds" not in values(client)
    made = now_utc() - timedelta(seconds=60)
    tables, paces = fitted(*((made, name, 1) for name in "abc")), {"readings": Pace(made)}
    store.publish(Snapshot(1, now_utc(), now_utc(), tables, paces))
    store.report(Status(takes=timedelta(seconds=0.2)))
    store.report(Status(error="OSError"))
    assert store.status().error == "OSError"
    client.open("/healthz", method="BREW")
    found = values(client)
    assert found['dashboard_rows{table="readings"}'] == 3
    assert 60 <= found["dashboard_data_age_seconds"] < 120
    assert found["dashboard_refresh_seconds_count"] == 1
    assert found["dashboard_refresh_seconds_sum"] == pytest.approx(0.2)
    assert found["dashboard_refresh_failures_total"] == 1
    assert found['dashboard_requests_total{method="other",status="405"}'] == 1
    assert found['dashboard_requests_total{method="GET",status="200"}'] == 1


def test_metrics_tell_kept_views_from_computed_ones(parts: tuple[FlaskClient, Store]) -> None:
    client, _ = parts
    for _ in range(3):
        ask(client, "cards", CHOICES)
    found = values(client)
    assert found['dashboard_views_total{kept="no"}'] == 1
    assert found['dashboard_views_total{kept="yes"}'] == 2
    assert found["dashboard_kept_bytes"] > 0
