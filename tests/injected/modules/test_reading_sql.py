from pathlib import Path

import pandas as pd
from my_dashboard import reading
from my_dashboard.engine import EPOCH, now_utc
from my_dashboard.setting import Settings
from sqlalchemy import create_engine

QUERY = "SELECT time, series, value FROM readings WHERE time > :since"


def test_a_relative_path_starts_at_the_config_file(tmp_path: Path) -> None:
    rows = pd.DataFrame({"time": ["2026-01-01"], "series": "a", "value": 1.0})
    rows.to_sql("readings", create_engine(f"sqlite:///{tmp_path / 'a.db'}"), index=False)
    config = tmp_path / "config.toml"
    source = f'url = "sqlite:///a.db?timeout=5"\nquery = "{QUERY}"\n'
    config.write_text(f"[source]\n{source}", "utf-8")
    assert len(reading.read(Settings.load(config).source, EPOCH)["readings"]) == 1


def test_the_sample_is_read(settings: Settings) -> None:
    rows = reading.read(settings.source, EPOCH)["readings"]
    assert set(rows["series"]) == {"downtown", "airport", "online"}


def test_reading_without_new_rows_returns_an_empty_table(settings: Settings) -> None:
    assert reading.read(settings.source, now_utc())["readings"].empty
