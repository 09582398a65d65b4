"""Secrets are redacted from logged and shown text, in any encoding."""

import html
import json
import timeit
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from pydantic import BaseModel, SecretStr
from toy import PREFIX

from {{cookiecutter.project_slug}}.engine.config import secret_values
from {{cookiecutter.project_slug}}.engine.diagnostics import redaction
from {{cookiecutter.project_slug}}.engine.diagnostics.redaction import redact
from {{cookiecutter.project_slug}}.engine.settings import AnySettings, Store


class Source(BaseModel):
    """A source with every kind of setting."""

    url: SecretStr = SecretStr("")
    path: str = ""
    api_key: str = ""
    params: dict[str, bool | int | float | str] = {}
    headers: dict[str, str] = {}
    timezone: str = "UTC"


@pytest.fixture(autouse=True)
def nothing_hidden() -> Iterator[None]:
    before = redaction.hidden()
    yield
    redaction.hide(before)


def learn(settings: AnySettings, store: str = "memory://", **source: Any) -> None:
    changed = {"source": Source.model_validate(source), "store": Store(url=store)}
    redaction.hide(secret_values.find(settings.model_copy(update=changed)))


SECRETS = ["hunter2", 'p@ss/w0rd & "more"', "ключ-ü-😀", "a\\b'c\nd", "100%+sure=1"]
FORMS = {
    "plain": str,
    "quote": quote,
    "quote, all": lambda it: quote(it, safe=""),
    "quote_plus": quote_plus,
    "quote, lower case": lambda it: quote(it, safe="").replace("%2F", "%2f").replace("%3A", "%3a"),
    "quoted twice": lambda it: quote(quote(it, safe=""), safe=""),
    "repr": lambda it: repr(it)[1:-1],
    "repr of bytes": lambda it: repr(it.encode())[2:-1],
    "ascii": lambda it: ascii(it)[1:-1],
    "JSON": lambda it: json.dumps(it)[1:-1],
    "JSON, not ASCII": lambda it: json.dumps(it, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda it: json.dumps(json.dumps(it))[3:-3],
    "JSON as PHP writes it": lambda it: json.dumps(it)[1:-1].replace("/", "\\/"),
    "HTML": html.escape,
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_form(form: str, secret: str) -> None:
    redaction.hide([secret])
    assert redact(f"it is <{FORMS[form](secret)}>, alas") == "it is <***>, alas"


@pytest.mark.parametrize(
    "source",
    [
        {"params": {"appid": "hunter2"}},
        {"params": {"sig": 12345678901}},
        {"headers": {"X-Anything": "hunter2"}},
        {"headers": {"Authorization": "Bearer hunter2"}},
        {"headers": {"Authorization": "Basic YW5uOmh1bnRlcjI="}},  # ann:hunter2
        {"headers": {"Cookie": "session=hunter2; theme=dark"}},
        {"api_key": "hunter2"},
        {"url": "https://ann:hunter2@host/x"},
        {"url": "https://host/x?page=1&key=hunter2"},
        {"url": "https://host/x?hunter2"},
        {"path": "https://host/x?key=hunter%32"},
        {"path": "s3://access:hunter2@bucket/x"},
        {"url": "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BUID%3Dsa%3BPWD%3Dhunter2"},
        {"url": "postgresql://host/x?user=ann&password=hunter2"},
        {"url": "postgresql://ann:hunter2@one:5432,two:5432/x"},
    ],
)
def test_the_secrets_of_a_source_are_redacted(
    settings: AnySettings, source: dict[str, Any]
) -> None:
    learn(settings, **source)
    assert redact("hunter2 or 12345678901").count("***") == 1


@pytest.mark.parametrize("password", ["p@ss/w0rd", "pa/ss/w0rd@x", "p?ss#w0rd", "p%40ss%2Fw0rd"])
def test_no_part_of_an_unencoded_password_is_shown(settings: AnySettings, password: str) -> None:
    learn(settings, url=f"postgresql://ann:{password}@db.example/x")
    for text in (
        f"cannot connect to postgresql://ann:{password}@db.example/x",
        'database "w0rd@db.example/x" does not exist',
        "(ann, p@ss/w0rd)",
    ):
        assert "w0rd" not in redact(text)


def test_the_secrets_of_the_store_and_the_server_are_redacted(settings: AnySettings) -> None:
    server = settings.server.model_copy(update={"secret_key": SecretStr("hunter3")})
    changed = settings.model_copy(update={"server": server})
    learn(changed, store="redis://:p%40ss%2Fw0rd@host/0")
    assert redact("p@ss/w0rd, p%40ss%2fw0rd, hunter3, host") == "***, ***, ***, host"


def test_the_secrets_of_the_environment_are_redacted(
    settings: AnySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "PGPASSWORD=hunter2", "OTHER=1", f"{PREFIX}LOG__LEVEL=DEBUG", "DAY=2026-03-01"
    (tmp_path / ".env").write_text("\n".join(lines), "utf-8")
    monkeypatch.setenv(f"{PREFIX}SOURCE__MINE", "hunter3")
    monkeypatch.setenv(f"{PREFIX}SOURCE__PATH", "data/mine.csv")
    monkeypatch.setenv("MY_DB_PASSWORD", "hunter4")
    monkeypatch.setenv("MY_PWD", "hunter5")
    monkeypatch.setenv("PWD", "/home/me/plant")
    monkeypatch.setenv("OLDPWD", "/home/me")
    learn(settings.model_copy(update={"config": tmp_path / "config.toml"}))
    text = "hunter2 hunter3 hunter4 hunter5 data/mine.csv DEBUG 1 2026-03-01 /home/me/plant"
    assert redact(text) == "*** *** *** *** data/mine.csv DEBUG 1 2026-03-01 /home/me/plant"


def test_redacted_text_stays_readable(settings: AnySettings) -> None:
    params = {"hours": 168, "east": -0.5, "live": True, "unit": "abc", "start": "2026-03-01"}
    learn(settings, url="postgresql://post:hush@db/x?timeout=10", params=params)
    text = "2026-03-01 168 rows of postgresql, hours=168, -0.5, True, abc, timeout=10, hushed"
    assert redact(text) == text
    assert redact("post%3Dhush") == "***%3D***"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ('password="hunter2 and more", page=2', "password=***, page=2"),
        ("{'token': 'hunter2', 'page': 2}", "{'token': ***, 'page': 2}"),
        (r"{\"api_key\": \"hunter2\"}", r"{\"api_key\": ***}"),
        ("https://x/?sig=hunter2&page=2", "https://x/?sig=***&page=2"),
        ("redis://:hunter2@host", "redis://***@host"),
        ("postgresql://me:p@ss/hunter2@db/x", "postgresql://***@db/x"),
        ("http://127.0.0.1:8050/@home", "http://127.0.0.1:8050/@home"),
        ("a secret is no setting", "a secret is no setting"),
    ],
)
def test_text_that_looks_like_a_secret_is_redacted(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "part", ["x://a:", "password='", "\\", "%25", "://", "token=", "/", "a@", "&#x2f;"]
)
def test_redaction_takes_linear_time(part: str) -> None:
    redaction.hide(["/p@ss/w0rd"])

    def took(count: int) -> float:
        text = count * part
        return min(timeit.repeat(lambda: redact(text), number=1, repeat=3))

    assert took(20_000) < 200 * max(took(1_000), 1e-4)  # quadratic time would be 400 times
