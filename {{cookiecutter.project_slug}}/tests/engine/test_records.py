from typing import Any

import pytest

from {{cookiecutter.project_slug}}.engine.data.tables import DataError
from {{cookiecutter.project_slug}}.engine.sources.records import table

ITEMS = [{"at": 1, "it": {"a": 2}}, {"at": 3, "it": {"a": 4}}]


@pytest.mark.parametrize(
    ("document", "records"),
    [
        (ITEMS, ""),
        ({"data": ITEMS}, "data"),
        ({"data": {"items": ITEMS}, "total": 2}, "data.items"),
        ({"pages": [{"items": ITEMS[:1]}, {"items": ITEMS[1:]}]}, "pages.items"),
        ({"at": [1, 3], "it.a": [2, 4]}, ""),
        ({"hourly": {"at": [1, 3], "it.a": [2, 4]}}, "hourly"),
    ],
)
def test_rows_are_found_and_nested_names_are_joined(document: Any, records: str) -> None:
    rows = table(document, records, "a.json")
    assert rows.to_dict("list") == {"at": [1, 3], "it.a": [2, 4]}


def test_one_object_is_a_row_and_lists_have_numbered_columns() -> None:
    assert table({"main": {"temp": 7}, "dt": 1}, "", "a").to_dict("list") == {
        "main.temp": [7],
        "dt": [1],
    }
    assert table([[1, 2], [3, 4]], "", "a").to_dict("list") == {"0": [1, 3], "1": [2, 4]}


def test_what_is_nested_in_a_cell_is_text() -> None:
    rows = table([{"a": 1, "tags": ["x", {"y": 1}]}, {"a": 2, "tags": None}], "", "a")
    assert rows["tags"].iloc[0] == '["x",{"y":1}]'


@pytest.mark.parametrize(
    ("document", "records", "said"),
    [
        ({"data": {"items": ITEMS}}, "", 'further inside: set records = "data.items"'),
        ({"hourly": {"a": [1], "b": [2]}, "x": 1}, "", 'set records = "hourly"'),
        ({"data": {"items": ITEMS}}, "data.itms", r"did you mean data\.items\?"),
        ({"data": {"items": ITEMS}}, "x", "its top level has 'data'"),
        (7, "", "has no rows at records"),
    ],
)
def test_a_wrong_path_names_the_right_one(document: Any, records: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        table(document, records, "a.json")
