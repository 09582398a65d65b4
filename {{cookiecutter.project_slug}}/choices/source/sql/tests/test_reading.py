from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine

from {{cookiecutter.project_slug}} import pipeline, reading
from {{cookiecutter.project_slug}}.setting import SettingError, Settings
from {{cookiecutter.project_slug}}.store import now_utc

QUERY = "SELECT time, series, value FROM readings WHERE time > :since"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with a row for each hour of two days, up to now."""
    url = f"sqlite:///{tmp_path / 'readings.db'}"
    times = pd.date_range(end=now_utc().replace(tzinfo=None), periods=48, freq="h")
    rows = pd.DataFrame({"time": times, "series": "a", "value": range(48)})
    rows.to_sql("readings", create_engine(url), index=False)
    return url


def read(
    settings: Settings, url: str, query: str = QUERY, since: datetime | None = None
) -> pd.DataFrame:
    changed = settings.model_copy(update={"source": {"url": url, "query": query}})
    return reading.read(changed, since)["readings"]


def test_only_newer_rows_are_read(settings: Settings, url: str) -> None:
    everything = read(settings, url)
    assert list(everything["value"]) == list(range(48))
    newest = pd.Timestamp(everything["time"].iloc[-1], tz="UTC").to_pydatetime()
    assert list(read(settings, url, since=newest - timedelta(hours=2))["value"]) == [46, 47]
    assert read(settings, url, since=newest).empty


def test_at_first_the_rows_of_the_history_are_read(settings: Settings, url: str) -> None:
    refresh = settings.refresh.model_copy(update={"history": timedelta(hours=12, minutes=30)})
    assert len(read(settings.model_copy(update={"refresh": refresh}), url)) == 13


def test_a_query_may_do_without_since(settings: Settings, url: str) -> None:
    rows = read(settings, url, "SELECT time, series, value FROM readings", datetime.now(UTC))
    assert len(rows) == 48


def test_the_sample_is_read(settings: Settings) -> None:
    rows = pipeline.fetch(settings, None, 0)["readings"]
    assert set(rows["series"]) == {"downtown", "airport", "online"}


def test_no_new_rows_are_none(settings: Settings) -> None:
    assert pipeline.fetch(settings, now_utc(), 0)["readings"].empty


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"query": "SELECT missing"}, "no such column: missing"),
        ({"url": "postgresql://me:hush@127.0.0.1:1/x"}, r"postgresql://me:\*\*\*@127.0.0.1:1/x"),
    ],
)
def test_an_error_is_that_of_the_database(
    settings: Settings, url: str, source: dict[str, Any], said: str
) -> None:
    with pytest.raises(OSError, match=said) as caught:
        read(settings, **{"url": url, **source})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["data.db", "nosuch://host/x"])
def test_a_url_that_cannot_be_used_is_a_setting_error(settings: Settings, url: str) -> None:
    with pytest.raises(SettingError, match=r"source\.url cannot be used"):
        read(settings, url)
