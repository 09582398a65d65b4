import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.setting import Settings

ROWS = "time,series,value\n2026-01-01T00:00:00Z,a,1\n"


def read(settings: Settings, path: object) -> pd.DataFrame:
    changed = settings.model_copy(update={"source": {"path": str(path)}})
    return reading.read(changed, None)["readings"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A real web server over the folder, and the requests it got."""
    requests: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path))

        def do_HEAD(self) -> None:
            if self.path.startswith("/get_only"):
                self.send_error(405)
            else:
                super().do_HEAD()

        def log_message(self, *_: Any) -> None:
            requests.append(self.command)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    server.server_close()


def test_a_file_is_read_again_only_when_it_has_changed(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(ROWS, "utf-8")
    first = read(settings, file)
    assert read(settings, file) is first
    file.write_text(ROWS + "2026-01-02T00:00:00Z,a,2\n", "utf-8")
    assert len(read(settings, file)) == 2


def test_a_file_that_is_gone_is_an_error_and_then_read_again(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(ROWS, "utf-8")
    read(settings, file)
    file.rename(tmp_path / "away.csv")
    with pytest.raises(FileNotFoundError):
        read(settings, file)
    (tmp_path / "away.csv").rename(file)
    assert len(read(settings, file)) == 1


def test_a_url_is_read_again_only_when_it_has_changed(
    settings: Settings, tmp_path: Path, served: tuple[str, list[str]]
) -> None:
    url, requests = served
    file = tmp_path / "readings.csv"
    file.write_text(ROWS, "utf-8")
    first = read(settings, f"{url}/readings.csv")
    assert read(settings, f"{url}/readings.csv") is first
    assert requests == ["HEAD", "GET", "HEAD"]
    file.write_text(ROWS, "utf-8")
    os.utime(file, (1e9, 1e9))
    assert read(settings, f"{url}/readings.csv") is not first
    (tmp_path / "get_only.csv").write_text(ROWS, "utf-8")
    first = read(settings, f"{url}/get_only.csv")
    assert len(first) == 1
    assert read(settings, f"{url}/get_only.csv") is not first
    with pytest.raises(OSError, match="404"):
        read(settings, f"{url}/missing.csv")
