"""Tests of finding how a table is written."""

from typing import Any

import pytest

from {{cookiecutter.project_slug}}.engine.proposals.sniff import decode, sniff

ROWS = ["2026-01-01,1.5,2", "2026-01-02,1.6,3", "2026-01-03,1.7,4"]
PLAIN = "\n".join(["date,a,b", *ROWS])


def written(text: str) -> dict[str, Any]:
    return sniff(text).read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (PLAIN, {}),
        (PLAIN.replace(",", ";"), {"sep": ";"}),
        (PLAIN.replace(",", "\t"), {"sep": "\t"}),
        (PLAIN.replace(",", "   "), {"sep": r"\s+"}),
        (f"# station 7\n{PLAIN}", {"comment": "#"}),
        (f"# station 7\n{PLAIN.replace('-01,', '-01#,')}", {"skiprows": 1}),
        (f"Report\nof last year, revised\n\n{PLAIN}", {"skiprows": 3}),
        (f'Report,"of\nlast year"\n\n{PLAIN}', {"skiprows": 2}),  # pandas counts rows, too
        ("\n".join(["date,a,b", "UTC,degC,mm", *ROWS]), {"skiprows": [1]}),
        ("\n".join(ROWS), {"names": ["column1", "column2", "column3"]}),
        ("country,2024,2025,2026,2027\nChad,1,2,3,4\nPeru,5,6,7,8\n", {}),
        ('"a","b"\n"1",2\n"2",3\n"3",4\n', {}),
        ("Wed, 22 Apr 2026 15:11:58 -0500\n" * 3, {"sep": "\t", "names": ["time"]}),
    ],
)
def test_the_dialect_of_a_table_is_found(text: str, read: dict[str, Any]) -> None:
    assert written(text) == read


@pytest.mark.parametrize(
    ("cells", "sep", "signs"),
    [
        (["4,5", "4,75", "1000,5"], ";", {"decimal": ","}),
        (["1.234,5", "1,5", "12.345,25"], ";", {"decimal": ",", "thousands": "."}),
        (['"357,000"', '"1,357,000"', "12"], ",", {"thousands": ","}),
        (["1'234.5", "12.5", "3.5"], ",", {"thousands": "'"}),
        (["1.234", "1.5", "2.375"], ",", {}),
        (["1.234", "4,5", "2.375"], ";", {"decimal": ",", "thousands": "."}),
    ],
)
def test_decimal_and_thousands_signs_are_found(
    cells: list[str], sep: str, signs: dict[str, str]
) -> None:
    text = "\n".join(
        [f"time{sep}value", *(f"2026-01-0{at}{sep}{it}" for at, it in enumerate(cells))]
    )
    assert {key: it for key, it in written(text).items() if key != "sep"} == signs


def test_a_comma_that_can_be_either_sign_is_a_question() -> None:
    dialect = sniff("time;value\n2026-01-01;4,929\n2026-01-02;4,935\n2026-01-03;5,120\n")
    assert dialect.read["decimal"] == ","
    assert "'4,929' may be a decimal comma or thousands" in dialect.questions[0]


def test_columns_that_only_look_like_numbers_stay_text() -> None:
    dialect = sniff(
        "day;code;value\n01.02.2026;007;1.000,5\n02.02.2026;012;2,5\n03.02.2026;9;3,5\n"
    )
    assert dialect.texts == ["day", "code"]


def test_a_unit_row_gives_units() -> None:
    dialect = sniff("Time,Water\nUTC,degC\n2026-01-01T00:00Z,4.9\n2026-01-02T00:00Z,5\n")
    assert dialect.units == {"Time": "UTC", "Water": "degC"}


def test_an_access_log_survives_an_open_quote() -> None:
    line = '8.8.8.8 - - [17/May/2026:10:05:03 +0000] "GET /a b HTTP/1.1" 200 35 "-" "Moz (x)"'
    dialect = sniff("\n".join([line, line, line.rstrip('"')] * 3))
    assert dialect.read["names"][:5] == ["client", "time", "request", "status", "bytes"]


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        ("°C".encode(), "°C", ""),
        ("°C".encode("utf-8-sig"), "°C", ""),
        ("°C".encode("cp1252"), "°C", "cp1252"),
        ("°C".encode("utf-16"), "\ufeff°C".lstrip("\ufeff"), "utf-16"),
        ("x€".encode()[:-1], "x", ""),  # a sample may end within a character
    ],
)
def test_the_encoding_is_found(data: bytes, text: str, encoding: str) -> None:
    assert decode(data) == (text, encoding)


def test_the_signs_of_numbers_are_units() -> None:
    text = 'date,price,rate,note\n2026-01-01,"$1,200.50",5 %,a\n2026-01-02,"$1,300",7 %,5%\n'
    dialect = sniff(text + '2026-01-03,"$1,400",,b\n')
    assert dialect.units == {"price": "$", "rate": "%"}
    assert dialect.read == {"thousands": ","}


def test_columns_with_the_same_name_are_told_apart() -> None:
    assert sniff(PLAIN.replace(",b", ",a")).notes == [
        "several columns are called 'a': the second becomes 'a.1'"
    ]


def test_spaces_after_separators_are_skipped() -> None:
    assert written(PLAIN.replace(",", ", ")) == {"skipinitialspace": True}


def test_a_separator_at_the_end_of_each_row_is_no_column_of_row_names() -> None:
    text = "\n".join(["date,a,b", *(f"{it}," for it in ROWS)])
    assert written(text) == {"names": ["date", "a", "b", "empty"], "header": 0}
