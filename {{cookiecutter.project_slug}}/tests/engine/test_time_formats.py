import locale
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from {{cookiecutter.project_slug}}.engine.data.tables import DataError
from {{cookiecutter.project_slug}}.engine.data.times import to_utc
from {{cookiecutter.project_slug}}.engine.sources.time_formats import parse

WORLD, OSLO, ANGELES = ZoneInfo("UTC"), ZoneInfo("Europe/Oslo"), ZoneInfo("America/Los_Angeles")


def utc(values: Any, time_format: str, zone: ZoneInfo = WORLD) -> list[str]:
    """Return a column's times, or the reason in parentheses; days begin in Los Angeles."""
    columns = values if isinstance(values, pd.DataFrame) else pd.DataFrame({"time": values})
    times, reasons = to_utc(parse(columns, time_format), zone, ANGELES)
    texts = {row: f"({reason})" for row, reason in reasons.items()}
    return [texts.get(row) or f"{it:%Y-%m-%d %H:%M:%S}" for row, it in times.items()]


@pytest.mark.parametrize("zone", [WORLD, OSLO, ANGELES])
@pytest.mark.parametrize(
    ("value", "time_format", "day"),
    [
        ("Jan 1 2000", "%b %d %Y", "2000-01-01"),
        ("31.12.2016", "%d.%m.%Y", "2016-12-31"),
        ("1991 Jul", "%Y %b", "1991-07-01"),
        ("1950 JAN", "%Y %b", "1950-01-01"),
        ("Jan-1-1995", "%b-%d-%Y", "1995-01-01"),
        ("1Apr2017", "%d%b%Y", "2017-04-01"),
        ("Sat, 22 April 2017", "%a, %d %B %Y", "2017-04-22"),
        ("4 Sept 2020", "%d %b %Y", "2020-09-04"),
        ("1974Q1", "%YQ%q", "1974-01-01"),
        ("1970 Q4", "%Y Q%q", "1970-10-01"),
        ("2009 Q03", "%Y Q%q", "2009-07-01"),
        ("2009 Q03", "%Y Q0%q", "2009-07-01"),
        ("3/1959", "%q/%Y", "1959-07-01"),
        (19580329, "%Y%m%d", "1958-03-29"),
        (1871, "%Y", "1871-01-01"),
        (1950.0, "%Y", "1950-01-01"),
        ("2026-01-31", "%Y-%m-%d", "2026-01-31"),
        (pd.Timestamp("2026-01-31 00:00"), "%Y-%m-%d", "2026-01-31"),
        (date(2026, 1, 31), "", "2026-01-31"),
    ],
)
def test_a_format_without_hours_gives_days_that_no_zone_shifts(
    value: Any, time_format: str, day: str, zone: ZoneInfo
) -> None:
    midnight = pd.Timestamp(day, tz=ANGELES).tz_convert("UTC")
    assert utc([value], time_format, zone) == [f"{midnight:%Y-%m-%d %H:%M:%S}"]


@pytest.mark.parametrize(
    ("value", "time_format", "time"),
    [
        ("01/02/2026 03:04", "%d/%m/%Y %H:%M", "2026-02-01 02:04:00"),
        ("2010-01-01 24", "%Y-%m-%d %H", "2010-01-01 23:00:00"),
        ("2010-01-01 7", "%Y-%m-%d %H", "2010-01-01 06:00:00"),
        ("31.12.2010 24:00", "%d.%m.%Y %H:%M", "2010-12-31 23:00:00"),
        ("Jan 5 2026  1:02 PM", "%b %d %Y %I:%M %p", "2026-01-05 12:02:00"),
        ("2026-01-31T10:00:00Z", "%Y-%m-%dT%H:%M:%SZ", "2026-01-31 10:00:00"),
        ("2026-01-31 10:00 +0530", "%Y-%m-%d %H:%M %z", "2026-01-31 04:30:00"),
        ("[17/May/2015:10:05:03 +0000]", "[%d/%b/%Y:%H:%M:%S %z]", "2015-05-17 10:05:03"),
        ("Sat, 22 Apr 2017 15:11:58 -0500", "rfc2822", "2017-04-22 20:11:58"),
        ("22 Apr 2017 15:11 GMT", "rfc2822", "2017-04-22 15:11:00"),
        (1455494400, "unix", "2016-02-15 00:00:00"),
        ("1455494400", "unix", "2016-02-15 00:00:00"),
        (-14182940.5, "unix", "1969-07-20 20:17:39"),
        (1446249499322, "unix_ms", "2015-10-30 23:58:19"),
        ("2026-01-31T10:00", "", "2026-01-31 09:00:00"),
    ],
)
def test_a_time_without_a_zone_is_in_the_zone_of_the_source(
    value: Any, time_format: str, time: str
) -> None:
    assert utc([value], time_format, OSLO) == [time]
    assert utc([value, None], time_format, OSLO) == [time, "(missing)"]


