"""Tests of the pages besides the overview: change them with `pages/`."""

from {{cookiecutter.project_slug}}.app import PAGES, create_app
from {{cookiecutter.project_slug}}.engine import Outcome, Status, Window, now_utc
from {{cookiecutter.project_slug}}.engine.page import Data
from {{cookiecutter.project_slug}}.pages import data as data_page
from {{cookiecutter.project_slug}}.pages import status as status_page
from {{cookiecutter.project_slug}}.setting import Settings


def test_each_page_can_be_opened(settings: Settings, data: Data) -> None:
    client = create_app(settings, data).server.test_client()
    for path in PAGES:
        assert client.get(settings.server.url_prefix + path.strip("/")).status_code == 200


def test_the_newest_row_comes_first(settings: Settings, data: Data) -> None:
    tables = data.tables()
    asked: data_page.Asked = {"startRow": 0, "sortModel": []}
    found = data_page.rows(tables, asked, [], Window(), settings)
    assert found["rowCount"] == sum(len(tables[it]) for it in ("readings", "states", "ranking"))
    times = [tables[it]["time"].max() for it in ("readings", "states") if len(tables[it])]
    if times:  # a ranking has none
        newest = max(times).astimezone(settings.app.timezone)
        assert found["rowData"][0]["time"] == f"{newest:%Y-%m-%d %H:%M:%S}"


def test_the_status_lists_the_last_refreshes(settings: Settings) -> None:
    status = Status(changes=(Outcome(now_utc(), 0.5, rows=1234),))
    (row,) = status_page.history(status, settings)
    assert row["cells"][1:] == ["0.500", "1,234", "OK"]
