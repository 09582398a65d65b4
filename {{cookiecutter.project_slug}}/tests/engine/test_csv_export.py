import csv
import io
from datetime import UTC, datetime

import pandas as pd
import pytest

from {{cookiecutter.project_slug}}.engine.web.csv_export import to_csv

EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"]


def rows(table: pd.DataFrame) -> list[list[str]]:
    return list(csv.reader(io.StringIO(to_csv(table), newline="")))


@pytest.mark.parametrize("dtype", ["str", "category", "object"])
@pytest.mark.parametrize("text", EVIL)
def test_text_cannot_become_a_formula(text: str, dtype: str) -> None:
    table = pd.DataFrame({"series": pd.Series([text, "a"], dtype=dtype), "value": [-1.5, -2.0]})
    assert rows(table) == [["series", "value"], [f"'{text}", "-1.5"], ["a", "-2.0"]]


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b", "a=b", "Ö -1"])
def test_any_text_stays_in_its_row(text: str) -> None:
    table = pd.DataFrame({"series": [text], "value": [-1]})
    assert rows(table)[1:] == [[text, "-1"]]


def test_a_column_name_cannot_become_a_formula() -> None:
    assert rows(pd.DataFrame({"=a": [1]})) == [["'=a"], ["1"]]


def test_times_and_missing_values_are_unchanged() -> None:
    time = datetime(2026, 1, 2, tzinfo=UTC)
    series = pd.Series([None, "=a"], dtype="category")
    table = pd.DataFrame({"time": [time, time], "series": series, "value": [None, -1.0]})
    at = "2026-01-02 00:00:00+00:00"
    assert rows(table)[1:] == [[at, "", ""], [at, "'=a", "-1.0"]]


def test_numbers_are_written_as_they_are_stored() -> None:
    columns = {
        "short": pd.Series([0.1, -2.5], dtype="float32"),
        "whole": pd.Series([1, None], dtype="Int64"),
        "flag": [True, False],
    }
    assert rows(pd.DataFrame(columns))[1:] == [["0.1", "1", "True"], ["-2.5", "", "False"]]
