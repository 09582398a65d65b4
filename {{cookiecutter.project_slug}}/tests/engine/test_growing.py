"""Tables to which rows are appended without copying those they have."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import toy
from helpers import tables_of

from {{cookiecutter.project_slug}}.engine.data import frames
from {{cookiecutter.project_slug}}.engine.data.growing import Growing, common
from {{cookiecutter.project_slug}}.engine.data.merge import merge
from {{cookiecutter.project_slug}}.engine.data.snapshot import Snapshot
from {{cookiecutter.project_slug}}.engine.data.tables import Batch
from {{cookiecutter.project_slug}}.engine.settings import Refresh

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
REFRESH = Refresh(history=timedelta(days=1))


def rows(*seconds: float, name: str = "a", value: float = 1.0) -> dict[str, pd.DataFrame]:
    return tables_of(*((NOW + it * SECOND, name, value) for it in seconds))


def append(
    previous: Snapshot | None, new: dict[str, pd.DataFrame], refresh: Refresh = REFRESH
) -> Snapshot:
    return merge(previous, Batch(new), toy.TABLES, NOW, NOW, refresh).snapshot


def address(snapshot: Snapshot) -> int:
    return int(snapshot.tables["readings"]["value"].to_numpy().ctypes.data)


def test_appending_copies_nothing_and_changes_no_older_snapshot() -> None:
    first = append(append(None, rows(*range(-9000, -900))), rows(-900))
    before = first.tables["readings"].copy(deep=True)
    second = append(first, rows(-900, -899))
    assert address(second) == address(first)
    assert len(second.tables["readings"]) == len(before) + 1
    assert second.tables["readings"].equals(
        append(None, rows(*range(-9000, -898))).tables["readings"]
    )
    assert first.tables["readings"].equals(before)
    shorter = Refresh(history=(8990 - 898) * SECOND)
    later = append(second, rows(-898, value=2.0), shorter)
    data = later.tables["readings"]
    assert address(later) == address(first) + 10 * 8, "older rows are dropped without copying"
    assert (len(data), data.index[0], data["value"].iloc[-1]) == (len(before) - 8, 0, 2.0)
    assert address(append(later, rows(-897))) == address(later)


def test_rows_are_copied_if_others_follow_already() -> None:
    first = append(append(None, rows(-9)), rows(-8))
    second, other = append(first, rows(-7)), append(first, rows(-7, value=5.0))
    late, corrected = append(second, rows(-7.5)), append(second, rows(-8, value=3.0))
    found = [list(it.tables["readings"]["value"]) for it in (first, second, other, late, corrected)]
    assert found == [[1, 1], [1, 1, 1], [1, 1, 5], [1, 1, 1, 1], [1, 3, 1]]
    assert len({address(it) for it in (first, other, late, corrected)}) == 4


def test_a_change_by_a_user_changes_no_snapshot() -> None:
    first = append(append(None, rows(-9)), rows(-8))
    data = first.tables["readings"]
    data.loc[0, "value"] = 7.0
    data["value"] *= 2
    assert list(append(first, rows(-7)).tables["readings"]["value"]) == [1, 1, 1]
    assert list(first.tables["readings"]["value"]) == [1, 1]


def test_a_table_may_be_changed_whoever_else_still_has_it() -> None:
    first = append(append(None, rows(-9)), rows(-8))
    data, part = first.tables["readings"], first.tables["readings"].iloc[1:]
    second = append(first, rows(-7))
    assert address(second) == address(first)
    del first
    data.loc[0, "value"], part.loc[1, "value"] = 7.0, 8.0
    assert (list(data["value"]), list(part["value"])) == ([7, 1], [8])
    assert list(second.tables["readings"]["value"]) == [1, 1, 1]
    data = second.tables["readings"]
    del second
    data.loc[0, "value"] = 7.0
    assert list(data["value"]) == [7, 1, 1]


def test_another_table_is_never_extended() -> None:
    first = append(append(None, rows(-9, -8)), rows(-7))
    data = first.tables["readings"].assign(value=2.0)
    second = append(replace(first, tables={"readings": data}), rows(-6))
    assert list(second.tables["readings"]["value"]) == [2, 2, 2, 1]


def test_any_changes_are_the_same_as_with_pandas() -> None:
    rng, snapshot, old = np.random.default_rng(0), None, []
    names = [f"s{it}" for it in range(200)]  # more than 127 need two bytes each
    for turn in range(80):
        size, newest = int(rng.integers(1, 9)), turn * 10
        times = newest - 9000 + rng.integers(-5 if turn % 3 else 0, 10, size)
        chosen = rng.choice(names[: 2 + turn * 3 % 190], size)
        values = rng.integers(0, 3, size)
        drawn = zip(times.tolist(), chosen, values.tolist(), strict=True)
        new = tables_of(*((NOW + at * SECOND, name, float(value)) for at, name, value in drawn))
        copied = append(snapshot and replace(snapshot, grown={}), new)
        snapshot = append(snapshot, new)
        pd.testing.assert_frame_equal(snapshot.tables["readings"], copied.tables["readings"])
        old.append((snapshot, snapshot.tables["readings"].copy(deep=True)))
    for it, data in old:
        pd.testing.assert_frame_equal(it.tables["readings"], data)


def test_columns_of_other_kinds_are_copied() -> None:
    first = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [True, False]})
    found, grown = frames.extend(first, 1, first, None)
    assert grown is None
    pd.testing.assert_frame_equal(found, pd.concat([first.iloc[:1], first], ignore_index=True))
    found, grown = frames.extend(first[["a", "c"]], 1, first[["a", "c"]], None)
    assert grown is not None
    pd.testing.assert_frame_equal(found, pd.DataFrame({"a": [1, 1, 2], "c": [True, True, False]}))


def test_what_two_tables_have_in_common() -> None:
    one = [np.arange(200_000.0), np.zeros(200_000, "int8")]
    for at in (0, 1, 65_535, 65_536, 199_999):
        other = [it.copy() for it in one]
        other[at % 2][at] = 9
        assert common(one, other) == at
    assert common(one, [it.copy() for it in one]) == common(one, one) == 200_000
    missing = [np.array([1, np.nan, 2.0])]
    assert common(missing, [np.array([1, np.nan, 3.0])]) == 2
    assert common([one[0][1:]], [one[0][:5]]) == 0


def test_growing_columns_replace_and_drop_rows() -> None:
    first = Growing.copied([np.arange(5)])
    second = first.extended(1, 2, [np.array([3, 4, 5])])
    third = second.extended(0, 1, [np.array([7])])
    found = [it.columns[0].tolist() for it in (first, second, third)]
    assert found == [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5], [1, 2, 3, 4, 7]]
    assert second.room is first.room and third.room is not first.room
    assert not third.columns[0].flags.writeable
