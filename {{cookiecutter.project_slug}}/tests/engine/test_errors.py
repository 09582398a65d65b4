from {{cookiecutter.project_slug}}.engine.diagnostics import redaction
from {{cookiecutter.project_slug}}.engine.diagnostics.errors import (
    LONGEST,
    describe,
    one_line,
)


def test_an_error_is_described_in_one_short_line() -> None:
    error = ValueError("two\nlines \udc80 \x1b[31m" + 2_000_000 * "x")
    line = describe(error)
    assert line.startswith("ValueError: two lines \ufffd \ufffd[31mxx") and line.endswith("x…")
    assert len(line) == LONGEST and line.encode()


def test_an_error_without_a_message_is_described_by_its_name() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise KeyError("no text")

    assert describe(Mute()) == "Mute: its message cannot be shown (KeyError)"
    assert describe(TimeoutError()) == "TimeoutError"


def test_cutting_a_line_shows_no_part_of_a_secret() -> None:
    before = redaction.hidden()
    redaction.hide(["hunter2hunter2"])
    try:
        assert "hunter" not in one_line((LONGEST - 10) * "x" + " hunter2hunter2")
    finally:
        redaction.hide(before)
