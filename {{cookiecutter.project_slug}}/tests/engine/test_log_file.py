import os
from collections.abc import Callable
from pathlib import Path

import pytest
from toy import PREFIX

from {{cookiecutter.project_slug}}.engine import log
from {{cookiecutter.project_slug}}.engine.diagnostics import log_file
from {{cookiecutter.project_slug}}.engine.diagnostics.log_file import LogFile

VARIABLE = f"{PREFIX}LOG__FILE"
LINES = [f"line {number:02}" for number in range(40)]


def write(handler: LogFile, lines: list[str]) -> None:
    for line in lines:
        handler.handle(log.logging.makeLogRecord({"msg": line}))


def lines(folder: Path) -> list[str]:
    return sorted(line for file in folder.iterdir() for line in file.read_text("utf-8").split("\n"))


@pytest.fixture
def handler(tmp_path: Path) -> LogFile:
    return LogFile(tmp_path / "a.log", maxBytes=100, backupCount=9, encoding="utf-8")


def test_the_oldest_lines_are_dropped_first(tmp_path: Path) -> None:
    for backups in (1, 3):
        folder = tmp_path / str(backups)
        folder.mkdir()
        handler = LogFile(folder / "a.log", maxBytes=100, backupCount=backups, encoding="utf-8")
        write(handler, LINES)
        handler.close()
        names = {"a.log", *(f"a.log.{number + 1}" for number in range(backups))}
        assert {it.name for it in folder.iterdir()} == names
        kept = [it for it in lines(folder) if it]
        assert kept == LINES[-len(kept) :]


@pytest.mark.parametrize("held", ["a.log", "a.log.1", "a.log.2"])
def test_no_line_is_lost_while_another_program_holds_a_file(
    held: str, handler: LogFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(handler, LINES[:25])
    assert (tmp_path / "a.log.2").exists()
    with monkeypatch.context() as patched, (tmp_path / held).open("rb"):
        if os.name != "nt":  # Windows cannot move an open file anyway
            patched.setattr(Path, "replace", refuse(held, Path.replace))
        write(handler, LINES[25:])
    write(handler, ["the end"])
    handler.close()
    assert [it for it in lines(tmp_path) if it] == [*LINES[:40], "the end"]
    assert len((tmp_path / "a.log").read_text("utf-8").splitlines()) < 10, "it rotates again"


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder with an open file")
def test_logging_resumes_when_a_missing_folder_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    handler = LogFile(folder / "a.log", maxBytes=100, backupCount=1, encoding="utf-8")
    write(handler, LINES[:5])
    folder.rename(tmp_path / "away")
    handler.handleError = lambda record: None  # type: ignore[method-assign]
    write(handler, LINES)
    folder.mkdir()
    write(handler, ["the end"])
    handler.close()
    assert "the end" in lines(folder)


def refuse(held: str, move: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
    def moved(file: Path, target: Path) -> Path:
        if held in (file.name, Path(target).name):
            raise PermissionError(13, "it is used by another process", str(file))
        return move(file, target)

    return moved


def test_a_standalone_schedule_has_its_own_log_file() -> None:
    assert Path(log_file.of_schedule("logs/a.log")) == Path("logs/a-schedule.log")
    assert log_file.of_schedule("") == ""


@pytest.mark.parametrize("mistake", ["", "[nonsense", "[app]\ntitle = 'unclosed"])
def test_the_log_file_is_found_in_an_invalid_config(mistake: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'{mistake}\n[log]\nlevel = "INFO"\nfile = "a.log"  # here\n', "utf-8")
    assert log_file.named_in(config, VARIABLE) == str(tmp_path / "a.log")
    config.write_text('[log]\nfile = ""  # "a.log" writes\n[source]\nfile = "no.log"\n', "utf-8")
    assert log_file.named_in(config, VARIABLE) == ""
    assert log_file.named_in(tmp_path / "nowhere.toml", VARIABLE) == ""
    os.environ[VARIABLE] = "b.log"
    assert log_file.named_in(config, VARIABLE) == str(tmp_path / "b.log")
