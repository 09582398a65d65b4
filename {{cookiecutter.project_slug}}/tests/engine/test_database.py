from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine

from {{cookiecutter.project_slug}}.engine import EPOCH, SettingError
from {{cookiecutter.project_slug}}.engine.data.snapshot import now_utc
from {{cookiecutter.project_slug}}.engine.data.times import to_utc
from {{cookiecutter.project_slug}}.engine.sources import database
from {{cookiecutter.project_slug}}.engine.sources.database import SqlSource

QUERY = "SELECT time, series, value FROM readings WHERE time > :since"
OSLO = ZoneInfo("Europe/Oslo")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with hourly rows of two days, up to now."""
    url = f"sqlite:///{tmp_path / 'readings.db'}"
    times = pd.date_range(end=now_utc().replace(tzinfo=None), periods=48, freq="h")
    write(url, pd.DataFrame({"time": times, "series": "a", "value": range(48)}))
    return url


def write(url: str, rows: pd.DataFrame, if_exists: Any = "replace") -> None:
    engine = create_engine(url)
    rows.to_sql("readings", engine, index=False, if_exists=if_exists)
    engine.dispose()


def read(
    url: str, query: str = QUERY, since: datetime = EPOCH, zone: str = "UTC", **source: Any
) -> pd.DataFrame:
    given = SqlSource(url=SecretStr(url), query=query, timezone=ZoneInfo(zone), **source)
    return database.read_tables(given, since)["readings"]


def test_only_newer_rows_are_read(url: str) -> None:
    everything = read(url)
    assert list(everything["value"]) == list(range(48))
    newest = pd.Timestamp(everything["time"].iloc[-1], tz="UTC").to_pydatetime()
    assert list(read(url, since=newest - timedelta(hours=2))["value"]) == [46, 47]
    assert read(url, since=newest).empty


def test_the_columns_of_a_query_become_series_and_states(url: str) -> None:
    rows = {"at": ["2026-01-01"], "oven": [7.5], "door": ["open"], "on": [True]}
    write(url, pd.DataFrame(rows))
    source = SqlSource(
        url=SecretStr(url), query="SELECT * FROM readings", time="at", series="", value="*"
    )
    tables = database.read_tables(source, EPOCH, lambda raw: raw.assign(on=raw["on"] == 1))
    assert dict(tables["readings"][["series", "value"]].to_numpy()) == {"oven": 7.5}
    states = dict(tables["states"][["series", "state"]].to_numpy())
    assert states == {"door": "open", "on": "true"}
    assert list(database.raw(source, 1)) == list(rows)


def test_a_bucket_is_never_cut(url: str) -> None:
    times = pd.date_range("2026-01-01", periods=48, freq="h")
    write(url, pd.DataFrame({"time": times, "series": "a", "value": range(48)}))
    for hour in range(48):
        since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour, minutes=30)
        rows = read(url, since=since, value="", aggregate="count", every="1d")
        assert set(rows["value"]) == {24}


def test_times_without_a_zone_are_compared_in_the_sources_zone(url: str) -> None:
    times = ["2026-07-01 12:00:00", "2026-07-01 13:00:00"]
    write(url, pd.DataFrame({"time": times, "series": "a", "value": [1, 2]}))
    since = datetime(2026, 7, 1, 10, 30, tzinfo=UTC)  # 12:30 in Oslo
    assert list(read(url, since=since, zone="Europe/Oslo")["value"]) == [2]
    assert len(read(url, since=since)) == 2


@pytest.mark.parametrize("minutes", [1, 30])
def test_no_row_is_lost_in_a_repeated_hour(url: str, minutes: int) -> None:
    """A writer stores local times of Oslo; each refresh reads from the newest row."""
    start = datetime(2026, 10, 24, 23, tzinfo=UTC)
    known, seen = start, dict[datetime, float]()
    write(url, pd.DataFrame({"time": [], "series": [], "value": []}))
    for number in range(1, 240 // minutes):
        moment = start + timedelta(minutes=minutes) * number
        wall = f"{moment.astimezone(OSLO):%Y-%m-%d %H:%M:%S}"
        row = pd.DataFrame({"time": [wall], "series": "a", "value": float(number)})
        write(url, row, "append")
        rows = read(url, since=known - timedelta(minutes=5), zone="Europe/Oslo")
        times, reasons = to_utc(rows["time"], OSLO, OSLO, rows[["series"]])
        assert reasons.empty
        seen.update(zip(times, rows["value"], strict=True))
        known = max(seen)
        assert (known, seen[known]) == (moment, number)
    assert list(seen.values()) == list(range(1, 240 // minutes))


def test_a_query_may_omit_since(url: str) -> None:
    rows = read(url, "SELECT time, series, value FROM readings", datetime.now(UTC))
    assert len(rows) == 48


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"query": "SELECT missing"}, "no such column: missing"),
        ({"url": "postgresql://me:hush@127.0.0.1:1/x"}, r"postgresql://me:\*\*\*@127.0.0.1:1/x"),
    ],
)
def test_errors_of_the_database_are_shown(url: str, source: dict[str, Any], said: str) -> None:
    with pytest.raises(OSError, match=said) as caught:
        read(**{"url": url, **source})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("password", ["p@xqx/w0rd", "p@xqx", "p@xqx:w0rd"])
def test_a_password_that_is_not_percent_encoded_is_rejected(password: str) -> None:
    with pytest.raises(SettingError, match=r"source\.url cannot be used.*%40") as caught:
        read(f"postgresql://me:{password}@127.0.0.1:1/x")
    assert not any(it in str(caught.value) for it in ("xqx", "w0rd"))


@pytest.mark.parametrize("url", ["data.db", "nosuch://host/x"])
def test_a_url_that_cannot_be_used_is_a_setting_error(url: str) -> None:
    with pytest.raises(SettingError, match=r"source\.url cannot be used"):
        read(url)
