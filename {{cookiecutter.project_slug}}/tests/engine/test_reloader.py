import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers import wait_until

from {{cookiecutter.project_slug}}.engine.serve import reloader

RUN = f"""
import sys
from pathlib import Path
from {reloader.__name__} import run
run([sys.executable, "program.py"], lambda: Path().glob("*.py"))
"""


@contextmanager
def reloading(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    with (folder / "said.txt").open("w", encoding="utf-8") as output:
        command = [sys.executable, "-c", RUN]
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def test_the_reloader_waits_for_the_next_save_after_an_error(tmp_path: Path) -> None:
    program, output = tmp_path / "program.py", tmp_path / "said.txt"
    program.write_text("import missing_module", "utf-8")
    with reloading(tmp_path) as process:
        wait_until(lambda: "waiting for the next save" in output.read_text("utf-8"))
        assert "missing_module" in output.read_text("utf-8")
        assert process.poll() is None
        program.write_text("import time; print('works', flush=True); time.sleep(1000)", "utf-8")
        wait_until(lambda: "works" in output.read_text("utf-8"))
        program.write_text("print('and ends')", "utf-8")
        wait_until(lambda: "and ends" in output.read_text("utf-8"))
        assert process.poll() is None


def test_an_added_file_counts_as_a_save(tmp_path: Path) -> None:
    program, output = tmp_path / "program.py", tmp_path / "said.txt"
    program.write_text("import added", "utf-8")
    with reloading(tmp_path):
        wait_until(lambda: "waiting for the next save" in output.read_text("utf-8"))
        (tmp_path / "added.py").write_text("print('was added')", "utf-8")
        wait_until(lambda: "was added" in output.read_text("utf-8"))
