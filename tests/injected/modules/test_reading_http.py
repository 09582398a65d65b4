import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from my_dashboard import log, reading, redaction, secret_values, setting
from my_dashboard.setting import Log, Settings
from my_dashboard.store import EPOCH
from sites import Answer, Site, serving

HOURS = {
    "time": ["2026-01-01T00:00", "2026-01-01T01:00"],
    "temperature_2m": [3.5, None],
    "precipitation": [0, 0.2],
}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.answers["/"] = Answer(json.dumps({"hourly": HOURS}), headers={"ETag": '"1"'})
        yield site


def told(settings: Settings, site: Site, **source: Any) -> Settings:
    return settings.model_copy(update={"source": {**settings.source, "url": site.url, **source}})


def test_each_hour_of_each_series_is_a_row(settings: Settings, site: Site) -> None:
    rows = reading.read(told(settings, site), EPOCH)["readings"]
    assert list(rows["series"]) == ["temperature_2m", "precipitation", "precipitation"]
    assert list(rows["value"]) == [3.5, 0, 0.2]
    assert rows["time"].iloc[-1] == "2026-01-01T01:00"
    assert site.asked[0][0].startswith("/?latitude=52.52&longitude=13.41&hourly=temperature_2m")


def test_what_has_not_changed_is_neither_sent_nor_parsed_again(
    settings: Settings, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = told(settings, site)
    first = reading.read(changed, EPOCH)["readings"]
    monkeypatch.setattr(reading, "rows", None)
    assert reading.read(changed, EPOCH)["readings"].equals(first)
    assert [status for _, status in site.asked] == [200, 304]


@pytest.mark.parametrize("key", ["Bearer it", 7])  # digits in .env are taken for a number
def test_headers_are_sent(settings: Settings, site: Site, key: str | int) -> None:
    reading.read(told(settings, site, headers={"Authorization": key}), EPOCH)
    assert site.headers["Authorization"] == str(key)


def test_no_key_gets_into_log_or_error(
    settings: Settings, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a redirect that carries the key on, and of an API that repeats the request."""
    source = {"params": {"appid": "p@ss/w0rd"}, "headers": {"X-Key": "hunter2"}}
    asked = told(settings, site, **source)
    site.answers["/"] = Answer(status=302, headers={"Location": "/b?appid=p%40ss/w0rd&x=hunter2"})
    site.answers["/b"] = Answer('{"error": "no such key: p@ss/w0rd, hunter2"}', 401)
    handlers, hidden = logging.root.handlers[:], redaction.hidden()
    redaction.hide(secret_values.find(asked, reading.Source))
    log.configure(Log())
    try:
        with pytest.raises(OSError, match="answers 401") as caught:
            reading.read(asked, EPOCH)
        logging.error("refused by %s", site.answers["/b"].body, exc_info=caught.value)
    finally:
        logging.root.handlers[:] = handlers
        redaction.hide(hidden)
    said = capsys.readouterr().err
    assert "HTTP Request: GET" in said and "no such key" in said
    assert not any(it in said for it in ("w0rd", "hunter2"))


PARAMS = """
minutes = 60
latitude = 52.52
east = -0.5
live = true
closed = false
text = "all"
code = "007"
"""


def test_params_are_sent_as_they_are_written(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[source]\nurl = "{site.url}"\n[source.params]{PARAMS}', "utf-8")
    monkeypatch.setenv(f"{setting.PREFIX}SOURCE__URL", site.url)
    reading.read(setting.load(config, reading.Source, {}), EPOCH)
    written = PARAMS.strip().replace('"', "").replace(" ", "").replace("\n", "&")
    assert site.asked[0][0] == f"/?{written}"


@pytest.mark.parametrize(
    "value", ["60", "52.520", "1e3", "007", "true", "false", "all", "2026-01-31", "NaN", "-0.5"]
)
def test_params_of_the_environment_are_sent_as_they_are_written(
    value: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{setting.PREFIX}SOURCE__URL", site.url)
    monkeypatch.setenv(f"{setting.PREFIX}SOURCE__PARAMS__MINE", value)
    reading.read(setting.load(setting.CONFIG, reading.Source, {}), EPOCH)
    assert site.asked[0][0].endswith(f"&mine={value}")


def test_a_table_of_the_environment_is_json(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{setting.PREFIX}SOURCE__URL", site.url)
    monkeypatch.setenv(f"{setting.PREFIX}SOURCE__PARAMS", '{"mine": 1.50, "live": true}')
    monkeypatch.setenv(f"{setting.PREFIX}SOURCE__HEADERS", '{"X-Mine": "it"}')
    reading.read(setting.load(setting.CONFIG, reading.Source, {}), EPOCH)
    assert site.asked[0][0].endswith("&mine=1.5&live=true")
    assert site.headers["X-Mine"] == "it"


def test_what_the_sample_asks_for_is_what_config_toml_says(settings: Settings, site: Site) -> None:
    reading.read(told(settings, site), EPOCH)
    assert site.asked[0][0].endswith("&past_hours=168&forecast_hours=1")
