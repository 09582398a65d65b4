import bz2
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import zstandard
from sites import Answer, Site, serving

from {{cookiecutter.project_slug}}.engine.data.tables import DataError
from {{cookiecutter.project_slug}}.engine.sources import files, parsers
from {{cookiecutter.project_slug}}.engine.sources.files import FileSource

ROWS = "time,series,value\n2026-01-01T00:00:00Z,a,1\n"
MORE = ROWS + "2026-01-02T00:00:00Z,a,2\n"
WIDE = pd.DataFrame({"day": ["2026-01-01", "2026-01-02"], "oven": [1.5, 2.5], "press": [3, 4]})
WIDE_SOURCE: dict[str, Any] = {"time": "day", "series": "", "value": "*"}


def read(path: object, **source: Any) -> pd.DataFrame:
    return files.read_tables(FileSource(path=str(path), **source))["readings"]


def values(path: object, **source: Any) -> dict[str, list[float]]:
    rows = read(path, **source)
    return {str(name): list(part["value"]) for name, part in rows.groupby("series", observed=True)}


def to_zip(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inside.csv", content)
    return file.getvalue()


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zip": to_zip,
    ".zst": zstandard.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that have been parsed."""
    names: list[str] = []
    parse = files.parse
    monkeypatch.setattr(files, "parse", lambda *args: names.append(args[1]) or parse(*args))
    return names


@pytest.mark.parametrize("ending", COMPRESSIONS)
def test_compressed_files_are_read(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.csv{ending}"
    file.write_bytes(COMPRESSIONS[ending](MORE.encode()))
    assert values(file) == {"a": [1, 2]}
    rows = [{"time": "2026-01-01", "series": "a", "value": 7}]
    file = tmp_path / f"a.json{ending}"
    file.write_bytes(COMPRESSIONS[ending](json.dumps(rows).encode()))
    if ending != ".zip":  # whose name inside says CSV
        assert values(file) == {"a": [7]}


def test_a_compressed_file_is_recognized_whatever_its_name_is(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(gzip.compress(ROWS.encode()))
    assert values(file) == {"a": [1]}


def test_an_archive_of_several_files_is_rejected(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", ROWS)
        archive.writestr("b.csv", ROWS)
    with pytest.raises(DataError, match="holds 2 files: unpack it"):
        read(tmp_path / "a.zip")


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "xlsx", "parquet"])
def test_each_format_is_read(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{ending}"
    write: dict[str, Callable[[], Any]] = {
        "csv": lambda: WIDE.to_csv(file, index=False),
        "tsv": lambda: WIDE.to_csv(file, index=False, sep="\t"),
        "json": lambda: WIDE.to_json(file, orient="records"),
        "jsonl": lambda: WIDE.to_json(file, orient="records", lines=True),
        "xlsx": lambda: file.write_bytes(workbook(Data=[list(WIDE), *WIDE.values.tolist()])),
        "parquet": lambda: WIDE.to_parquet(file),
    }
    write[ending]()
    assert values(file, **WIDE_SOURCE) == {"oven": [1.5, 2.5], "press": [3, 4]}
    assert list(files.raw(FileSource(path=str(file)), 1)) == list(WIDE)
    assert len(files.raw(FileSource(path=str(file)), 1)) == 1


def workbook(**sheets: list[list[object]]) -> bytes:
    """Return a minimal Excel file: a zip archive of XML, with all text inline."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"

    def cell(value: object) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    def sheet(rows: list[list[object]]) -> str:
        lines = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        return f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>'

    names = list(enumerate(sheets, 1))
    listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in names)
    related = "".join(
        f'<Relationship Id="r{n}" Type="{office}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n, _ in names
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    content = {
        "[Content_Types].xml": f'<Types xmlns="{packages}/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{packages}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}">'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packages}/relationships">'
        f"{related}</Relationships>",
        **{f"xl/worksheets/sheet{n}.xml": sheet(sheets[name]) for n, name in names},
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return file.getvalue()


def test_a_folder_and_a_pattern_are_read_and_only_changed_files_again(
    tmp_path: Path, parsed: list[str]
) -> None:
    for name in ("1.csv", "2.csv", "deep/3.csv"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(ROWS.replace(",1\n", f",{file.stem}\n"), "utf-8")
    (tmp_path / ".hidden.csv").write_text("half of it", "utf-8")
    (tmp_path / "notes.md").write_text("no data", "utf-8")
    assert values(tmp_path) == {"a": [1, 2, 3]}
    assert values(tmp_path / "?.csv") == {"a": [1, 2]}
    assert values(tmp_path) == {"a": [1, 2, 3]}
    parsed.clear()
    (tmp_path / "2.csv").write_text(MORE, "utf-8")
    assert values(tmp_path) == {"a": [1, 1, 2, 3]}
    assert parsed == ["2.csv"]


def test_an_unchanged_file_is_not_parsed_again(tmp_path: Path, parsed: list[str]) -> None:
    file = tmp_path / "a.csv"
    file.write_text(ROWS, "utf-8")
    first = read(file)
    assert read(file).equals(first)
    assert parsed == ["a.csv"]
    file.write_text(MORE, "utf-8")
    assert len(read(file)) == 2


def test_changing_the_result_does_not_affect_the_next_read(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(ROWS, "utf-8")
    for _ in range(2):
        data = read(file)
        assert list(data["value"]) == [1]
        data["value"] *= 2


def test_a_missing_file_is_an_error_and_is_read_once_it_is_back(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    with pytest.raises(FileNotFoundError):
        read(file)
    file.write_text(ROWS, "utf-8")
    assert values(file) == {"a": [1]}
    file.unlink()
    with pytest.raises(FileNotFoundError):
        read(file)


@pytest.fixture
def site() -> Any:
    with serving() as site:
        yield site


@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {}])
def test_a_url_is_parsed_again_only_when_it_has_changed(
    headers: dict[str, str], parsed: list[str], site: Site
) -> None:
    site.answers["/a.csv"] = Answer(ROWS, headers=headers)
    first = read(f"{site.url}/a.csv")
    assert read(f"{site.url}/a.csv").equals(first)
    assert parsed == ["a.csv"]
    site.answers["/a.csv"] = Answer(MORE)
    assert len(read(f"{site.url}/a.csv")) == 2
    with pytest.raises(OSError, match="404"):
        read(f"{site.url}/missing.csv")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/a.csv.gz", {}),
        ("/download", {"Content-Disposition": 'attachment; filename="a.csv.gz"'}),
        ("/download", {"Content-Type": "text/csv; charset=utf-8"}),
        ("/a.csv", {"Content-Encoding": "gzip"}),
    ],
)
def test_the_name_or_type_that_a_server_gives_tells_the_format(
    path: str, headers: dict[str, str], site: Site
) -> None:
    site.answers[path] = Answer(gzip.compress(ROWS.encode()), headers=headers)
    assert values(f"{site.url}{path}") == {"a": [1]}


