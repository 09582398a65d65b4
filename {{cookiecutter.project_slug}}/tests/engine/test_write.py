"""Tests of previewing a file and writing the proposed settings."""

import gzip
import json
import os
import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest
import toy
from pydantic_settings import SettingsConfigDict
from sites import Answer, serving
from test_files import workbook

from {{cookiecutter.project_slug}} import engine
from {{cookiecutter.project_slug}}.engine import TEXT, UTC, Table
from {{cookiecutter.project_slug}}.engine.refresh.pipeline import Pipeline
from {{cookiecutter.project_slug}}.engine.refresh.preview import preview
from {{cookiecutter.project_slug}}.engine.serve import cli
from {{cookiecutter.project_slug}}.engine.sources import database, files, web

CONFIG = """\
# The settings of a dashboard.

[app]
title = "Toy"                   # shown above

[refresh]
history = "24h"                 # how much is kept

[source]                        # where the data are
path = "data/old.csv"           # a file
time = "when"                   # the time
series = "series"               # the name
value = "value"                 # the number
timezone = "Europe/Oslo"        # of times without one
missing = [-1]

[source.read]                   # options of pandas
sep = "|"

[log]
level = "INFO"                  # or DEBUG
"""
READ = "def read(source, since):\n    return {}.read_tables(source{})\n"
OLD = "series,label,unit,warn,critical,note\nwind,My wind,knots,20,30,mine\ngone,Gone,,,,\n"
DAYS = [str(it.date()) for it in pd.date_range("2020-01-01", periods=20)]
ROWS = "\n".join(["date,temp_max (celsius),wind", *(f"{it},1.5,20" for it in DAYS)])
Run = Callable[..., int]


class FileSettings(engine.Settings[files.FileSource]):
    model_config = SettingsConfigDict(env_prefix=toy.PREFIX)


class WebSettings(engine.Settings[web.HttpSource]):
    model_config = SettingsConfigDict(env_prefix=toy.PREFIX)


class SqlSettings(engine.Settings[database.SqlSource]):
    model_config = SettingsConfigDict(env_prefix=toy.PREFIX)


def table(mode: Any = "append", **columns: Any) -> Table:
    schema = pa.DataFrameSchema(columns, coerce=True, strict=True, drop_invalid_rows=True)
    return Table(schema=schema, key=tuple(columns)[:2], mode=mode)


TABLES = {
    "readings": toy.TABLES["readings"],
    "states": table(time=pa.Column(UTC), series=pa.Column(TEXT), state=pa.Column(TEXT)),
    "ranking": table(
        "replace", item=pa.Column(TEXT), series=pa.Column(TEXT), value=pa.Column(float)
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project's folder."""
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8", newline="\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "new.csv").write_text(ROWS, "utf-8")
    series = tmp_path / "assets" / "static_data" / "series.csv"
    series.parent.mkdir(parents=True)
    series.write_text(OLD, "utf-8")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """Preview a location as a project of that kind does."""

    def run(location: str = "", write: bool = False, kind: Any = files, since: str = "") -> int:
        module = {"kind": kind}
        code = READ.format("kind", since)
        exec(compile(code, str(folder / "reading.py"), "exec"), module)
        settings: Any = {files: FileSettings, web: WebSettings, database: SqlSettings}[kind]
        read: Any = module["read"]
        pipeline = Pipeline(read=read, clean=toy.clean, tables=TABLES)
        return preview(settings, pipeline, folder / "config.toml", location, write)

    return run


def contents(folder: Path) -> dict[Path, bytes]:
    return {it: it.read_bytes() for it in folder.rglob("*") if it.is_file()}


def source(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "config.toml").read_text("utf-8"))["source"]


