"""Checks user names and passwords: right ones are remembered for a while, wrong ones counted."""

import hmac
import json
import logging
import secrets
from collections.abc import Mapping
from threading import Lock

from cachetools import TTLCache
from werkzeug.security import check_password_hash, generate_password_hash

logger = logging.getLogger(__name__)

REMEMBERED = 600  # seconds for which a right password is not checked again
PAUSE = 60  # seconds for which a wrong one counts
# How many different wrong passwords are checked in that time: for one user from one address, for
# all users from one address, and for one user from all addresses.
BOTH, ADDRESS, USER = 10, 50, 100


class TooManyFailures(Exception):
    """No further password is checked for now."""


class Credentials:
    """The users' passwords, each known by a hash that takes long to compute.

    A credential that was checked is kept as a fast hash, in memory only and keyed by a random
    secret, so that clients without a cookie cost little. So is a wrong one: a forgotten client
    that repeats an old password does not count as one who guesses.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes, self._secret = hashes, secrets.token_bytes()
        self._nobodys = generate_password_hash(secrets.token_hex())
        self._right: TTLCache[bytes, bool] = TTLCache(10_000, REMEMBERED)
        self._wrong: TTLCache[bytes, bool] = TTLCache(10_000, PAUSE)
        self._failures: TTLCache[tuple[str | None, str | None], int] = TTLCache(30_000, PAUSE)
        self._lock, self._checking = Lock(), Lock()

    def knows(self, name: str, password: str) -> bool:
        """Whether a credential was right a short while ago."""
        with self._lock:
            return self._digest(name, password) in self._right

    def check(self, name: str, password: str, address: str) -> bool:
        """Check a credential. Raises TooManyFailures if it would be one guess too many."""
        if self.knows(name, password):
            return True
        digest = self._digest(name, password)
        limits = {(address, name): BOTH, (address, None): ADDRESS, (None, name): USER}
        with self._checking:  # one at a time, as each takes a core and 32 MB
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
        """Check a password; it takes as long for a name that nobody has."""
        right = check_password_hash(self._hashes.get(name, self._nobodys), password)
        return right and name in self._hashes
