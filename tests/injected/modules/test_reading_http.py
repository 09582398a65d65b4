import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from my_dashboard import reading
from my_dashboard.engine import EPOCH, log
from my_dashboard.engine.config import secret_values
from my_dashboard.engine.diagnostics import redaction
from my_dashboard.engine.settings import Log
from my_dashboard.setting import Settings
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


def load(site: Site, **source: object) -> Settings:
    """Load the settings, with environment variables for the source."""
    for name, value in {"url": site.url, **source}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        os.environ[f"{Settings.env_prefix()}SOURCE__{name.upper()}"] = text
    return Settings.load()


def read(site: Site, **source: object) -> Any:
    return reading.read(load(site, **source).source, EPOCH)["readings"]


def test_each_hour_of_each_series_is_a_row(site: Site) -> None:
    rows = read(site)
    assert list(rows["series"]) == ["temperature_2m", "precipitation", "precipitation"]
    assert list(rows["value"]) == [3.5, 0, 0.2]
    assert str(rows["time"].iloc[-1]) == "2026-01-01T01:00"
    assert site.requests[0][0].startswith("/?latitude=52.52&longitude=13.41&hourly=temperature_2m")


@pytest.mark.parametrize("key", ["Bearer it", 7])  # digits in .env are parsed as a number
def test_headers_are_sent(site: Site, key: str | int) -> None:
    read(site, headers={"Authorization": key})
    assert site.headers["Authorization"] == str(key)


def test_no_key_appears_in_logs_or_errors(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A redirect passes on the key, and the API repeats it in an error."""
    settings = load(site, params={"appid": "p@ss/w0rd"}, headers={"X-Key": "hunter2"})
    site.answers["/"] = Answer(status=302, headers={"Location": "/b?appid=p%40ss/w0rd&x=hunter2"})
    site.answers["/b"] = Answer('{"error": "no such key: p@ss/w0rd, hunter2"}', 401)
    handlers, hidden = logging.root.handlers[:], redaction.hidden()
    redaction.hide(secret_values.find(settings))
    log.configure(Log())
    try:
        with pytest.raises(OSError, match="responded with 401") as caught:
            reading.read(settings.source, EPOCH)
        logging.error("refused by %s", site.answers["/b"].body, exc_info=caught.value)
    finally:
        logging.root.handlers[:] = handlers
        redaction.hide(hidden)
    said = capsys.readouterr().err
    assert "HTTP Request: GET" in said and "no such key" in said
    assert not any(it in said for it in ("w0rd", "hunter2"))


ROWS = 'records = "hourly"\nseries = ""\nvalue = "*"\n'
PARAMS = """
minutes = 60
latitude = 52.52
east = -0.5
live = true
closed = false
text = "all"
code = "007"
"""


def test_params_are_sent_as_written(site: Site, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[source]\nurl = "{site.url}"\n{ROWS}[source.params]{PARAMS}', "utf-8")
    reading.read(Settings.load(config).source, EPOCH)
    written = PARAMS.strip().replace('"', "").replace(" ", "").replace("\n", "&")
    assert site.requests[0][0] == f"/?{written}"


@pytest.mark.parametrize(
    "value", ["60", "52.520", "1e3", "007", "true", "false", "all", "2026-01-31", "NaN", "-0.5"]
)
def test_params_from_the_environment_are_sent_as_written(value: str, site: Site) -> None:
    read(site, params__mine=value)
    assert site.requests[0][0].endswith(f"&mine={value}")


def test_a_table_in_an_environment_variable_is_json(site: Site) -> None:
    read(site, params='{"mine": 1.50, "live": true}', headers='{"X-Mine": "it"}')
    assert site.requests[0][0].endswith("&mine=1.5&live=true")
    assert site.headers["X-Mine"] == "it"


def test_the_sample_request_has_the_params_of_config_toml(site: Site) -> None:
    read(site)
    assert site.requests[0][0].endswith("&past_hours=168&forecast_hours=1")
