"""Tests of finding the columns and the format of the time."""

import calendar
from typing import Any

import pandas as pd
import pytest

from {{cookiecutter.project_slug}}.engine.proposals.guess_times import guess_times
from {{cookiecutter.project_slug}}.engine.proposals.time_columns import Times
from {{cookiecutter.project_slug}}.engine.sources.time_formats import parse


def guessed(**columns: Any) -> Times:
    return guess_times(pd.DataFrame(columns))[0]


@pytest.mark.parametrize(
    ("values", "time_format", "last"),
    [
        (["2026-01-30", "2026-01-31"], "", "2026-01-31"),
        (["2026/01/30 23:00:00", "2026/01/31 00:00:00"], "", "2026-01-31"),
        (["2026-01-30T23:00:00Z", "2026-01-31T00:00:00Z"], "", "2026-01-31"),
        (["30.01.2026", "31.01.2026"], "%d.%m.%Y", "2026-01-31"),
        (["1/30/2026 11:00 PM", "1/31/2026 12:00 AM"], "%m/%d/%Y %I:%M %p", "2026-01-31"),
        (["Jan 30 2026", "Jan 31 2026"], "%b %d %Y", "2026-01-31"),
        (["Jan-30-2026", "Jan-31-2026"], "%b-%d-%Y", "2026-01-31"),
        (["30 January 2026", "31 January 2026"], "%d %b %Y", "2026-01-31"),
        (["1991 Jul", "1991 Aug"], "%Y %b", "1991-08-01"),
        (["1974Q1", "1974Q2"], "%YQ%q", "1974-04-01"),
        (["1970 Q1", "1970 Q2"], "%Y Q%q", "1970-04-01"),
        (["Fri, 30 Jan 2026 15:11:58 -0500"], "rfc2822", "2026-01-30T20:11:58Z"),
        (["17/May/2015:10:05:03 +0000"], "%d/%b/%Y:%H:%M:%S %z", "2015-05-17T10:05:03Z"),
        ([20260130, 20260131], "%Y%m%d", "2026-01-31"),
        ([202601, 202602], "%Y%m", "2026-02-01"),
        ([1769817600, 1769821200], "unix", "2026-01-31T01:00:00Z"),
        ([1769817600000, 1769821200000], "unix_ms", "2026-01-31T01:00:00Z"),
        ([1769817600.0, 1769821200.25], "unix", "2026-01-31T01:00:00.25Z"),
        ([1769817600_000000, 1769821200_000000], "unix_us", "2026-01-31T01:00:00Z"),
        ([1769817600_000000000, 1769821200_000000000], "unix_ns", "2026-01-31T01:00:00Z"),
        ([202601302359, 202601310100], "%Y%m%d%H%M", "2026-01-31T01:00:00Z"),
        ([20260130235959, 20260131010000], "%Y%m%d%H%M%S", "2026-01-31T01:00:00Z"),
        ([1950.0, 1951.0], "%Y", "1951-01-01"),
    ],
)
def test_the_format_of_a_column_is_found_and_can_be_read(
    values: list[Any], time_format: str, last: str
) -> None:
    found = guessed(value=[1.5] * len(values), date=values)
    assert (found.columns, found.format) == (["date"], time_format)
    times = pd.to_datetime(
        parse(pd.DataFrame({"date": values}), time_format).astype(object), utc=True
    )
    assert times.iloc[-1] == pd.to_datetime(last, utc=True)


@pytest.mark.parametrize(
    ("columns", "names", "time_format"),
    [
        ({"day": ["2026-01-01"] * 2, "hour": [23, 24]}, ["day", "hour"], "%Y-%m-%d %H"),
        (
            {"day": ["2026-01-01"] * 2, "hour": ["23:00", "24:00"]},
            ["day", "hour"],
            "%Y-%m-%d %H:%M",
        ),
        (
            {"Datum": ["15.02.2026"] * 2, "Uhrzeit": ["00:00", "00:30"]},
            ["Datum", "Uhrzeit"],
            "%d.%m.%Y %H:%M",
        ),
        ({"YR": [2026, 2026], "MON": [1, 2]}, ["YR", "MON"], "%Y %m"),
        ({"year": [2026, 2026], "quarter": [1, 2]}, ["year", "quarter"], "%Y %q"),
        ({"Year": [2026, 2026], "Period": ["Q01", "Q02"]}, ["Year", "Period"], "%Y Q%q"),
        (
            {"year": [2026] * 2, "month": [1] * 2, "day": [1] * 2, "hour": [0, 1]},
            ["year", "month", "day", "hour"],
            "%Y %m %d %H",
        ),
    ],
)
def test_a_time_in_several_columns_is_found(
    columns: dict[str, Any], names: list[str], time_format: str
) -> None:
    found = guessed(**columns, value=[1.5, 2.5])
    assert (found.columns, found.format) == (names, time_format)
    parse(pd.DataFrame(columns)[names], time_format)


