import io
import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import toy
from pydantic_settings import SettingsConfigDict

from {{cookiecutter.project_slug}} import engine
from {{cookiecutter.project_slug}}.engine import Zone
from {{cookiecutter.project_slug}}.engine.data.tables import counted
from {{cookiecutter.project_slug}}.engine.refresh.pipeline import Pipeline
from {{cookiecutter.project_slug}}.engine.refresh.preview import preview
from {{cookiecutter.project_slug}}.engine.serve import cli

TIME = "2026-01-01T00:00:00Z"
OLD = {"time": [TIME, "2025-12-30T12:00:00Z"], "series": "a", "value": 1.5}


class Local(toy.Source):
    timezone: Zone = ZoneInfo("UTC")


class Events(toy.Source):
    aggregate: str = ""


class Shaped(engine.Settings[Events]):
    model_config = SettingsConfigDict(env_prefix=toy.PREFIX)


class Zoned(engine.Settings[Local]):
    model_config = SettingsConfigDict(env_prefix=toy.PREFIX)


def previewed(read: Callable[..., Any], clean: Callable[..., Any] = toy.clean) -> int:
    return preview(toy.Settings, Pipeline(read=read, clean=clean, tables=toy.TABLES))


@pytest.mark.parametrize(
    ("raw", "code", "said"),
    [
        ({"time": [TIME], "series": "a", "value": 1.5}, 0, "can show 1 row"),
        ({"time": [TIME] * 2, "series": "a", "value": 1.5}, 0, "1 row identical to a later row"),
        (OLD, 0, 'readings: 1 row is older than refresh.history = 1d: set history = "all" to'),
        ({"time": [TIME, "2099-01-01"], "series": "a", "value": 1}, 0, "time in the future, as in"),
        ({"time": [TIME], "series": "a"}, 1, "the column 'value' is missing"),
        ({"time": [TIME], "series": "a", "value": "n/a"}, 1, "value is not a number"),
        ({"time": [], "series": [], "value": []}, 1, "There are no rows"),
    ],
)
def test_the_preview_shows_the_first_rows_or_their_errors(
    raw: dict[str, Any],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert previewed(lambda *_: {"readings": pd.DataFrame(raw)}) == code
    output = capsys.readouterr()
    assert f"readings: {counted(len(raw['time']))}, with time (" in output.out
    assert said in output.out + output.err
    assert "Traceback" not in output.err


@pytest.mark.parametrize("value", [1, 2])
@pytest.mark.parametrize(("others", "proposes"), [(98, True), (99, False)])
def test_the_preview_proposes_to_count_events(
    others: int, proposes: bool, value: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Up to 1 % of the rows may be corrections."""
    rows = [(TIME, "a", 1), (TIME, "a", value), *((TIME, f"{it}", 1) for it in range(others))]
    raw = pd.DataFrame(rows, columns=["time", "series", "value"])
    assert previewed(lambda *_: {"readings": raw}) == 0
    said = capsys.readouterr().out
    lost = "1 row has the time and series of a later row with another value, as in time=2"
    assert (lost in said) == (value == 2)
    proposal = "readings: 1 of 100 rows has the time and series of a later row: count them by day"
    assert (proposal in said) == proposes


def test_the_preview_proposes_settings_where_there_are_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    raw = pd.DataFrame({"time": [TIME] * 2, "series": "a", "value": 1.5})
    read = Pipeline(read=lambda *_: {"readings": raw}, clean=toy.clean, tables=toy.TABLES)
    assert preview(Shaped, read) == 0
    said = 'later row: set aggregate = "count" and every = "1d" if these are events\n'
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["2026-01-01 12:00"], True),
        ([None, datetime(2026, 1, 1)], True),
        (pd.to_datetime(["2026-01-01"]), True),
        (["2026-01-01T12:00+01:00"], False),
        (["2026-01-01", "2026-01-02"], False),
        ([date(2026, 1, 1)], False),
        (pd.to_datetime(["2026-01-01"], utc=True), False),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Oslo"])
def test_the_preview_says_that_times_may_be_local(
    times: Any,
    said: bool,
    zone: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raw = pd.DataFrame({"time": times, "series": "a", "value": 1.0})
    monkeypatch.setenv(f"{toy.PREFIX}SOURCE__TIMEZONE", zone)
    read = Pipeline(read=lambda *_: {"readings": raw}, clean=toy.clean, tables=toy.TABLES)
    assert preview(Zoned, read) == 0
    hint = "readings: the times have no zone and are taken as UTC: set source.timezone if they"
    assert (hint in capsys.readouterr().out) == (said and zone == "UTC")


def test_a_long_text_does_not_hide_the_other_columns(capsys: pytest.CaptureFixture[str]) -> None:
    raw = pd.DataFrame({"time": TIME, "series": ["a", "b" * 10_000], "value": 1.5})
    previewed(lambda *_: {"readings": raw})
    table = capsys.readouterr().out.split("\n\n")[1]
    assert max(map(len, table.splitlines())) < 100


def test_an_error_of_the_source_is_one_line_without_passwords(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise OSError("ftp://me:hush@host is down")

    assert previewed(fail) == 1
    said = r"test_preview\.py, line \d+: OSError: ftp://\*\*\*@host is down\n"
    assert re.fullmatch(said, capsys.readouterr().err)


def test_the_preview_names_the_line_of_reading_that_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mistaken: dict[str, Any] = {}
    file = str(Path("folder", "reading.py"))
    exec(compile("def read(*_):\n    return 1 / 0", file, "exec"), mistaken)
    assert previewed(mistaken["read"]) == 1
    assert capsys.readouterr().err == "reading.py, line 2: ZeroDivisionError: division by zero\n"


def test_a_pipe_on_windows_accepts_every_character(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = {"time": [TIME], "series": "Łódź", "value": 1.5}
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", pipe)
    assert previewed(lambda *_: {"readings": pd.DataFrame(raw)}) == 0, capsys.readouterr().err
    pipe.flush()
    assert "ód" in pipe.buffer.getvalue().decode("cp1252")


def test_the_preview_rejects_what_a_refresh_rejects(capsys: pytest.CaptureFixture[str]) -> None:
    assert previewed(lambda *_: {"readings": [1]}) == 1
    assert capsys.readouterr().err == "readings: read returned a list: return a DataFrame\n"
    assert previewed(toy.read, lambda raw: [*raw.values()]) == 1
    said = "preprocess.clean returned a list: return a dict of tables\n"
    assert capsys.readouterr().err == said


def test_an_invalid_setting_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"{toy.PREFIX}REFRESH__EVERY", "often")
    assert previewed(toy.read) == 1
    said = capsys.readouterr().err
    assert said.startswith("refresh.every = 'often' cannot be used") and said.count("\n") == 1


def test_the_dashboard_is_found_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.preview("toy:DASHBOARD", []) == 0
    assert "can show 2 rows" in capsys.readouterr().out
