from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import toy

from {{cookiecutter.project_slug}}.engine.data.status import Outcome, Rejected, Status
from {{cookiecutter.project_slug}}.engine.data.tables import Batch
from {{cookiecutter.project_slug}}.engine.refresh import outcomes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WORKED, BROKE = Outcome(NOW, 2.5, 7), Outcome(NOW, 1.5, error="OSError: gone")
BAD = Rejected("readings", "time in the future", 3, "2099-01-01")
READ = {"readings": pd.DataFrame()}


def succeeded(before: Status, batch: Batch | None = None, changed: bool = True) -> Status:
    batch = batch or Batch(READ)
    return outcomes.succeeded(before, batch, toy.TABLES, WORKED, changed, NOW, NOW + MINUTE)


def failed(before: Status, **values: Any) -> Status:
    return outcomes.failed(before, replace(BROKE, **values), "1234", NOW + 2 * MINUTE)


def test_a_success_records_its_time_and_the_next_due_time() -> None:
    status = succeeded(Status())
    assert (status.due, status.refreshed, status.next_due) == (NOW, NOW, NOW + MINUTE)
    assert status.takes == timedelta(seconds=2.5)
    assert status.changes == (WORKED,)


def test_a_failure_keeps_the_details_of_the_last_success() -> None:
    before = succeeded(Status(), Batch(READ, (BAD,)))
    status = failed(before)
    assert (status.error, status.incident, status.next_due) == (
        BROKE.error,
        "1234",
        NOW + 2 * MINUTE,
    )
    kept = ("due", "refreshed", "takes", "changes", "rejected")
    assert all(getattr(status, name) == getattr(before, name) for name in kept)
    assert status.failures == (BROKE,)


def test_failures_are_counted_from_the_first_until_a_success() -> None:
    first = failed(Status())
    second = failed(first, ended=NOW + MINUTE)
    assert [it.failed_in_a_row for it in (first, second)] == [1, 2]
    assert second.failing_since == NOW
    after = succeeded(second, changed=False)
    assert (after.error, after.incident, after.failed_in_a_row) == ("", "", 0)
    assert after.failing_since is None
    assert len(after.failures) == 2, "the list of failures stays"
    assert after.changes == (WORKED,), "it ended a run of failures"
    assert succeeded(after, changed=False).changes == (WORKED,), "it changed nothing"
    assert succeeded(after).changes == (WORKED, WORKED)


def test_the_newest_outcomes_of_each_kind_are_kept() -> None:
    old = tuple(replace(BROKE, seconds=number) for number in range(outcomes.MAX_OUTCOMES))
    for kind, add in (("changes", succeeded), ("failures", failed)):
        kept = getattr(add(Status(**{kind: old})), kind)
        assert kept[:-1] == old[1:] and kept[-1].ended == NOW
        assert len(kept) == outcomes.MAX_OUTCOMES


def test_rows_that_are_valid_but_not_shown_are_reported_alike() -> None:
    lost, old = replace(BAD, reason="overwritten"), replace(BAD, reason="old")
    batch = Batch(READ, overwritten=(lost,))
    tables = toy.TABLES

    def after(before: Status, batch: Batch, tables: Any, *older: Rejected, whole: bool) -> Status:
        return outcomes.succeeded(before, batch, tables, WORKED, True, NOW, NOW, older, whole)

    late = after(Status(), batch, tables, old, whole=False)
    assert not late.older, "rows that a device sends late say nothing about the history"
    found = after(Status(), batch, tables, old, whole=True)
    assert [it.seen for it in (*found.overwritten, *found.older)] == [NOW, NOW]
    assert not found.rejected
    again = after(found, Batch(READ), tables, whole=False)
    assert (again.overwritten, again.older) == (found.overwritten, found.older), "for a day"
    whole = after(found, Batch(READ), REPLACED, whole=False)
    assert (whole.overwritten, whole.older) == ((), ()), "a full read has none"


def test_reading_all_of_the_history_replaces_what_was_reported() -> None:
    known = (replace(BAD, seen=NOW),)
    before = Status(rejected=known, overwritten=known, older=known)
    batch = Batch(READ, overwritten=(replace(BAD, count=1),))
    after = outcomes.succeeded(before, batch, toy.TABLES, WORKED, True, NOW, NOW, whole=True)
    assert (after.rejected, after.older) == ((), ())
    assert [it.count for it in after.overwritten] == [1]


def test_the_end_of_a_table_does_not_reduce_the_number_of_its_rows() -> None:
    one, many = Batch(READ, (replace(BAD, count=1),)), Batch(READ, (replace(BAD, count=9),))
    assert [it.count for it in succeeded(succeeded(Status(), many), one).rejected] == [9]
    in_full = outcomes.succeeded(succeeded(Status(), many), one, REPLACED, WORKED, True, NOW, NOW)
    assert [it.count for it in in_full.rejected] == [1]


def test_a_reason_is_new_only_once_per_table() -> None:
    others = replace(BAD, table="other"), replace(BAD, reason="isfinite")
    batch = Batch(READ, (replace(BAD, count=9), *others))
    assert outcomes.newly_rejected(Status(rejected=(BAD,)), batch) == [*others]


REPLACED = {"readings": replace(toy.TABLES["readings"], mode="replace")}
NOTHING = Batch({})


@pytest.mark.parametrize(
    ("batch", "tables", "age", "shown"),
    [
        (Batch(READ), toy.TABLES, DAY - MINUTE, NOW - DAY + MINUTE),
        (Batch(READ), toy.TABLES, DAY, None),
        (Batch(READ), toy.TABLES, -DAY, None),  # the clock was wrong when they were seen
        (Batch(READ), REPLACED, MINUTE, None),  # the whole table was read again, without them
        (NOTHING, toy.TABLES, 2 * DAY, NOW),  # the table has nothing new, so they still exist
        (NOTHING, {}, MINUTE, None),  # the dashboard no longer has the table
    ],
)
def test_rejected_rows_are_shown_for_a_day_unless_they_are_known_to_be_gone(
    batch: Batch, tables: Any, age: timedelta, shown: datetime | None
) -> None:
    before = Status(rejected=(replace(BAD, seen=NOW - age),))
    after = outcomes.succeeded(before, batch, tables, WORKED, True, NOW, NOW)
    assert after.rejected == (() if shown is None else (replace(BAD, seen=shown),))


def test_a_table_that_is_gone_hides_no_rejected_rows_of_others() -> None:
    gone, known = replace(BAD, table="gone"), replace(BAD, seen=NOW)
    assert succeeded(Status(rejected=(gone, known))).rejected == (known,)


def test_rows_that_are_rejected_again_are_shown_once_with_the_new_count() -> None:
    again, other = replace(BAD, count=5), replace(BAD, reason="isfinite")
    before = Status(rejected=(replace(BAD, seen=NOW - MINUTE),))
    after = succeeded(before, Batch(READ, (again, other)))
    assert after.rejected == (replace(again, seen=NOW), replace(other, seen=NOW))
