import io
from typing import Any

import pandas as pd
import pytest

from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.engine.data.tables import counted
from {{cookiecutter.project_slug}}.engine.refresh import preview

TIME = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("raw", "code", "said"),
    [
        ({"time": [TIME], "series": "a", "value": 1.5}, 0, "can show 1 row"),
        ({"time": [TIME] * 2, "series": "a", "value": 1.5}, 0, "1 row with the same key as a"),
        ({"time": [TIME, "2099-01-01"], "series": "a", "value": 1}, 0, "time in the future, as in"),
        ({"time": [TIME], "series": "a"}, 1, "the column 'value' is missing"),
        ({"time": [TIME], "series": "a", "value": "n/a"}, 1, "value is not a number"),
        ({"time": [], "series": [], "value": []}, 1, "There are no rows"),
    ],
)
def test_the_first_rows_are_shown_or_what_is_wrong_with_them(
    raw: dict[str, Any],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(reading, "read", lambda *_: {"readings": pd.DataFrame(raw)})
    assert preview.main() == code
    output = capsys.readouterr()
    assert f"readings: {counted(len(raw['time']))}, with time (" in output.out
    assert said in output.out + output.err
    assert "Traceback" not in output.err


def test_a_long_text_does_not_hide_the_other_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = pd.DataFrame({"time": TIME, "series": ["a", "b" * 10_000], "value": 1.5})
    monkeypatch.setattr(reading, "read", lambda *_: {"readings": raw})
    preview.main()
    table = capsys.readouterr().out.split("\n\n")[1]
    assert max(map(len, table.splitlines())) < 100


def test_an_error_of_the_source_is_one_line_without_passwords(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OSError("ftp://me:hush@host is down")

    monkeypatch.setattr(reading, "read", fail)
    assert preview.main() == 1
    assert capsys.readouterr().err == "OSError: ftp://***@host is down\n"


def test_it_says_which_line_of_reading_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mistaken: dict[str, Any] = {}
    exec(compile("def read(*_):\n    return 1 / 0", str(reading.__file__), "exec"), mistaken)
    monkeypatch.setattr(reading, "read", mistaken["read"])
    assert preview.main() == 1
    assert capsys.readouterr().err == "reading.py, line 2: ZeroDivisionError: division by zero\n"


def test_a_pipe_of_windows_takes_every_character(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = {"time": [TIME], "series": "Łódź", "value": 1.5}
    monkeypatch.setattr(reading, "read", lambda *_: {"readings": pd.DataFrame(raw)})
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", pipe)
    assert preview.main() == 0, capsys.readouterr().err
    pipe.flush()
    assert "ód" in pipe.buffer.getvalue().decode("cp1252")
