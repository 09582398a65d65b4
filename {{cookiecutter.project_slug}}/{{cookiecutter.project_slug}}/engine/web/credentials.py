"""Checks user names and passwords; remembers correct ones and counts wrong ones."""

import hmac
import json
import logging
import secrets
from collections.abc import Mapping
from threading import Lock

from cachetools import TTLCache
from werkzeug.security import check_password_hash, generate_password_hash

logger = logging.getLogger(__name__)

REMEMBERED = 600  # seconds for which a correct password is not hashed again
PAUSE = 60  # seconds for which a wrong one counts
# How many different wrong passwords are checked in that time: for a user from one address, for
# all users from one address, and for a user from all addresses.
BOTH, ADDRESS, USER = 10, 50, 100


class TooManyFailures(Exception):
    """No more passwords are checked for now."""


class Credentials:
    """The users' passwords, of which only slow hashes are known.

    A checked credential is remembered as a fast hash with a random key, in memory only, so that
    clients without cookies cost little. Wrong ones are remembered, too: a forgotten client that
    repeats an old password is not mistaken for an attacker.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes, self._secret = hashes, secrets.token_bytes()
        self._nobodys = generate_password_hash(secrets.token_hex())
        self._right: TTLCache[bytes, bool] = TTLCache(10_000, REMEMBERED)
        self._wrong: TTLCache[bytes, bool] = TTLCache(10_000, PAUSE)
        self._failures: TTLCache[tuple[str | None, str | None], int] = TTLCache(30_000, PAUSE)
        self._lock, self._checking = Lock(), Lock()

    def knows(self, name: str, password: str) -> bool:
        """Return whether a credential was recently found correct."""
        with self._lock:
            return self._digest(name, password) in self._right

    def check(self, name: str, password: str, address: str) -> bool:
        """Whether a credential is correct. Raises TooManyFailures after too many wrong ones."""
        if self.knows(name, password):
            return True
        digest = self._digest(name, password)
        limits = {(address, name): BOTH, (address, None): ADDRESS, (None, name): USER}
        with self._checking:  # one at a time, as each needs a core and 32 MB
            with self._lock:
                if digest in self._right or digest in self._wrong:
                    return digest in self._right
                if any(self._failures.get(key, 0) >= most for key, most in limits.items()):
                    raise TooManyFailures
            right = self._is_right(name, password)
            with self._lock:
                (self._right if right else self._wrong)[digest] = True
                for key in () if right else limits:
                    self._failures[key] = self._failures.get(key, 0) + 1
        if not right:
            logger.warning("a wrong user name or password came from %s", address)
        return right

    def _digest(self, name: str, password: str) -> bytes:
        return hmac.digest(self._secret, json.dumps([name, password]).encode(), "sha256")

    def _is_right(self, name: str, password: str) -> bool:
        """Check a password; this takes as long for an unknown user."""
        right = check_password_hash(self._hashes.get(name, self._nobodys), password)
        return right and name in self._hashes