def test_names_of_columns_may_be_times() -> None:
    years = guessed(country=["Chad"], **{str(it): [1.5] for it in range(2000, 2005)})
    assert (years.columns, years.format, len(years.names)) == ([], "%Y", 5)
    months = list(calendar.month_abbr)[1:]
    table = guessed(Year=[2025, 2026], **{it: [1.5, 2] for it in months}, Annual=[1, 2])
    assert (table.columns, table.format, table.names) == (["Year"], "%Y %b", months)


@pytest.mark.parametrize(
    ("dates", "time_format"),
    [
        ([f"01/{it:02}/{year}" for year in (2025, 2026) for it in range(1, 13)], "%d/%m/%Y"),
        (["01/05/2026", "02/05/2026", "03/05/2026", "04/05/2026"], "%d/%m/%Y"),  # days
        (["05/01/2026", "05/02/2026", "05/03/2026", "05/04/2026"], "%m/%d/%Y"),  # days
    ],
)
def test_day_or_month_first_is_a_question_that_names_both(
    dates: list[str], time_format: str
) -> None:
    found = guessed(date=dates, value=1)
    assert found.format == time_format
    other = {"%d/%m/%Y": "%m/%d/%Y", "%m/%d/%Y": "%d/%m/%Y"}[time_format]
    assert (
        f'time_format = "{time_format}" is assumed: otherwise set "{other}"' in found.questions[0]
    )


def test_a_proof_of_the_order_needs_no_question() -> None:
    assert guessed(date=["01/02/2026", "25/02/2026"], value=1).questions == []
    assert guessed(date=["05/05/2026", "06/06/2026"], value=1).questions == []


def test_years_of_two_digits_are_a_question() -> None:
    assert "two digits" in guessed(date=["25.03.26", "26.03.26"], value=1).questions[-1]


def test_the_most_precise_time_with_a_zone_is_taken() -> None:
    found = guess_times(
        pd.DataFrame(
            {
                "year": [2026, 2026],
                "month": [1, 2],
                "updated_at": ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"],
                "time_hour": ["2026-01-01T06:00:00Z", "2026-01-01T07:00:00Z"],
            }
        )
    )
    assert found[0].columns == ["time_hour"]
    assert ["year", "month"] in [it.columns for it in found]


@pytest.mark.parametrize(
    "column",
    [
        {"population": [1_300_000_000, 1_310_000_000]},
        {"code": ["2001", "2002"]},
        {"price": [1999.5, 2001.5]},
        {"place": ["12 km W of Castaic", "3 km S of Anza"]},
        {"version": ["1.9.4", "1.9.5"]},
    ],
)
def test_numbers_and_text_are_no_times(column: dict[str, Any]) -> None:
    found = guess_times(pd.DataFrame(column))
    assert not found or "code" in column


def test_a_late_value_proves_which_number_is_the_day() -> None:
    clocks = [f"{it // 60:02}:{it % 60:02}" for it in range(1440)]
    times = [f"{day:02}/02/2026 {it}" for day in range(1, 6) for it in clocks]
    assert guessed(date=[*times, "13/02/2026 00:00"]).format == "%d/%m/%Y %H:%M"
    for at in range(5):  # wherever the proof stands
        late = [*times[: 3000 + at], "02/13/2026 00:00", *times[3000 + at :]]
        found = guessed(date=late)
        assert (found.format, found.questions) == ("%m/%d/%Y %H:%M", [])


def test_the_question_about_a_date_beside_a_clock_names_whole_formats() -> None:
    found = guessed(date=["03/01/2026", "03/02/2026"], hour=["01:00", "02:00"])
    (question,) = found.questions
    assert all(f'"{it} %H:%M"' in question for it in ("%d/%m/%Y", "%m/%d/%Y"))


def test_a_date_that_does_not_exist_does_not_hide_the_others() -> None:
    assert guessed(date=[f"2026-01-{day:02}" for day in range(1, 33)]).columns == ["date"]
