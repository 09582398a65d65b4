"""A store in Redis or Valkey, which processes and machines can share."""

import logging
from collections.abc import Mapping
from typing import Any

from redis import Redis, RedisError, ResponseError, exceptions
from redis.backoff import NoBackoff
from redis.lock import Lock
from redis.retry import Retry

from ..config.types import SettingError
from .shared_store import DAMAGED, SharedStore, open_request, parse_version
from .tables import Table

logger = logging.getLogger(__name__)

LEASE = 5  # seconds until another process takes over from one that has stopped renewing
# Compare and set, so that a delayed process does not replace a newer snapshot. Overwrites a value
# that is not a snapshot.
PUBLISH = """
local kind = redis.call("TYPE", KEYS[1]).ok
if kind ~= "hash" and kind ~= "none" then redis.call("DEL", KEYS[1]) end
local found = redis.call("HGET", KEYS[1], "version") or ""
local newest = string.match(found, "^[1-9]%d*$") and #found < 15 and tonumber(found) or 0
if newest == tonumber(ARGV[2]) then return 1 end -- sent twice, because the reply was late
if newest > tonumber(ARGV[1]) then return 0 end
redis.call("HSET", KEYS[1], "version", ARGV[2], "data", ARGV[3])
return 1
"""


class RedisStore(SharedStore):
    """Prefixes all keys with the dashboard's name, so that dashboards can share a server."""

    UNREACHABLE = (RedisError, OSError)

    def __init__(self, url: str, name: str, tables: Mapping[str, Table]) -> None:
        try:
            self._redis: Any = Redis.from_url(
                url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
            )
        except ValueError:  # its message may contain part of the password
            raise SettingError(
                "store.url is not a valid URL: percent-encode special characters in the password "
                '("%2F" for "/"), and write options as in "?socket_timeout=10".'
            ) from None
        self._snapshot_key, self._status_key, self._request_key, self._cleared_key = (
            f"{name}:{key}" for key in ("snapshot", "status", "request", "cleared")
        )
        self._publish = self._redis.register_script(PUBLISH)
        self._lock = Lock(
            self._redis, f"{name}:lease", timeout=LEASE, blocking=False, thread_local=False
        )
        super().__init__(tables)

    def _poll(self) -> tuple[bytes, int | None, str]:
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.get(self._status_key).hget(self._snapshot_key, "version")
            pipe.mget(self._request_key, self._cleared_key)
            replies = pipe.execute(raise_on_error=False)
        status, version, (request, cleared) = map(_without_wrong_type, replies)
        open_id = open_request(request or b"", cleared or b"")
        return status or b"", None if version is None else parse_version(version), open_id

    def _read(self, version: int) -> bytes | None:
        if version == DAMAGED:
            return b""
        found, data = self._redis.hmget(self._snapshot_key, "version", "data")
        return None if found is None else data or b""

    def _write(self, version: int, data: bytes, over: int | None) -> bool:
        try:
            return bool(self._publish([self._snapshot_key], [over or 0, version, data]))
        except (exceptions.ConnectionError, ResponseError) as error:
            if isinstance(error, ResponseError) and "bulk length" not in str(error):
                raise
            self._redis.ping()  # raises if the server is unreachable
            raise ResponseError(
                f"Redis does not accept {len(data):,} bytes: raise its proto-max-bulk-len, "
                "or shorten refresh.history"
            ) from error

    def _write_status(self, data: bytes) -> None:
        self._redis.set(self._status_key, data)

    def _write_request(self, request: str) -> None:
        self._redis.set(self._request_key, request)

    def _write_cleared(self, request: str) -> None:
        self._redis.set(self._cleared_key, request)

    def _lease(self) -> bool:
        if self._state.is_leader:
            try:
                return bool(self._lock.reacquire())
            except exceptions.LockError:  # it has expired
                return False
        if self._lock.acquire():
            return True
        if self._redis.ttl(self._lock.name) == -1:
            logger.error("%s in Redis would never expire: removed", self._lock.name)
            self._redis.delete(self._lock.name)
        return False

    def _release(self) -> None:
        self._lock.release()
        self._redis.close()


def _without_wrong_type(reply: Any) -> Any:
    """Return a reply, or b"" for a key of the wrong type; raise any other error."""
    if isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE"):
        return b""
    if isinstance(reply, Exception):
        raise reply
    return reply
