from {{cookiecutter.project_slug}}.engine.diagnostics import redaction
from {{cookiecutter.project_slug}}.engine.diagnostics.errors import (
    LONGEST,
    describe,
    one_line,
)


def test_an_error_is_one_short_line_that_can_be_sent() -> None:
    error = ValueError("two\nlines \udc80 \x1b[31m" + 2_000_000 * "x")
    line = describe(error)
    assert line.startswith("ValueError: two lines \ufffd \ufffd[31mxx") and line.endswith("x…")
    assert len(line) == LONGEST and line.encode()


def test_an_error_without_a_text_has_its_name() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise KeyError("no text")

    assert describe(Mute()) == "Mute: its text cannot be made (KeyError)"
    assert describe(TimeoutError()) == "TimeoutError"


def test_a_secret_is_not_cut_so_that_a_part_of_it_is_shown() -> None:
    before = redaction.hidden()
    redaction.hide(["hunter2hunter2"])
    try:
        assert "hunter" not in one_line((LONGEST - 10) * "x" + " hunter2hunter2")
    finally:
        redaction.hide(before)