def test_without_write_nothing_changes(
    folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(folder)
    assert run(str(folder / "data" / "new.csv")) == 0
    assert contents(folder) == before
    shown = capsys.readouterr().out
    assert 'path = "data/new.csv"\ntime = "date"' in shown
    assert "temp_max (celsius) Temp max   °C" in shown
    assert "40 values read; left out: none." in shown
    assert "the dashboard can show 40 rows" in shown
    assert "Nothing was changed" in shown


def test_write_keeps_comments_and_other_sections(folder: Path, run: Run) -> None:
    assert run(str(folder / "data" / "new.csv"), write=True) == 0
    text = (folder / "config.toml").read_text("utf-8")
    settings = tomllib.loads(text)
    assert settings["app"] == {"title": "Toy", "stale_after": "never"}
    assert settings["refresh"] == {"history": "all"}
    assert settings["log"] == {"level": "INFO"}
    assert settings["source"] == {
        "path": "data/new.csv",
        "time": "date",
        "series": "",
        "value": "*",
        "timezone": "UTC",
        "read": {},
    }
    for line in CONFIG.splitlines():
        if "#" in line:  # comments stay, in their columns
            assert line[line.index("#") :] in text
            assert any(it[line.index("#") :] == line[line.index("#") :] for it in text.splitlines())


def test_write_keeps_the_rows_of_series_that_are_in_the_data(folder: Path, run: Run) -> None:
    run(str(folder / "data" / "new.csv"), write=True)
    series = (folder / "assets" / "static_data" / "series.csv").read_text("utf-8")
    assert series.splitlines() == [
        "series,label,unit,warn,critical,note",
        "wind,My wind,knots,20,30,mine",
        "temp_max (celsius),Temp max,°C,,,",
    ]


def test_limits_of_other_data_are_not_kept(folder: Path, run: Run) -> None:
    series = folder / "assets" / "static_data" / "series.csv"
    series.write_text("series,label,unit,warn,critical\na,A,,,\nb,B,,,\nwind,W,bar,7,8\n", "utf-8")
    run(str(folder / "data" / "new.csv"), write=True)
    assert "wind,Wind,,," in series.read_text("utf-8").splitlines()


def test_what_was_written_is_what_is_previewed_next(
    folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run(str(folder / "data" / "new.csv"), write=True)
    capsys.readouterr()
    assert run() == 0
    shown = capsys.readouterr().out
    assert "Proposed" not in shown
    assert "the dashboard can show 40 rows" in shown
    before = source(folder)
    assert run(write=True) == 0  # for what is set
    assert source(folder) == before


def test_variables_that_take_precedence_are_named(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".env").write_text(f"{toy.PREFIX}SOURCE__TIME=date\n", "utf-8")
    monkeypatch.setenv(f"{toy.PREFIX}REFRESH__HISTORY", "1h")
    run(str(folder / "data" / "new.csv"), write=True)
    assert (
        "These take precedence over config.toml: TOY__REFRESH__HISTORY, TOY__SOURCE__TIME."
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("name", "content", "settings"),
    [
        ("a.csv.gz", gzip.compress(ROWS.encode()), {}),
        ("a.tsv", ROWS.replace(",", "\t").encode(), {}),
        ("a.txt", ROWS.replace(",", ";").encode(), {"read": {"sep": ";"}}),
        ("export", ROWS.encode(), {"format": "csv"}),
        ("a.csv", ROWS.replace("celsius", "°C").encode("cp1252"), {"read": {"encoding": "cp1252"}}),
        ("a.csv", ROWS.encode("utf-16"), {"read": {"encoding": "utf-16"}}),
        ("a.csv", ROWS.encode("utf-8-sig"), {}),
        (
            "a.json",
            json.dumps(
                {"ok": 1, "data": {"items": [{"date": it, "t": 1.5} for it in DAYS]}}
            ).encode(),
            {"records": "data.items", "value": "t"},
        ),
        (
            "a.jsonl",
            "\n".join(json.dumps({"date": it, "t": 1.5}) for it in DAYS).encode(),
            {"value": "t"},
        ),
        ("a.json", json.dumps([{"date": it, "t": 1.5} for it in DAYS]).encode(), {"value": "t"}),
    ],
)
def test_the_way_a_file_is_written_is_found(
    folder: Path, run: Run, name: str, content: bytes, settings: dict[str, Any]
) -> None:
    (folder / "data" / name).write_bytes(content)
    assert run(str(folder / "data" / name), write=True) == 0
    found = source(folder)
    assert found.items() >= {"path": f"data/{name}", "time": "date", **settings}.items()
    extra = {"format", "records", "read"} & found.keys()
    assert {key: found[key] for key in extra if found[key]}.keys() <= settings.keys()


def test_the_sheet_with_the_table_is_found(folder: Path, run: Run) -> None:
    rows: list[list[object]] = [["Report"], ["of a year"], ["date", "temp"], ["", "degC"]]
    book = workbook(About=[["What this file holds"]], Data=[*rows, *([it, 1.5] for it in DAYS)])
    (folder / "data" / "a.xlsx").write_bytes(book)
    assert run(str(folder / "data" / "a.xlsx"), write=True) == 0
    assert source(folder)["read"] == {"sheet_name": "Data", "skiprows": [0, 1, 3]}


def test_parquet_is_found(folder: Path, run: Run) -> None:
    rows = pd.DataFrame({"day": DAYS * 2, "place": ["a"] * 20 + ["b"] * 20, "t": range(40)})
    rows.to_parquet(folder / "data" / "a.parquet")
    assert run(str(folder / "data" / "a.parquet"), write=True) == 0
    assert source(folder).items() >= {"time": "day", "series": "place", "value": "t"}.items()


def test_a_url_is_found(folder: Path, run: Run) -> None:
    with serving() as site:
        site.answers["/export"] = Answer(ROWS.replace(",", ";"))
        assert run(f"{site.url}/export", write=True) == 0
        assert source(folder)["path"] == f"{site.url}/export"
    assert source(folder)["read"] == {"sep": ";"}


def test_an_api_is_found(folder: Path, run: Run) -> None:
    config = folder / "config.toml"
    config.write_text('[source]\nurl = "http://127.0.0.1:9/"\nparams = { a = 1 }\n', "utf-8")
    hours = {"time": [f"{it}T00:00" for it in DAYS], "temp": [1.5] * 20}
    with serving() as site:
        site.answers["/v1"] = Answer(json.dumps({"latitude": 52.5, "hourly": hours}))
        assert run(f"{site.url}/v1", write=True, kind=web) == 0
    found = source(folder)
    assert found.items() >= {"records": "hourly", "series": "", "value": "temp"}.items()
    assert "params" not in found


def test_a_table_of_a_database_is_found(
    folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    config = folder / "config.toml"
    config.write_text('[source]\nurl = "sqlite:///a.db"\nquery = "SELECT 1"\n', "utf-8")
    with closing(sqlite3.connect(folder / "data" / "b.db")) as connection, connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
        connection.executemany("INSERT INTO notes VALUES (?)", [(it,) for it in "abc" * 20])
        connection.execute('CREATE TABLE "my rows" (day TEXT, t REAL)')
        connection.executemany('INSERT INTO "my rows" VALUES (?, 1.5)', [(it,) for it in DAYS])
    assert run(str(folder / "data" / "b.db"), write=True, kind=database, since=", since") == 0
    assert (
        source(folder).items()
        >= {
            "url": "sqlite:///data/b.db",
            "query": 'SELECT * FROM "my rows"',
            "time": "day",
        }.items()
    )
    assert "there are also notes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("data/missing.csv", "[WinError 2]" if os.name == "nt" else "No such file or directory"),
        ("data/database", "is a database: make a project with source = sql for it"),
        ("data/empty.csv", "has no rows"),
        ("http://127.0.0.1:9/a.csv", "127.0.0.1 cannot be reached"),
    ],
)
def test_an_error_is_one_line(
    folder: Path, run: Run, capsys: pytest.CaptureFixture[str], location: str, said: str
) -> None:
    (folder / "data" / "database").write_bytes(b"SQLite format 3\0")
    (folder / "data" / "empty.csv").write_text("time,value\n", "utf-8")
    before = contents(folder)
    location = location if "://" in location else str(folder / location)
    assert run(location, write=True) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert contents(folder) == before


def test_a_password_is_not_written(
    folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    config = folder / "config.toml"
    config.write_text('[source]\nurl = "sqlite:///a.db"\nquery = "SELECT 1"\n', "utf-8")
    assert run("postgresql://me:hush@host/a", write=True, kind=database, since=", since") == 1
    shown = capsys.readouterr()
    assert "put this URL into .env" in shown.err
    assert "hush" not in shown.out + shown.err + config.read_text("utf-8")


def test_a_project_that_reads_no_files_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.preview("toy:DASHBOARD", ["a.csv"]) == 1
    said = "This project reads no file, API or database: make one with source = csv, http or sql.\n"
    assert capsys.readouterr().err == said


def test_the_help_names_the_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.preview("toy:DASHBOARD", ["--help"])
    shown = capsys.readouterr().out
    assert shown.startswith("usage: python -m toy.reading")
    assert "FILE|URL" in shown
    assert "--write" in shown