def test_only_needed_columns_are_parsed(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("time,id,series,value\n2026-01-01,x,007,1\n", "utf-8")
    seen: list[list[str]] = []

    def rows(raw: pd.DataFrame) -> pd.DataFrame:
        seen.append(list(raw))
        return raw

    files.read_tables(FileSource(path=str(file)), rows=rows)
    assert seen == [["time", "id", "series", "value"]], "one's own function may need any column"
    assert values(file) == {"007": [1]}
    combined = files._combined(
        [files.parts(FileSource(path=str(file)))[0]],
        FileSource(path=""),
        files.wanted(FileSource(path=""), None),
    )
    assert list(combined) == ["time", "series", "value"]


def test_rows_may_be_changed_before_the_settings_apply(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("time,price,count\n2026-01-01,3,4\n", "utf-8")
    source = FileSource(path=str(file), series="", value="total")
    tables = files.read_tables(
        source, rows=lambda raw: raw.assign(total=raw["price"] * raw["count"])
    )
    assert list(tables["readings"]["value"]) == [12]


def test_options_go_to_pandas(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    text = "# plant 7\nTag;Wert\n01.02.2026;1.234,5\n02.02.2026;-\n"
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    options = {"sep": ";", "decimal": ",", "thousands": ".", "comment": "#"}
    found = values(
        file,
        time="Tag",
        time_format="%d.%m.%Y",
        series="",
        value="Wert",
        missing=["-"],
        read=options,
    )
    assert found == {"Wert": [1234.5]}


def test_times_are_read_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    for text, time_format in (("1950.0", "%Y"), ("0830", "%H%M"), ("05 1950", "%m %Y")):
        file.write_text(f"at,oven\n{text},1\n{text},2\n", "utf-8")
        source = {"time": "at", "time_format": time_format, "series": "", "value": "oven"}
        assert values(file, **source) == {"oven": [1, 2]}


def test_columns_may_be_given_other_names(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("time,series,value\n2026-01-01,a,1,\n2026-01-02,a,2,\n", "utf-8")
    names = ["time", "series", "value", "nothing"]
    assert values(file, read={"header": 0, "names": names}) == {"a": [1, 2]}


def test_large_files_are_parsed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsers, "CHUNK", 2)
    file = tmp_path / "a.csv"
    rows = [f"2026-01-{day:02},{name},{day}" for day in range(1, 6) for name in ("007", "b")]
    file.write_text("\n".join(["time,series,value", *rows, "2026-01-06,,6"]), "utf-8")
    assert values(file) == {"007": [1, 2, 3, 4, 5], "b": [1, 2, 3, 4, 5]}
    assert read(file)["series"].isna().sum() == 1


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    for ending, text in (
        ("csv", ROWS),
        ("json", '[{"time": "2026-01-01", "series": "a", "value": 1}]'),
    ):
        file = tmp_path / f"a.{ending}"
        file.write_text(text, "utf-8-sig")
        assert values(file) == {"a": [1]}


OTHER = "it is {}: set format"
WRONG: list[tuple[str, bytes, dict[str, Any], str]] = [
    ("a.csv", b"time;series;value\n2026-01-01;a;1,5\n", {}, r'set sep = ";" under'),
    ("a.csv", b"time\tseries\tvalue\n2026-01-01\ta\t1\n", {}, r'set sep = "\\t" under'),
    ("a.csv", b"time;b\n1,5;3\n1,5,7;4\n", {}, "check sep, skiprows and comment under"),
    ("a.csv", ROWS.replace(",a,", ",\u00e4,").encode("latin-1"), {}, 'set encoding = "cp1252"'),
    ("a.json", '[{"a": "\u00e4"}]'.encode("latin-1"), {}, 'set encoding = "cp1252"'),
    ("a.csv", b'[{"time": "2026-01-01"}]', {}, 'set format = "json"'),
    ("a.csv", b"\xff\xfe" + ROWS.encode("utf-16-le"), {}, 'set encoding = "utf-16"'),
    ("a.csv", b"<!DOCTYPE html><html></html>", {}, "is a web page, not csv"),
    ("a.csv", b"SQLite format 3\0", {}, "it is a database"),
    ("a.csv", b"PAR1....", {}, 'set format = "parquet"'),
    ("a.csv", b"time,series,value\n2026-01-01,a,1,\n", {}, "set header = 0 and names"),
    ("a.csv", b"", {}, "a.csv is empty"),
    ("a.json", b'{"a": 1}\n{"a": 2}\n', {}, 'set format = "jsonl"'),
    ("a.json", b'{"data": {"items": [{"time": "2026-01-01"}]}}', {}, 'set records = "data.items"'),
    ("a.json", b'{"data": []}', {"records": "dota"}, r"did you mean data\?"),
    ("a.sqlite", b"", {}, "set format, as in format"),
    ("a.csv", ROWS.encode(), {"read": {"skiprows": "x"}}, "cannot be read as csv"),
]


@pytest.mark.parametrize(("name", "content", "source", "said"), WRONG)
def test_a_file_that_does_not_fit_the_settings_names_the_one_that_helps(
    name: str, content: bytes, source: dict[str, Any], said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path / name, **source)
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


def test_a_sheet_that_has_no_data_names_the_others(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    rows: list[list[object]] = [["time", "series", "value"], ["2026-01-01", "a", 1]]
    file.write_bytes(workbook(README=[["Readings of plant 7"]], Data=rows))
    with pytest.raises(DataError, match=r"set sheet_name .* to one of 'README', 'Data'"):
        read(file)
    with pytest.raises(DataError, match=r"has no sheet 'data': .* one of 'README', 'Data'"):
        read(file, read={"sheet_name": "data"})
    assert values(file, read={"sheet_name": "Data"}) == {"a": [1]}


@pytest.mark.parametrize("is_there", [True, False])
def test_a_path_without_files_is_an_error(is_there: bool, tmp_path: Path) -> None:
    if is_there:
        (tmp_path / "notes.md").touch()
    with pytest.raises(DataError, match="has no files that can be read"):
        read(tmp_path)
    with pytest.raises(DataError, match="no file matches"):
        read(tmp_path / "*.csv")


def test_a_file_that_changes_within_the_same_second_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(ROWS, "utf-8")
    stat = file.stat()
    assert values(file) == {"a": [1]}
    file.write_text(ROWS.replace(",1\n", ",2\n"), "utf-8")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    assert values(file) == {"a": [2]}


def test_json_lines_name_the_missing_columns_and_the_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"time": "2026-01-01", "temp": 1}\n' * 2, "utf-8")
    with pytest.raises(DataError, match="`series` and `value` are missing"):
        read(path)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"time": "2026-')
    with pytest.raises(DataError, match="line 3 is not JSON"):
        read(path, series="", value="temp")


@pytest.mark.parametrize("bad", ["k.A.", "-"])
def test_a_bad_cell_does_not_change_how_the_others_are_read(bad: str, tmp_path: Path) -> None:
    """pandas leaves the whole column as text."""
    path = tmp_path / "a.csv"
    path.write_text(f"time;value\n2026-01-01;1.234,5\n2026-01-02;{bad}\n2026-01-03;1.234\n")
    found = read(path, series="", read={"sep": ";", "decimal": ",", "thousands": "."})
    assert list(found["value"]) == [1234.5, bad, 1234]
