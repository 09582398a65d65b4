import logging
from threading import Thread

import pytest
from werkzeug.security import generate_password_hash

from {{cookiecutter.project_slug}}.engine.web.credentials import (
    ADDRESS,
    BOTH,
    PAUSE,
    REMEMBERED,
    USER,
    Credentials,
    TooManyFailures,
)

HASHES = {it: generate_password_hash("right", "pbkdf2:sha256:1") for it in ("ann", "bob")}
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture(scope="module")
def built() -> Credentials:
    credentials = Credentials(HASHES)
    credentials._nobodys = generate_password_hash("x", "pbkdf2:sha256:1")  # quick to check
    return credentials


@pytest.fixture
def known(built: Credentials) -> Credentials:
    for cache in (built._right, built._wrong, built._failures):
        cache.clear()
    return built


def guess(known: Credentials, count: int, name: str = "ann", address: str = HERE) -> None:
    for number in range(count):
        assert known.check(name, f"wrong{number}", address) is False


def test_only_a_users_own_password_is_accepted_and_remembered(known: Credentials) -> None:
    assert not known.knows("ann", "right"), "it has not been checked yet"
    assert known.check("ann", "right", HERE) is True
    assert known.knows("ann", "right")
    for name, password in (("ann", "wrong"), ("bob", "wrong"), ("eve", "right"), ("", "")):
        assert known.check(name, password, HERE) is False
        assert known.check(name, password, HERE) is False, "a wrong one is remembered, too"
        assert not known.knows(name, password)
    for name, password in (("an", "nright"), ("annright", ""), ("bob", "right"), ("right", "ann")):
        assert not known.knows(name, password)


def test_an_unknown_user_has_no_password_at_all(known: Credentials) -> None:
    """Not even the dummy password that is checked to take the same time."""
    assert known.check("eve", "x", HERE) is False
    assert Credentials(HASHES).check("eve", "right", HERE) is False


def test_a_known_client_does_not_wait_while_another_password_is_checked(known: Credentials) -> None:
    assert known.check("ann", "right", HERE)
    found: list[bool] = []
    client = Thread(target=lambda: found.append(known.check("ann", "right", HERE)), daemon=True)
    with known._checking:
        client.start()
        client.join(10)
        assert found == [True]


@pytest.mark.parametrize("first", [True, False])
def test_guesses_are_limited_per_user_and_address(first: bool, known: Credentials) -> None:
    if first:
        assert known.check("ann", "right", HERE), "this does not count"
    guess(known, BOTH)
    for password in ("another", "right") if not first else ("another",):
        with pytest.raises(TooManyFailures):
            known.check("ann", password, HERE)
    assert known.check("ann", "wrong0", HERE) is False, "this one was checked before"
    if first:
        assert known.check("ann", "right", HERE), "and so was this one"
    assert known.check("bob", "right", HERE), "others log in from there"
    assert known.check("ann", "right", ELSEWHERE), "and the user from elsewhere"


def test_guesses_are_limited_per_address_for_many_names(known: Credentials) -> None:
    for number in range(ADDRESS):
        guess(known, 1, f"user{number}")
    with pytest.raises(TooManyFailures):
        known.check("ann", "right", HERE)
    assert known.check("ann", "right", ELSEWHERE)


def test_guesses_are_limited_per_user_from_many_addresses(known: Credentials) -> None:
    for number in range(USER):
        assert known.check("ann", f"wrong{number}", f"2001:db8::{number:x}") is False
    with pytest.raises(TooManyFailures):
        known.check("ann", "right", HERE)
    assert known.check("bob", "right", HERE)


def test_a_client_that_repeats_an_old_password_counts_once(known: Credentials) -> None:
    for _ in range(2 * USER):
        assert known.check("ann", "old", HERE) is False
    assert known.check("ann", "right", HERE)


def test_wrong_passwords_expire_before_remembered_right_ones(
    known: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.0
    for cache in (known._right, known._wrong, known._failures):
        monkeypatch.setattr(cache.timer, "_Timer__timer", lambda: seconds)
    known.check("bob", "right", HERE)
    guess(known, BOTH)
    seconds = PAUSE - 1
    with pytest.raises(TooManyFailures):
        known.check("ann", "right", HERE)
    seconds = PAUSE
    assert known.check("ann", "right", HERE)
    guess(known, BOTH)
    seconds = REMEMBERED - 1
    assert known.knows("bob", "right")
    seconds = REMEMBERED
    assert not known.knows("bob", "right")


def test_a_wrong_password_is_logged_with_its_address_but_without_the_password(
    known: Credentials, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        known.check("ann", "right", HERE)
        assert not caplog.text
        known.check("ann", "wr0ng", HERE)
    assert HERE in caplog.text and "wr0ng" not in caplog.text
