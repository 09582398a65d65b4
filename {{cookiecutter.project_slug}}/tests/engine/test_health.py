"""The state of the data that the page and /readyz show."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import toy
from helpers import tables_of

from {{cookiecutter.project_slug}}.engine.data import freshness
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.snapshot import NEVER, Pace, Snapshot
from {{cookiecutter.project_slug}}.engine.data.status import Rejected, Status
from {{cookiecutter.project_slug}}.engine.data.tables import Batch
from {{cookiecutter.project_slug}}.engine.settings import App, Refresh

NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)  # a Friday
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def configured(settings: toy.Settings, stale_after: Any = "0s", **refresh: Any) -> toy.Settings:
    app = App(timezone=ZoneInfo("UTC"), stale_after=stale_after)
    return settings.model_copy(update={"app": app, "refresh": Refresh(history="300d", **refresh)})


def stored(
    settings: toy.Settings, *times: datetime, now: datetime = NOW, refreshed: datetime | None = None
) -> MemoryStore:
    """Return a store with a row for each time, and a refresh that just succeeded."""
    store = MemoryStore()
    batch = Batch(tables_of(*((time, "a", 1.0) for time in times)))
    store.publish(merge(None, batch, toy.TABLES, now, now, settings.refresh).snapshot)
    store.report(Status(refreshed=refreshed or now))
    return store


def every(distance: timedelta, end: datetime, count: int = 20) -> list[datetime]:
    return [end - it * distance for it in reversed(range(count))]


def check(
    settings: toy.Settings, store: MemoryStore, now: datetime = NOW
) -> tuple[str, float | None]:
    found = freshness.check(settings, store, now)
    assert not (found.ready and found.status in ("loading", "stale"))
    return found.status, found.age_seconds


def notices(settings: toy.Settings, store: MemoryStore, state: freshness.Freshness) -> list[str]:
    return [*freshness.problems(settings, store, state), *freshness.remarks(store)]


def test_the_status_before_the_first_data_is_loading_or_error(settings: toy.Settings) -> None:
    store = MemoryStore()
    assert check(settings, store) == ("loading", None)
    store.report(Status(error="OSError: gone", failing_since=NOW))
    assert check(settings, store) == ("error", None)


@pytest.mark.parametrize(
    ("distance", "newest", "state"),
    [
        (2 * SECOND, NOW - 3 * SECOND, "live"),
        (2 * SECOND, NOW - 30 * SECOND, "stale"),
        (timedelta(minutes=1), NOW - timedelta(minutes=2), "live"),
        (timedelta(minutes=1), NOW - 4 * HOUR, "stale"),
        (DAY, NOW - 12 * HOUR, "live"),  # a daily table, at noon
        (DAY, NOW - 5 * DAY, "stale"),
        (7 * DAY, NOW - 4 * DAY, "live"),  # a weekly table, on Friday
        (7 * DAY, NOW - 30 * DAY, "stale"),
    ],
)
def test_the_age_is_that_of_the_newest_row_not_of_the_last_read(
    distance: timedelta, newest: datetime, state: str, settings: toy.Settings
) -> None:
    chosen = configured(settings, every="2s")
    store = stored(chosen, *every(distance, newest))
    assert check(chosen, store) == (state, (NOW - newest).total_seconds())


def test_a_table_of_working_days_is_not_stale_on_monday(settings: toy.Settings) -> None:
    days = [it for it in every(DAY, NOW, 60) if it.weekday() < 5]
    chosen = configured(settings, every="15m")
    monday = NOW + 3 * DAY
    store = stored(chosen, *days, refreshed=monday)
    assert check(chosen, store, monday)[0] == "live"


def test_an_old_file_is_stale_immediately_unless_allowed(
    settings: toy.Settings,
) -> None:
    times = every(DAY, datetime(2015, 1, 1, tzinfo=UTC))
    chosen = configured(settings)
    assert check(chosen, stored(chosen, *times))[0] == "stale"
    allowed = configured(settings, stale_after="36500d")
    assert check(allowed, stored(allowed, *times))[0] == "live"


def test_data_are_stale_when_no_refresh_succeeds_for_three_periods(settings: toy.Settings) -> None:
    chosen = configured(settings, every="15m")
    store = stored(chosen, *every(DAY, NOW - HOUR))
    assert check(chosen, store, NOW + timedelta(minutes=40))[0] == "live"
    assert check(chosen, store, NOW + timedelta(minutes=50))[0] == "stale"


def test_a_failing_refresh_is_an_error_while_the_data_are_fresh(settings: toy.Settings) -> None:
    chosen = configured(settings)
    store = stored(chosen, *every(2 * SECOND, NOW))
    store.report(Status(error="OSError: gone", failing_since=NOW, refreshed=NOW))
    assert check(chosen, store, NOW + SECOND) == ("error", 1.0)
    assert freshness.check(chosen, store, NOW + SECOND).error == "OSError: gone"
    assert check(chosen, store, NOW + 60 * SECOND)[0] == "stale"


def test_a_future_reading_does_not_make_data_fresh(settings: toy.Settings) -> None:
    """It is a forecast, or comes from a device with a fast clock."""
    chosen = configured(settings, every="15m", ahead="2h")
    forecast = stored(chosen, *every(HOUR, NOW + timedelta(minutes=30)))
    assert check(chosen, forecast) == ("live", 1800.0)
    store = stored(chosen, *every(DAY, NOW - 9 * DAY), NOW + HOUR)
    assert check(chosen, store) == ("stale", (9 * DAY).total_seconds())


@pytest.mark.parametrize("ahead", [timedelta(minutes=1), 400 * DAY])
def test_a_snapshot_stored_in_the_future_is_a_fault(
    ahead: timedelta, settings: toy.Settings
) -> None:
    chosen = configured(settings)
    store = stored(chosen, *every(2 * SECOND, NOW + ahead), now=NOW + ahead)
    found = freshness.check(chosen, store, NOW)
    assert found.status == "error" and not found.ready
    assert "clock" in notices(chosen, store, found)[0]


def test_a_slow_clock_is_a_fault_even_without_new_rows(settings: toy.Settings) -> None:
    chosen, back = configured(settings), NOW - 400 * DAY
    store = stored(chosen, *every(2 * SECOND, NOW))
    known = store.latest()
    store.publish(merge(known, Batch({}), toy.TABLES, back, back, chosen.refresh).snapshot)
    store.report(Status(refreshed=back))
    found = freshness.check(chosen, store, back)
    assert (found.status, found.ready) == ("error", False)
    assert "clock" in notices(chosen, store, found)[0]


def test_many_series_have_a_usual_interval_too(settings: toy.Settings) -> None:
    chosen = configured(settings)
    store = MemoryStore()
    rows = [(NOW + it * SECOND, f"{it % 1_500}", 1.0) for it in range(3_000)]
    end = NOW + 3_000 * SECOND
    batch = Batch(tables_of(*rows))
    store.publish(merge(None, batch, toy.TABLES, end, end, chosen.refresh).snapshot)
    store.report(Status(refreshed=end + 2 * DAY))
    assert freshness.check(chosen, store, end + 2 * DAY).status == "stale"


def test_a_fault_is_shown_even_while_refreshes_fail(settings: toy.Settings) -> None:
    store = MemoryStore(Snapshot(8, NOW, NOW, {}, fault="another release of this dashboard"))
    store.report(Status(error="OSError: gone", incident="1a2b3c4d", failing_since=NOW))
    said = notices(settings, store, freshness.check(settings, store, NOW))
    assert any("another release" in it for it in said) and any("1a2b3c4d" in it for it in said)
    assert not any("gone" in it for it in said), "every viewer sees it"


def test_data_from_another_release_are_not_ready(settings: toy.Settings) -> None:
    store = MemoryStore(Snapshot(8, NOW, NOW, {}, fault="another release of this dashboard"))
    found = freshness.check(settings, store, NOW)
    assert (found.status, found.ready) == ("error", False)
    assert any("another release" in it for it in notices(settings, store, found))


def test_a_source_without_rows_is_not_live(settings: toy.Settings) -> None:
    chosen = configured(settings)
    store = MemoryStore(Snapshot(8, NOW, NOW, tables_of()))
    found = freshness.check(chosen, store, NOW)
    assert (found.status, found.ready) == ("stale", False)
    assert "no rows" in notices(chosen, store, found)[0]


def test_the_page_counts_the_rows_that_were_set_aside(settings: toy.Settings) -> None:
    chosen = configured(settings)
    store = stored(chosen, *every(2 * SECOND, NOW))
    rejected = Rejected("readings", "time in the future", 3, "series='secret'")
    store.report(Status(refreshed=NOW, rejected=(rejected,)))
    found = freshness.check(chosen, store, NOW)
    said = "3 rows of readings set aside: time in the future."
    assert notices(chosen, store, found) == [said]
    more = Rejected("readings", "value is missing", 1, "series='secret'")
    store.report(Status(refreshed=NOW, rejected=(rejected, more)))
    said = "4 rows of readings set aside: time in the future (3), value is missing (1)."
    assert notices(chosen, store, found) == [said]


def test_readyz_reports_the_newest_reading_and_the_last_refresh(settings: toy.Settings) -> None:
    now = datetime.now(UTC)
    chosen = configured(settings, every="15m")
    store = stored(chosen, *every(DAY, now - 5 * DAY), now=now)
    app, _ = toy.DASHBOARD.build(chosen, toy.create_app, store)
    answer = app.server.test_client().get("/readyz")
    assert answer.status_code == 503
    told = answer.get_json()
    assert told["status"] == "stale"
    assert told["age_seconds"] >= (5 * DAY).total_seconds()
    assert pd.Timestamp(told["refreshed"]) == now


MINUTE = timedelta(minutes=1)


def holding(
    *ages: timedelta,
    distance: timedelta | None = MINUTE,
    created: datetime = NOW,
    horizon: datetime = NEVER,
    **status: Any,
) -> MemoryStore:
    """Return a store whose rows have these ages; the last one is the newest."""
    rows = tables_of(*((NOW - age, "a", 1.0) for age in ages))
    pace = Pace(NOW - ages[-1], distance)
    store = MemoryStore(Snapshot(8, NOW, created, rows, {"readings": pace}, horizon))
    store.report(Status(**{"refreshed": NOW, **status}))
    return store


@pytest.mark.parametrize(
    ("distance", "every_", "stale_after", "limit"),
    [
        (10 * MINUTE, "1m", "0s", 30 * MINUTE),  # three times the usual interval
        (MINUTE, "10m", "0s", 30 * MINUTE),  # but at least three refreshes
        (None, "1m", "0s", 3 * DAY),  # the usual interval is unknown
        (10 * MINUTE, "1m", "45m", 45 * MINUTE),  # as set
    ],
)
def test_data_are_stale_once_they_are_older_than_the_limit(
    distance: timedelta | None,
    every_: str,
    stale_after: str,
    limit: timedelta,
    settings: toy.Settings,
) -> None:
    chosen = configured(settings, stale_after, every=every_)
    just = freshness.check(chosen, holding(limit, distance=distance), NOW)
    assert (just.status, just.ready, just.stale) == ("live", True, "")
    assert just.stale_in == 0.0
    late = freshness.check(chosen, holding(limit + SECOND, distance=distance), NOW)
    assert (late.status, late.ready, late.stale_in) == ("stale", False, -1.0)
    since = f"{NOW - limit - SECOND:%Y-%m-%d %H:%M:%S}"
    assert late.stale == f"No new rows of readings since {since}."


@pytest.mark.parametrize(
    ("every_", "takes", "stale_after", "patience"),
    [
        ("15m", MINUTE, "0s", 45 * MINUTE),  # three refreshes
        ("1m", 20 * MINUTE, "0s", HOUR),  # three times as long as a refresh takes
        ("1m", MINUTE, "2h", 2 * HOUR),  # as set
    ],
)
def test_data_are_stale_if_no_refresh_has_succeeded_for_too_long(
    every_: str, takes: timedelta, stale_after: str, patience: timedelta, settings: toy.Settings
) -> None:
    chosen = configured(settings, stale_after, every=every_)
    store = holding(-HOUR, distance=2 * DAY, takes=takes)  # a forecast, so the data are not too old
    after = freshness.check(chosen, store, NOW + patience)
    assert (after.status, after.refreshed, after.stale_in) == ("live", NOW, 0.0)
    late = freshness.check(chosen, store, NOW + patience + SECOND)
    said = "No refresh has succeeded since 2026-03-06 12:00:00."
    assert (late.status, late.stale, late.stale_in) == ("stale", said, -1.0)


def test_nights_and_weekends_without_a_due_time_make_no_data_stale(
    settings: toy.Settings,
) -> None:
    """The last reading of Friday is fine until the refreshes of Monday bring none."""
    chosen = configured(settings, cron="*/5 8-18 * * mon-fri")
    end = datetime(2026, 3, 6, 18, 55, 2, tzinfo=UTC)
    monday = datetime(2026, 3, 9, 8, tzinfo=UTC)
    for distance in (MINUTE, HOUR):
        readings = {"readings": Pace(end - MINUTE, distance)}
        store = MemoryStore(Snapshot(8, end, end, tables_of((end - MINUTE, "a", 1.0)), readings))
        store.report(Status(refreshed=end))
        found = freshness.check(chosen, store, end + DAY)
        assert (found.status, found.ready) == ("live", True)
        assert found.stale_in == (monday + 5 * MINUTE - end - DAY).total_seconds()
        store.report(Status(refreshed=monday))
        late = freshness.check(chosen, store, monday + 5 * MINUTE + SECOND)
        assert late.stale == "No new rows of readings since 2026-03-06 18:54:02."
    store = holding(-DAY, distance=10 * DAY, created=end, refreshed=end)
    late = freshness.check(chosen, store, monday + 10 * MINUTE)
    assert (late.status, late.stale_in) == ("live", 0.0), "three refreshes may fail"
    late = freshness.check(chosen, store, monday + 10 * MINUTE + SECOND)
    assert late.stale == "No refresh has succeeded since 2026-03-06 18:55:02."


def test_data_of_working_hours_are_stale_soon(settings: toy.Settings) -> None:
    chosen = configured(settings, cron="*/5 8-18 * * mon-fri")
    found = freshness.check(chosen, holding(SECOND), NOW)
    assert found.stale_in == (10 * MINUTE).total_seconds()


def test_data_that_are_complete_are_never_stale(settings: toy.Settings) -> None:
    """But the source still has to be read."""
    chosen, store = configured(settings, "never", every="1m"), holding(100 * 365 * DAY)
    found = freshness.check(chosen, store, NOW + 3 * MINUTE)
    assert (found.status, found.ready, found.stale_in) == ("live", True, 0.0)
    late = freshness.check(chosen, store, NOW + 3 * MINUTE + SECOND)
    assert late.stale == "No refresh has succeeded since 2026-03-06 12:00:00."


def test_the_page_counts_rows_that_are_valid_but_not_shown(settings: toy.Settings) -> None:
    lost = [Rejected("a", "the time of a later row with another value", it, "") for it in (34, 1)]
    old = Rejected("a", "older than refresh.history = 30d", 2_340, "series='secret'")
    store = holding(SECOND, overwritten=(*lost,), older=(old,))
    found = freshness.check(configured(settings), store, NOW)
    assert found.status == "live"
    assert notices(settings, store, found) == [
        "34 rows of a have the time of a later row with another value; only the last is shown.",
        "1 row of a has the time of a later row with another value; only the last is shown.",
        "2,340 rows of a are left out: older than refresh.history = 30d.",
    ]


def test_a_snapshot_that_is_newer_than_the_last_report_counts_as_a_refresh(
    settings: toy.Settings,
) -> None:
    before = NOW - HOUR
    for refreshed in (before, None):
        found = freshness.check(configured(settings), holding(SECOND, refreshed=refreshed), NOW)
        assert (found.status, found.refreshed) == ("live", NOW)
    later = holding(SECOND, created=before)
    assert freshness.check(configured(settings), later, NOW).refreshed == NOW


def test_the_newest_row_that_is_not_in_the_future_counts(settings: toy.Settings) -> None:
    chosen = configured(settings)
    for ages, age in [
        ((3 * SECOND, SECOND), 1.0),
        ((3 * SECOND, timedelta(0)), 0.0),
        ((5 * SECOND, 3 * SECOND, -HOUR), 3.0),
        ((5 * SECOND, timedelta(0), -HOUR), 0.0),
        ((-MINUTE, -HOUR), 0.0),
    ]:
        assert freshness.check(chosen, holding(*ages), NOW).age_seconds == age


def test_the_freshest_table_gives_the_age_and_the_stalest_the_reason(
    settings: toy.Settings,
) -> None:
    paces = {"readings": Pace(NOW - SECOND, SECOND), "limits": Pace(NOW - HOUR, SECOND)}
    rows = tables_of((NOW - SECOND, "a", 1.0))
    store = MemoryStore(Snapshot(8, NOW, NOW, rows | {"limits": rows["readings"]}, paces))
    found = freshness.check(configured(settings), store, NOW)
    assert (found.version, found.age_seconds, found.stale_in) == (8, 1.0, 6.0 - 3600)
    assert found.stale == "No new rows of limits since 2026-03-06 11:00:00."
    assert notices(configured(settings), store, found) == [found.stale]


def test_a_quiet_table_of_changes_is_not_stale_while_there_are_new_readings(
    settings: toy.Settings,
) -> None:
    chosen, rows = configured(settings, every="1m"), tables_of((NOW, "a", 1.0))
    quiet = {"states": Pace(NOW - 9 * HOUR, HOUR, changes=True)}
    fresh, old = ({"readings": Pace(NOW - age, MINUTE)} for age in (MINUTE, HOUR))

    def state(paces: dict[str, Pace], now: datetime = NOW) -> str:
        tables = rows | {"states": rows["readings"]}
        store = MemoryStore(Snapshot(8, NOW, NOW, tables, paces))
        store.report(Status(refreshed=now))
        return freshness.check(chosen, store, now).status

    assert state(quiet | fresh) == "live"
    assert state(quiet | old) == "stale"
    assert state(quiet) == "live", "nothing else tells whether the source is alive"
    assert state(quiet, NOW + 2 * HOUR) == "stale"
    regular = {"states": Pace(NOW - 9 * HOUR, HOUR)}
    assert state(regular | fresh) == "stale"


def test_the_page_shows_since_when_refreshes_fail_in_its_zone(
    settings: toy.Settings,
) -> None:
    chosen = configured(settings)
    app = chosen.app.model_copy(update={"timezone": ZoneInfo("Asia/Tokyo")})
    chosen = chosen.model_copy(update={"app": app})
    failing: dict[str, Any] = {"error": "OSError: gone", "failing_since": NOW - HOUR}
    since = "Refreshes have failed since 2026-03-06 20:00:00"
    store = holding(SECOND, created=NOW - 2 * HOUR, refreshed=NOW - HOUR, **failing)
    found = freshness.check(chosen, store, NOW)
    assert found.status == "stale", "but the page need not say that, too"
    shown = f"Showing the data of 2026-03-06 20:00:00. {since}"
    assert notices(chosen, store, found) == [f"{shown}."]
    store.report(Status(refreshed=NOW - HOUR, incident="1a2b3c4d", **failing))
    said = f"{shown}: look for 1a2b3c4d in the server's log."
    assert notices(chosen, store, found) == [said]
    empty = MemoryStore()
    empty.report(Status(**failing))
    found = freshness.check(chosen, empty, NOW)
    assert (found.version, found.status, found.error) == (None, "error", "OSError: gone")
    assert notices(chosen, empty, found) == [f"{since}."]


def test_the_page_shows_no_notice_while_all_is_well(settings: toy.Settings) -> None:
    chosen = configured(settings)
    for store in (holding(SECOND), MemoryStore()):
        assert notices(chosen, store, freshness.check(chosen, store, NOW)) == []


def test_the_page_counts_hidden_and_rejected_rows_of_each_table(
    settings: toy.Settings,
) -> None:
    chosen = configured(settings)
    rejected = [Rejected(name, "it is late", count, "") for name, count in (("b", 2), ("a", 1))]
    store = holding(SECOND, -HOUR, -2 * HOUR, horizon=NOW, rejected=(*rejected,))
    found = freshness.Freshness(8, 1.0, "live", "")
    assert notices(chosen, store, found) == [
        "2 rows of b set aside: it is late.",
        "1 row of a set aside: it is late.",
        "2 rows of readings hidden: later than this computer's clock. "
        "Correct the clock; if it is right, restart with an empty store.",
    ]


@pytest.mark.parametrize(
    ("ahead", "age", "horizon", "is_fault"),
    [
        (timedelta(0), SECOND, NEVER, False),
        (10 * SECOND, SECOND, NEVER, False),  # the clocks of two servers may differ
        (11 * SECOND, SECOND, NEVER, True),
        (timedelta(0), -HOUR, NOW + HOUR, False),
        (timedelta(0), -HOUR - SECOND, NOW + HOUR, True),
    ],
)
def test_data_from_the_future_are_a_fault(
    ahead: timedelta, age: timedelta, horizon: datetime, is_fault: bool, settings: toy.Settings
) -> None:
    chosen = configured(settings)
    store = holding(age, created=NOW + ahead, horizon=horizon)
    found = freshness.check(chosen, store, NOW)
    assert (found.status == "error", not found.ready) == (is_fault, is_fault)
    if is_fault:
        at = f"{max(NOW + ahead, NOW - age):%Y-%m-%d %H:%M}"
        assert found.version == 8 and found.stale == found.error
        assert found.error == (
            f"The data are from {at} UTC, but this computer's clock says 2026-03-06 12:00 UTC: "
            "correct the clock."
        )
        assert found.age_seconds == max(age, timedelta(0)).total_seconds()
        assert found.refreshed == NOW + ahead
        assert notices(chosen, store, found)[0] == found.stale


def test_a_source_without_rows_is_reported(settings: toy.Settings) -> None:
    chosen = configured(settings)
    found = freshness.check(chosen, MemoryStore(Snapshot(8, NOW, NOW, tables_of())), NOW)
    assert found.stale == "The source has returned no rows yet."
    assert (found.version, found.age_seconds, found.stale_in) == (8, None, 0.0)
    late = freshness.check(chosen, MemoryStore(Snapshot(8, NOW, NOW, tables_of())), NOW + HOUR)
    assert late.stale == "No refresh has succeeded since 2026-03-06 12:00:00."


def test_data_without_a_time_are_live_while_refreshes_succeed(settings: toy.Settings) -> None:
    rows = tables_of((NOW, "a", 1.0))
    store = MemoryStore(Snapshot(8, NOW, NOW, rows))
    assert check(configured(settings), store) == ("live", None)
    assert check(configured(settings), store, NOW + HOUR) == ("stale", None)


def test_healthz_responds_with_and_without_the_prefix(settings: toy.Settings) -> None:
    server = settings.server.model_copy(update={"url_prefix": "/a/"})
    app, _ = toy.DASHBOARD.build(
        settings.model_copy(update={"server": server}), toy.create_app, MemoryStore()
    )
    client = app.server.test_client()
    for path in ("/healthz", "/a/healthz"):
        answer = client.get(path)
        assert (answer.status_code, answer.text, answer.mimetype) == (200, "ok", "text/plain")


def test_readyz_needs_fresh_data_and_says_why_not(settings: toy.Settings) -> None:
    now = datetime.now(UTC)
    chosen, store = configured(settings, every="15m"), MemoryStore()
    app, _ = toy.DASHBOARD.build(chosen, toy.create_app, store)
    client = app.server.test_client()

    def told() -> tuple[int, dict[str, Any]]:
        answer = client.get("/readyz")
        return answer.status_code, answer.get_json()

    nothing = {"version": None, "age_seconds": None, "refreshed": None}
    assert told() == (503, {**nothing, "status": "loading", "error": ""})
    store.report(Status(error="OSError: gone", failing_since=now))
    assert told() == (503, {**nothing, "status": "error", "error": "OSError: gone"})
    store.publish(Snapshot(8, now, now, tables_of()))
    store.report(Status(refreshed=now))
    status, facts = told()
    assert (status, facts["error"]) == (503, "The source has returned no rows yet.")
    batch = Batch(tables_of(*((it, "a", 1.0) for it in every(HOUR, now))))
    store.publish(merge(None, batch, toy.TABLES, now, now, chosen.refresh).snapshot)
    status, facts = told()
    assert (status, facts["status"], facts["error"]) == (200, "live", "")
    assert facts["refreshed"] == now.isoformat() and facts["version"] > 8
