import json
import logging
from collections.abc import Iterator

import pytest

from {{cookiecutter.project_slug}}.engine import log
from {{cookiecutter.project_slug}}.engine.settings import Log


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """Restore pytest's own handlers."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = handlers, level


@pytest.mark.parametrize("format_", ["text", "json"])
def test_no_password_is_logged(format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Log.model_validate({"format": format_}))
    try:
        raise OSError("postgresql://ann:hush@db/x refused, and https://x/?token=hush&page=2 too")
    except OSError:
        logging.exception("redis://:hush@host/0 has api_key=hush")
    said = capsys.readouterr().err
    assert "hush" not in said
    assert all(word in said for word in ("postgresql://", "@db/x refused", "page=2", "@host/0"))


def test_a_redacted_line_of_json_stays_valid(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure(Log(format="json"))
    said = 'password="hunter2", then token=hunter2" and \udc80'
    logging.info(said, extra={"token": "hunter2", "asked": {"url": ["x://a:hunter2@b", 7, None]}})
    line = capsys.readouterr().err
    fields = json.loads(line)
    assert "hunter2" not in line and fields["message"].startswith("password=***, then token=***")
    assert (fields["token"], fields["asked"]) == ("***", {"url": ["x://***@b", 7, None]})


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_huge_text_is_cut_in_the_middle(format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Log.model_validate({"format": format_}))
    logging.error("first %s last", 400_000 * "word ")
    line = capsys.readouterr().err
    assert "first word word" in line and line.count(" last") == 1
    assert len(line) < 1.1 * log.LONGEST


def test_a_log_line_of_a_request_has_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Log(format="json"))
    token = log.REQUEST.set("0123abcd")
    logging.info("one", extra={"rows": 3})
    log.REQUEST.reset(token)
    logging.info("two")
    one, two = map(json.loads, capsys.readouterr().err.splitlines())
    assert (one["message"], one["request_id"], one["rows"]) == ("one", "0123abcd", 3)
    assert (two["message"], two["request_id"]) == ("two", "")


def test_the_newest_lines_are_kept_without_passwords() -> None:
    log.configure(Log(format="json"))
    logging.info("%d", "no number")
    assert log.tail() == []
    for number in range(300):
        logging.info("line %d of redis://:hush@host", number)
    lines = log.tail()
    assert len(lines) == 200
    assert lines[-1].endswith("INFO root: line 299 of redis://***@host")
    log.configure(Log())
    assert log.tail() == []


def test_ordinary_lines_do_not_displace_warnings() -> None:
    log.configure(Log())
    logging.error("last night's failure")
    for number in range(1_000):
        logging.info("line %d", number)
    first, *_, last = log.tail()
    assert first.endswith("last night's failure") and last.endswith("line 999")
