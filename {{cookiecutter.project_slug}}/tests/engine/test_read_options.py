from typing import Any

import pytest
from pydantic import ValidationError

from {{cookiecutter.project_slug}}.engine.sources.files import FileSource

OPTIONS = {
    "sep": ";",
    "decimal": ",",
    "encoding": "cp1252",
    "skiprows": 2,
    "names": ["a", "b"],
}


def test_options_of_pandas_are_accepted() -> None:
    assert FileSource(path="a.csv", format="csv", read=OPTIONS).read == OPTIONS


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seperator": ";"}, r"did you mean sep\?"),
        ({"delimiter": ";"}, r"did you mean sep\?"),
        ({"skip_rows": 1}, r"did you mean skiprows\?"),
        ({"decimals": ","}, r"did you mean decimal\?"),
        ({"sheet_name": "a"}, r"it may have sep, encoding, decimal, skiprows \["),
        ({"usecols": ["a"]}, r"write in \[source\], the keys time, series and value"),
        ({"parse_dates": ["a"]}, r"write in \[source\], the keys time and time_format"),
        ({"na_values": ["-"]}, r"write in \[source\], the key missing"),
        ({"nrows": 5}, "cannot have nrows: the engine sets it"),
        ({"engine": "pyarrow"}, "cannot have engine: the engine sets it"),
    ],
)
@pytest.mark.parametrize("given", [{"format": "csv"}, {}])
def test_other_options_are_rejected_with_the_right_one(
    options: dict[str, Any], said: str, given: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match=said):
        FileSource(path="a.csv.gz", read=options, **given)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("separator", r"write sep under \[source\.read\]"),
        ("delimiter", r"write sep under \[source\.read\]"),
        ("decimal", r"write decimal under \[source\.read\]"),
        ("skip_rows", r"write skiprows under \[source\.read\]"),
        ("sheet", r"write sheet_name under \[source\.read\]"),
        ("encoding", r"write encoding under \[source\.read\]"),
        ("na_values", "write missing instead"),
        ("parse_dates", "write time instead"),
    ],
)
def test_an_option_outside_its_table_is_told_where_it_belongs(key: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FileSource.model_validate({"path": "a.csv", key: ";"})


def test_a_key_of_ones_own_is_accepted() -> None:
    class Source(FileSource):
        header: str = ""

    assert Source(path="a.csv", header="x").header == "x"
