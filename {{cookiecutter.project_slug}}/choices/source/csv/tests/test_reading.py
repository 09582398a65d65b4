from pathlib import Path

import pandas as pd
import pytest
from sites import Answer, serving

from {{cookiecutter.project_slug}} import reading
from {{cookiecutter.project_slug}}.setting import Settings

ROWS = "time,series,value\n2026-01-01T00:00:00Z,a,1\n"


def read(settings: Settings, path: object) -> pd.DataFrame:
    changed = settings.model_copy(update={"source": {"path": str(path)}})
    return reading.read(changed, None)["readings"]


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


@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {}])
def test_a_url_gives_the_same_frame_until_it_changes(
    settings: Settings, headers: dict[str, str]
) -> None:
    with serving() as site:
        site.answers["/a.csv"] = Answer(ROWS, headers=headers)
        first = read(settings, f"{site.url}/a.csv")
        assert read(settings, f"{site.url}/a.csv") is first
        site.answers["/a.csv"] = Answer(ROWS + "2026-01-02T00:00:00Z,a,2\n")
        assert len(read(settings, f"{site.url}/a.csv")) == 2
        with pytest.raises(OSError, match="404"):
            read(settings, f"{site.url}/missing.csv")
