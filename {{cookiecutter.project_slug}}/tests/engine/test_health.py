"""What the page and /readyz say of the data at a time: never more than the data do."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import toy
from helpers import fitted

from {{cookiecutter.project_slug}}.engine.data import freshness
from {{cookiecutter.project_slug}}.engine.data.memory_store import MemoryStore
from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot
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
    """Return a store with a row for each time, and a refresh that has just succeeded."""
    store = MemoryStore()
    batch = Batch(fitted(*((time, "a", 1.0) for time in times)))
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


def test_before_the_first_data_it_is_loading_or_an_error(settings: toy.Settings) -> None:
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
        (7 * DAY, NOW - 4 * DAY, "live"),  # a weekly one, on Friday
        (7 * DAY, NOW - 30 * DAY, "stale"),
    ],
)
def test_data_are_as_old_as_their_newest_row_however_often_they_are_read(
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


def test_an_old_file_is_stale_from_the_first_moment_unless_that_is_allowed(
    settings: toy.Settings,
) -> None:
    times = every(DAY, datetime(2015, 1, 1, tzinfo=UTC))
    chosen = configured(settings)
    assert check(chosen, stored(chosen, *times))[0] == "stale"
    allowed = configured(settings, stale_after="36500d")
    assert check(allowed, stored(allowed, *times))[0] == "live"


def test_it_is_stale_when_no_refresh_succeeds_for_three_periods(settings: toy.Settings) -> None:
    chosen = configured(settings, every="15m")
    store = stored(chosen, *every(DAY, NOW - HOUR))
    assert check(chosen, store, NOW + timedelta(minutes=40))[0] == "live"
    assert check(chosen, store, NOW + timedelta(minutes=50))[0] == "stale"


def test_a_failing_refresh_is_an_error_while_the_data_are_fresh(settings: toy.Settings) -> None:
    chosen = configured(settings)
    store = stored(chosen, *every(2 * SECOND, NOW))
    store.report(Status(error="OSError: gone", failing_since=NOW, refreshed=NOW))
    assert check(chosen, store, NOW + SECOND) == ("error", 1.0)
    assert check(chosen, store, NOW + 60 * SECOND)[0] == "stale"


def test_a_reading_of_the_future_does_not_make_data_fresh(settings: toy.Settings) -> None:
    """A forecast, or a device whose clock is fast."""
    chosen = configured(settings, every="15m", ahead="2h")
    forecast = stored(chosen, *every(HOUR, NOW + timedelta(minutes=30)))
    assert check(chosen, forecast) == ("live", 1800.0)
    store = stored(chosen, *every(DAY, NOW - 9 * DAY), NOW + HOUR)
    assert check(chosen, store) == ("stale", (9 * DAY).total_seconds())


@pytest.mark.parametrize("ahead", [timedelta(minutes=1), 400 * DAY])
def test_data_stored_in_the_future_are_a_fault(ahead: timedelta, settings: toy.Settings) -> None:
    chosen = configured(settings)
    store = stored(chosen, *every(2 * SECOND, NOW + ahead), now=NOW + ahead)
    found = freshness.check(chosen, store, NOW)
    assert found.status == "error" and not found.ready
    assert "clock" in freshness.notices(chosen, store, found)[0]


def test_a_clock_that_is_behind_is_a_fault_even_if_nothing_is_new(settings: toy.Settings) -> None:
    chosen, back = configured(settings), NOW - 400 * DAY
    store = stored(chosen, *every(2 * SECOND, NOW))
    known = store.latest()
    store.publish(merge(known, Batch({}), toy.TABLES, back, back, chosen.refresh).snapshot)
    store.report(Status(refreshed=back))
    found = freshness.check(chosen, store, back)
    assert (found.status, found.ready) == ("error", False)
    assert "clock" in freshness.notices(chosen, store, found)[0]


def test_many_series_have_a_usual_distance_too(settings: toy.Settings) -> None:
    chosen = configured(settings)
    store = MemoryStore()
    rows = [(NOW + it * SECOND, f"{it % 1_500}", 1.0) for it in range(3_000)]
    end = NOW + 3_000 * SECOND
    batch = Batch(fitted(*rows))
    store.publish(merge(None, batch, toy.TABLES, end, end, chosen.refresh).snapshot)
    store.report(Status(refreshed=end + 2 * DAY))
    assert freshness.check(chosen, store, end + 2 * DAY).status == "stale"


def test_a_fault_is_shown_even_while_refreshes_fail(settings: toy.Settings) -> None:
    store = MemoryStore(Snapshot(8, NOW, NOW, {}, fault="another release of this dashboard"))
    store.report(Status(error="OSError: gone", incident="1a2b3c4d", failing_since=NOW))
    said = freshness.notices(settings, store, freshness.check(settings, store, NOW))
    assert any("another release" in it for it in said) and any("1a2b3c4d" in it for it in said)
    assert not any("gone" in it for it in said), "every viewer sees it"


def test_data_of_another_release_are_not_ready(settings: toy.Settings) -> None:
    store = MemoryStore(Snapshot(8, NOW, NOW, {}, fault="another release of this dashboard"))
    found = freshness.check(settings, store, NOW)
    assert (found.status, found.ready) == ("error", False)
    assert any("another release" in it for it in freshness.notices(settings, store, found))


def test_a_source_without_rows_is_not_live(settings: toy.Settings) -> None:
    chosen = configured(settings)
    store = MemoryStore(Snapshot(8, NOW, NOW, fitted()))
    found = freshness.check(chosen, store, NOW)
    assert (found.status, found.ready) == ("stale", False)
    assert "no rows" in freshness.notices(chosen, store, found)[0]


def test_the_page_counts_the_rows_that_were_set_aside(settings: toy.Settings) -> None:
    chosen = configured(settings)
    store = stored(chosen, *every(2 * SECOND, NOW))
    rejected = Rejected("readings", "time in the future", 3, "series='secret'")
    store.report(Status(refreshed=NOW, rejected=(rejected,)))
    found = freshness.check(chosen, store, NOW)
    said = "3 rows of readings set aside: time in the future."
    assert freshness.notices(chosen, store, found) == [said]
    more = Rejected("readings", "value is missing", 1, "series='secret'")
    store.report(Status(refreshed=NOW, rejected=(rejected, more)))
    said = "4 rows of readings set aside: time in the future (3), value is missing (1)."
    assert freshness.notices(chosen, store, found) == [said]


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
