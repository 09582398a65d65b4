from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from my_dashboard import reading
from my_dashboard.engine import EPOCH, SettingError, now_utc
from my_dashboard.engine.data.times import to_utc
from my_dashboard.reading import Source
from my_dashboard.setting import Settings
from pydantic import SecretStr
from sqlalchemy import create_engine

QUERY = "SELECT time, series, value FROM readings WHERE time > :since"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with hourly rows of two days, up to now."""
    url = f"sqlite:///{tmp_path / 'readings.db'}"
    times = pd.date_range(end=now_utc().replace(tzinfo=None), periods=48, freq="h")
    rows = pd.DataFrame({"time": times, "series": "a", "value": range(48)})
    rows.to_sql("readings", create_engine(url), index=False)
    return url


def read(url: str, query: str = QUERY, since: datetime = EPOCH, zone: str = "UTC") -> pd.DataFrame:
    source = Source(url=SecretStr(url), query=query, timezone=ZoneInfo(zone))
    return reading.read(source, since)["readings"]


def test_only_newer_rows_are_read(url: str) -> None:
    everything = read(url)
    assert list(everything["value"]) == list(range(48))
    newest = pd.Timestamp(everything["time"].iloc[-1], tz="UTC").to_pydatetime()
    assert list(read(url, since=newest - timedelta(hours=2))["value"]) == [46, 47]
    assert read(url, since=newest).empty


def test_a_relative_path_starts_at_the_config_file(url: str) -> None:
    file = Path(url.removeprefix("sqlite:///"))
    config = file.with_name("config.toml")
    source = f'url = "sqlite:///{file.name}?timeout=5"\nquery = "{QUERY}"\n'
    config.write_text(f"[source]\n{source}", "utf-8")
    assert len(reading.read(Settings.load(config).source, EPOCH)["readings"]) == 48


OSLO = ZoneInfo("Europe/Oslo")


def test_times_without_a_zone_are_compared_in_the_sources_zone(url: str) -> None:
    rows = pd.DataFrame({"time": ["2026-07-01 12:00:00", "2026-07-01 13:00:00"], "series": "a"})
    rows.assign(value=[1, 2]).to_sql("readings", create_engine(url), if_exists="replace")
    since = datetime(2026, 7, 1, 10, 30, tzinfo=UTC)  # 12:30 in Oslo
    assert list(read(url, since=since, zone="Europe/Oslo")["value"]) == [2]
    assert len(read(url, since=since)) == 2


@pytest.mark.parametrize("minutes", [1, 30])
def test_no_row_is_lost_in_a_repeated_hour(url: str, minutes: int) -> None:
    """A writer stores local times of Oslo; each refresh reads from the newest row."""
    start = datetime(2026, 10, 24, 23, tzinfo=UTC)
    engine, known, seen = create_engine(url), start, dict[datetime, float]()
    pd.DataFrame({"time": [], "series": [], "value": []}).to_sql(
        "readings", engine, index=False, if_exists="replace"
    )
    for number in range(1, 240 // minutes):
        moment = start + timedelta(minutes=minutes) * number
        wall = f"{moment.astimezone(OSLO):%Y-%m-%d %H:%M:%S}"
        pd.DataFrame({"time": [wall], "series": "a", "value": float(number)}).to_sql(
            "readings", engine, index=False, if_exists="append"
        )
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


def test_the_sample_is_read(settings: Settings) -> None:
    rows = reading.read(settings.source, EPOCH)["readings"]
    assert set(rows["series"]) == {"downtown", "airport", "online"}


def test_reading_without_new_rows_returns_an_empty_table(settings: Settings) -> None:
    assert reading.read(settings.source, now_utc())["readings"].empty


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