@pytest.mark.parametrize(
    ("time_format", "good", "bad"),
    [
        ("%d/%m/%Y", "31/12/2020", ["2020-12-31", "20201231", "32/12/2020", ""]),
        ("%d/%m/%Y %H:%M", "31/12/2020 10:00", ["31/12/2020 24:01", "31/12/2020 25:00", "x"]),
        ("%Y Q%q", "2020 Q1", ["2020 Q5", "2020 Q0", "2020 Q"]),
        ("%d %b %Y", "1 May 2020", ["1 Mayor 2020", "1 5 2020", "1 Mon 2020"]),
        ("%Y", 2020, [2020.5, 202_001, True]),
        ("unix", 1_455_494_400, [1_455_494_400_000, "2020-01-01"]),
        ("rfc2822", "22 Apr 2017 15:11 GMT", ["yesterday", "22 Foo 2017"]),
    ],
)
def test_what_does_not_match_is_set_aside_with_its_value(
    time_format: str, good: Any, bad: list[Any]
) -> None:
    column = pd.DataFrame({"time": [good, *bad]}, dtype=object)
    times = utc(column, time_format)
    assert times[1:] == ["(not a time)"] * len(bad)
    assert times[0] == utc([good], time_format)[0]
    shown = parse(column, time_format)
    assert all(
        str(it).lower() in str(text).lower() for it, text in zip(bad, shown[1:], strict=True)
    )


def test_no_time_that_matches_is_an_error() -> None:
    with pytest.raises(DataError, match='no time matches time_format = "%Y": one is "Jan 1 2000"'):
        parse(pd.DataFrame({"time": ["Jan 1 2000", "Feb 1 2000"]}), "%Y")
    with pytest.raises(DataError, match="such as 1871: set time_format"):
        parse(pd.DataFrame({"time": [1871.0, 1872.0]}), "")
    with pytest.raises(DataError, match=r'ISO 8601, and one is "31\.12\.2026": set time_format'):
        parse(pd.DataFrame({"time": [None, *["31.12.2026"] * 101]}), "")
    late = ["31.12.2026"] * 101 + ["2026-12-31"]  # one that is right is enough
    assert utc(late, "")[-2:] == ["(not a time)", "2026-12-31 08:00:00"]


def test_several_columns_are_joined_by_a_space() -> None:
    quarters = pd.DataFrame({"year": [1959, 1959, 1960], "quarter": [1, 4, None]})
    days = ["1959-01-01 08:00:00", "1959-10-01 08:00:00", "(missing)"]
    assert utc(quarters, "%Y %q") == days
    clock = pd.DataFrame({"day": pd.to_datetime(["2016-02-15"] * 2), "hour": [23, 24]})
    assert utc(clock, "%Y-%m-%d %H") == ["2016-02-15 23:00:00", "2016-02-16 00:00:00"]
    iso = pd.DataFrame({"day": ["2016-02-15"], "clock": ["10:30"]})
    assert utc(iso, "") == ["2016-02-15 10:30:00"]
    log = pd.DataFrame({"a": ["[17/May/2015:10:05:03"], "b": ["+0200]"]})
    assert utc(log, "[%d/%b/%Y:%H:%M:%S %z]") == ["2015-05-17 08:05:03"]


def test_a_column_of_times_needs_no_format() -> None:
    times = pd.date_range("2026-01-31 10:00", periods=2, freq="h", tz="Europe/Oslo")
    assert utc(times, "%d.%m.%Y") == ["2026-01-31 09:00:00", "2026-01-31 10:00:00"]
    assert utc(times.tz_localize(None), "%d.%m.%Y %H:%M") == [
        "2026-01-31 10:00:00",
        "2026-01-31 11:00:00",
    ]


def test_a_day_before_the_year_1000_has_four_digits() -> None:
    assert [*parse(pd.DataFrame({"time": ["0871"]}), "%Y")] == ["0871-01-01"]


def test_names_of_months_are_english_whatever_the_locale() -> None:
    before = locale.setlocale(locale.LC_TIME)
    try:
        locale.setlocale(locale.LC_TIME, "de_DE.UTF-8")
    except locale.Error:
        pytest.skip("this computer has no German locale")
    try:
        assert utc(["1 May 2020"], "%d %b %Y") == ["2020-05-01 07:00:00"]
    finally:
        locale.setlocale(locale.LC_TIME, before)
