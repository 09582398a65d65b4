import io
import time
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from toy import TABLES

from {{cookiecutter.project_slug}}.engine.data.snapshot import NEVER
from {{cookiecutter.project_slug}}.engine.data.tables import Rules, validate
from {{cookiecutter.project_slug}}.engine.data.times import read_from, to_utc
from {{cookiecutter.project_slug}}.engine.figures import formats, lines

WORLD, OSLO, ANGELES = ZoneInfo("UTC"), ZoneInfo("Europe/Oslo"), ZoneInfo("America/Los_Angeles")
AUTUMN = "2026-10-25"  # in Oslo, 02:00 to 03:00 occurs twice: 00:00 to 02:00 in UTC


def utc(
    times: Any, zone: ZoneInfo = WORLD, day_zone: ZoneInfo = WORLD, series: Any = None
) -> list[str]:
    """Return times as text, or the reason in parentheses."""
    names = None if series is None else pd.DataFrame({"series": list(series)})
    found, reasons = to_utc(pd.Series(times), zone, day_zone, names)
    assert str(found.dtype) == "datetime64[us, UTC]"
    assert found.index[found.isna()].equals(reasons.index)
    texts = {row: f"({reason})" for row, reason in reasons.items()}
    return [texts.get(row) or f"{it:%Y-%m-%d %H:%M:%S}" for row, it in found.items()]


def clock(*times: str) -> list[str]:
    """Return times in that autumn night."""
    return [f"{AUTUMN} {it}" for it in times]


@pytest.mark.parametrize("zone", [WORLD, ANGELES])
@pytest.mark.parametrize("day", ["2026-01-31", date(2026, 1, 31)])
def test_a_date_stays_the_same_day_in_every_zone(day: object, zone: ZoneInfo) -> None:
    assert utc([day], zone, ANGELES) == ["2026-01-31 08:00:00"], "midnight in Los Angeles"
    assert utc([day], zone, OSLO) == ["2026-01-30 23:00:00"], "midnight in Oslo"
    assert utc([day], zone) == ["2026-01-31 00:00:00"]


YEARS = ["1854", "1871", "1880", "1969"]


def read_days(kind: str) -> pd.Series:
    """Return the first day of some years, as a source returns them."""
    dates = [date(int(it), 1, 1) for it in YEARS]
    if kind == "csv":
        return pd.read_csv(io.StringIO("\n".join(["time", *YEARS])), dtype=str)["time"]
    if kind == "text":
        return pd.Series(map(str, dates))
    if kind == "dates":
        return pd.Series(dates)
    parquet, file = pytest.importorskip("pyarrow.parquet"), io.BytesIO()
    arrow = pytest.importorskip("pyarrow")
    parquet.write_table(arrow.table({"time": arrow.array(dates, arrow.date32())}), file)
    return parquet.read_table(file).to_pandas()["time"]


@pytest.mark.parametrize("kind", ["csv", "text", "dates", "parquet"])
@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"])
def test_a_day_keeps_its_date_from_the_source_to_the_chart(name: str, kind: str) -> None:
    """Before about 1893, clocks showed local mean time, such as 00:53:28 ahead of UTC in Berlin."""
    zone = ZoneInfo(name)
    raw = pd.DataFrame({"time": read_days(kind), "series": "a", "value": 1.0})
    for source in (WORLD, zone):
        data = validate({"readings": raw}, TABLES, Rules(source, zone, NEVER)).tables["readings"]
        assert [formats.moment(it, zone) for it in data["time"]] == [f"{it}-01-01" for it in YEARS]
        drawn = lines.line(data, np.arange(4), 0, zone).x
        assert [str(it) for it in pd.to_datetime(drawn, unit="ms").year] == YEARS
        assert not (drawn % (24 * 60 * 60 * 1000)).any(), "the axis shows dates without a time"


def test_a_day_without_midnight_begins_at_one() -> None:
    assert utc(["2026-04-24"], WORLD, ZoneInfo("Africa/Cairo")) == ["2026-04-23 22:00:00"]


def test_an_explicit_midnight_is_a_time() -> None:
    assert utc(["2026-01-31 00:00"], day_zone=OSLO) == ["2026-01-31 00:00:00"]
    assert utc([datetime(2026, 1, 31)], day_zone=OSLO) == ["2026-01-31 00:00:00"]


