from typing import Any

import pytest
import toy
from helpers import changed
from pydantic import SecretStr

from {{cookiecutter.project_slug}}.engine.config.types import SettingError
from {{cookiecutter.project_slug}}.engine.page import Data
from {{cookiecutter.project_slug}}.engine.serve import gunicorn


def several(settings: toy.Settings, **server: Any) -> toy.Settings:
    """Return settings that allow several workers, with the given changes."""
    signed = changed(settings, "server", secret_key=SecretStr("one for all"), **server)
    return changed(signed, "store", url="file://store")


def test_several_workers_need_a_store_a_secret_and_the_console(settings: toy.Settings) -> None:
    gunicorn.refuse_workers(several(settings), workers=2)
    for refused, said in (
        (changed(several(settings), "store", url="memory://"), r"^server\.workers = 2 cannot use"),
        (changed(several(settings), "server", secret_key=SecretStr("")), r"secret_key is empty"),
        (changed(several(settings), "log", file="log.txt"), r"^log\.file = 'log\.txt' can only"),
    ):
        gunicorn.refuse_workers(refused, workers=1)
        with pytest.raises(SettingError, match=said):
            gunicorn.refuse_workers(refused, workers=2)


def test_the_application_has_its_schedule_for_the_hooks() -> None:
    flask = gunicorn.wsgi(toy.DASHBOARD, toy.create_app)
    schedule = flask.extensions["schedule"]
    assert not schedule.is_alive(), "threads do not survive a fork"
    assert flask.test_client().get("/healthz").status_code == 200


def test_an_error_of_create_app_is_one_sentence_without_passwords(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def create_app(_settings: toy.Settings, _data: Data) -> Any:
        raise LookupError("no such page at http://me:hush@host")

    with pytest.raises(SettingError) as error:
        gunicorn.wsgi(toy.DASHBOARD, create_app)
    said = "The server cannot start: LookupError: no such page at http://***@host"
    assert str(error.value) == said
    assert error.value.__cause__ is None