@pytest.mark.parametrize("kind", ["text", "object", "datetime", "category", "datetime64"])
def test_a_time_without_a_zone_is_in_the_zone_of_the_source(kind: str) -> None:
    texts = pd.Series(["2026-01-31T12:00:00.25", "2026-07-31T12:00:00"])
    times = {
        "text": texts,
        "object": texts.astype(object),
        "datetime": [datetime.fromisoformat(it) for it in texts],
        "category": texts.astype("category"),
        "datetime64": texts.astype("datetime64[ns]"),
    }[kind]
    assert utc(times) == ["2026-01-31 12:00:00", "2026-07-31 12:00:00"]
    assert utc(times, OSLO) == ["2026-01-31 11:00:00", "2026-07-31 10:00:00"]
    found, _ = to_utc(pd.Series(times), OSLO, WORLD)
    assert found[0].microsecond == 250_000


@pytest.mark.parametrize("zone", [WORLD, OSLO])
@pytest.mark.parametrize("end", ["Z", "+00:00", "+0000", "+00"])
def test_a_time_with_a_zone_keeps_it(end: str, zone: ZoneInfo) -> None:
    text = f"2026-01-31T12:00:00{end}"
    assert utc([text], zone) == ["2026-01-31 12:00:00"]
    assert utc([text, "2026-01-31T12:00+05:30"], zone)[1] == "2026-01-31 06:30:00"
    assert utc(pd.to_datetime([text]), zone) == ["2026-01-31 12:00:00"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_column_may_mix_all_kinds_of_times(order: int) -> None:
    times = {
        "2026-01-31T12:00": "2026-01-31 11:00:00",
        "2026-01-31T12:00Z": "2026-01-31 12:00:00",
        "2026-01-31": "2026-01-31 08:00:00",
        date(2026, 1, 31): "2026-01-31 08:00:00",
        datetime(2026, 1, 31, 12): "2026-01-31 11:00:00",
        datetime(2026, 1, 31, 12, tzinfo=ANGELES): "2026-01-31 20:00:00",
        "soon": "(not a time)",
        "now": "(not a time)",
        "today": "(not a time)",
        1_769_860_800: "(not a time)",
        pd.NaT: "(missing)",
        None: "(missing)",
    }
    assert utc(list(times)[::order], OSLO, ANGELES) == list(times.values())[::order]


@pytest.mark.parametrize("zone", [WORLD, OSLO])
@pytest.mark.parametrize("times", [[1_769_860_800, 1], [1.5, 2.5], ["soon", ""], [True, False]])
def test_values_that_are_not_times_are_rejected(times: list[Any], zone: ZoneInfo) -> None:
    assert utc(times, zone, OSLO) == 2 * ["(not a time)"]


@pytest.mark.parametrize("times", [[None], [float("nan")], [pd.NaT], pd.Series([], dtype=object)])
def test_a_column_may_have_no_times(times: Any) -> None:
    assert utc(times, OSLO, OSLO) == len(times) * ["(missing)"]


def test_a_time_that_the_clock_skips_does_not_exist() -> None:
    times = ["2026-03-29 01:59", "2026-03-29 02:30", "2026-03-29 03:00"]
    lost = "(does not exist in Europe/Oslo)"
    assert utc(times, OSLO) == ["2026-03-29 00:59:00", lost, "2026-03-29 01:00:00"]


@pytest.mark.parametrize("minutes", [1, 5, 20, 30, 60])
@pytest.mark.parametrize("names", ["a", "ab", "abcd"])
def test_the_order_of_rows_distinguishes_the_two_hours(names: str, minutes: int) -> None:
    real = pd.date_range(f"{AUTUMN} 00:00", periods=6 * 60 // minutes, freq=f"{minutes}min")
    real = (real - pd.Timedelta(hours=2)).tz_localize("UTC")
    mixed = [(it, name) for it in real for name in names]
    for rows in (mixed, sorted(mixed, key=lambda it: it[1])):  # or sorted by series
        times = pd.DatetimeIndex([it for it, _ in rows])
        local = pd.Series(times.tz_convert(OSLO).tz_localize(None))
        names_of = pd.DataFrame({"series": [name for _, name in rows]})
        found, reasons = to_utc(local, OSLO, WORLD, names_of)
        assert reasons.empty
        assert list(found) == list(times)
        if len(names) == 1 or (rows is mixed and minutes < 30):  # the names are not needed
            assert list(to_utc(local, OSLO, WORLD)[0]) == list(times)


def test_sorted_rows_occur_twice() -> None:
    times = clock("01:30", "02:00", "02:00", "02:30", "02:30", "03:00")
    assert utc(times, OSLO)[1:5] == clock("00:00:00", "01:00:00", "00:30:00", "01:30:00")


def test_part_of_a_repeated_hour_counts_as_the_first() -> None:
    assert utc(clock("02:10", "02:20"), OSLO) == clock("00:10:00", "00:20:00")
    assert utc(clock("02:50", "02:55", "02:00"), OSLO)[2] == f"{AUTUMN} 01:00:00"


def test_a_late_row_is_not_the_second_hour() -> None:
    times = clock("02:10:00", "02:10:02", "02:10:01", "02:10:03")
    assert utc(times, OSLO) == clock("00:10:00", "00:10:02", "00:10:01", "00:10:03")


def test_the_order_within_a_late_series_counts() -> None:
    times = clock("02:59:58", "02:59:30", "02:00:00", "02:59:59", "02:00:30", "02:00:00")
    real = clock("00:59:58", "00:59:30", "01:00:00", "00:59:59", "01:00:30", "01:00:00")
    assert utc(times, OSLO, series="ababab") == real


def test_ambiguous_times_happen_twice() -> None:
    times = clock("01:00", "02:00", "02:50", "02:00", "02:55", "02:01", "03:00")
    assert utc(times, OSLO)[1:6] == 5 * ["(happens twice in Europe/Oslo)"]
    assert utc(times, OSLO)[::6] == ["2026-10-24 23:00:00", f"{AUTUMN} 02:00:00"]


@pytest.mark.parametrize(
    ("since", "start"),
    [
        ("2026-10-24T23:30", "01:30"),
        ("2026-10-25T00:10", "01:10"),  # 02:10 for the first time
        ("2026-10-25T01:10", "01:10"),  # 02:10 for the second time
        ("2026-10-25T01:59", "01:59"),
        ("2026-10-25T02:00", "03:00"),
    ],
)
def test_a_repeated_hour_is_read_from_its_start(since: str, start: str) -> None:
    moment = datetime.fromisoformat(since).replace(tzinfo=UTC)
    assert f"{read_from(moment, OSLO):%Y-%m-%d %H:%M}" == f"{AUTUMN} {start}"
    assert read_from(moment, WORLD) == moment
    assert read_from(moment, OSLO) <= moment


def test_the_key_of_a_table_identifies_its_series() -> None:
    """Two hourly series, the second of which is late."""
    times = clock("01:00", "02:00", "01:00", "02:00", "02:00", "03:00", "02:00", "03:00")
    utc = ["23:00", "23:00", "00:00", "00:00", "01:00", "01:00", "02:00", "02:00"]
    assert read_in_oslo(times, "aabababb") == utc


def test_a_series_that_goes_back_is_in_the_second_hour() -> None:
    """Though none of its times occurs twice."""
    times = clock("02:10", "02:40", "02:20", "02:50", "03:20")
    assert read_in_oslo(times, "aaaaa") == ["00:10", "00:40", "01:20", "01:50", "02:20"]


def read_in_oslo(times: list[str], series: str) -> list[str]:
    """Return the times of a table in UTC."""
    rows = pd.DataFrame({"time": times, "series": list(series), "value": 1.0})
    rules = Rules(OSLO, OSLO, datetime.max.replace(tzinfo=UTC))
    batch = validate({"readings": rows}, TABLES, rules)
    assert not batch.rejected
    return [f"{it:%H:%M}" for it in batch.tables["readings"]["time"]]


def test_parsing_times_costs_little_more_than_pandas() -> None:
    """A million rows in UTC; the best of several runs, because the machine may be busy."""
    times = pd.Series(pd.date_range("2020-01-01", periods=1_000_000, freq="5min"))
    text = times.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    ours, pandas = [], []
    for _ in range(7):
        start = time.process_time()
        pd.to_datetime(text, utc=True, format="ISO8601")
        middle = time.process_time()
        to_utc(text, WORLD, OSLO)
        ours.append(time.process_time() - middle)
        pandas.append(middle - start)
    assert min(ours) < 1.5 * min(pandas)
