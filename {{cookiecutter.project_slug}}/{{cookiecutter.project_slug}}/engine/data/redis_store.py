"""A store in Redis or Valkey, which processes and machines can share."""

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redis import Redis, RedisError, ResponseError, exceptions
from redis.backoff import NoBackoff
from redis.lock import Lock
from redis.retry import Retry

from ..config.types import SettingError
from ..diagnostics.errors import describe
from .shared_store import SharedStore
from .stored import DAMAGED, Change, Found, open_request, parse_version
from .tables import Table

logger = logging.getLogger(__name__)

LEASE = 5  # seconds until another process takes over from one that has stopped renewing
# A hash holds the version, the manifest ("data") and the segments by name. Compare and set, so that
# a delayed process does not replace a newer snapshot. Overwrites a value that is not a snapshot.
PUBLISH = """
local kind = redis.call("TYPE", KEYS[1]).ok
if kind ~= "hash" and kind ~= "none" then redis.call("DEL", KEYS[1]) end
local found = redis.call("HGET", KEYS[1], "version") or ""
local newest = string.match(found, "^[1-9]%d*$") and #found < 15 and tonumber(found) or 0
local lists = cjson.decode(ARGV[4])
local function has(names)
  for _, name in ipairs(names) do
    if redis.call("HEXISTS", KEYS[1], name) == 0 then return false end
  end
  return true
end
if newest == tonumber(ARGV[2]) and has(lists.old) and has(lists.new) then
  return 1 -- sent twice, because the reply was late
end
if newest > tonumber(ARGV[1]) or not has(lists.old) then return 0 end
redis.call("HSET", KEYS[1], "version", ARGV[2], "data", ARGV[3], unpack(ARGV, 5))
local needed = {version = true, data = true}
for _, names in pairs(lists) do
  for _, name in ipairs(names) do needed[name] = true end
end
for _, name in ipairs(redis.call("HKEYS", KEYS[1])) do
  if not needed[name] then redis.call("HDEL", KEYS[1], name) end
end
return 1
"""
REPLACE = """
local found = redis.pcall("GET", KEYS[1]) or ""
if type(found) == "table" then found = "" end -- of another type
if found == ARGV[2] then return 1 end -- sent twice, because the reply was late
if found ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2])
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
        self._snapshot_key, self._request_key, self._cleared_key = (
            f"{name}:{key}" for key in ("snapshot", "request", "cleared")
        )
        self._status_key, self._outcomes_key = f"{name}:status", f"{name}:outcomes"
        self._publish = self._redis.register_script(PUBLISH)
        self._replace = self._redis.register_script(REPLACE)
        self._document_key = f"{name}:document:{{}}".format
        self._lock = Lock(
            self._redis, f"{name}:lease", timeout=LEASE, blocking=False, thread_local=False
        )
        super().__init__(tables)

    def document(self, name: str) -> bytes:
        with _as_os_error():
            try:
                return self._redis.get(self._document_key(name)) or b""
            except ResponseError as error:
                return bytes(_without_wrong_type(error))

    def replace_document(self, name: str, before: bytes, after: bytes) -> bool:
        with _as_os_error():
            return bool(self._replace([self._document_key(name)], [before, after]))

    def _poll(self) -> Found:
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.mget(self._status_key, self._outcomes_key, self._request_key, self._cleared_key)
            pipe.hget(self._snapshot_key, "version").hkeys(self._snapshot_key)
            replies = pipe.execute(raise_on_error=False)
        values, version, names = map(_without_wrong_type, replies)
        status, outcomes, *ids = (it or b"" for it in values)
        found = None if version is None else parse_version(version)
        segments = {it.decode("utf-8", "replace") for it in names}
        return Found(status, outcomes, found, open_request(*ids), segments)

    def _read(self, version: int) -> bytes | None:
        if version == DAMAGED:
            return b""
        found, data = self._redis.hmget(self._snapshot_key, "version", "data")
        return None if found is None else data or b""

    def _read_segments(self, names: Sequence[str]) -> list[bytes]:
        return [it or b"" for it in self._redis.hmget(self._snapshot_key, names)]

    def _write(self, change: Change, over: int | None) -> bool:
        lists = {"old": [*change.old], "new": [*change.new], "before": [*change.before]}
        values: list[Any] = [over or 0, change.version, change.manifest, json.dumps(lists)]
        for name, data in change.new.items():
            values += [name, data]
        try:
            return bool(self._publish([self._snapshot_key], values))
        except (exceptions.ConnectionError, ResponseError) as error:
            if isinstance(error, ResponseError) and "bulk length" not in str(error):
                raise
            self._redis.ping()  # raises if the server is unreachable
            longest = max(map(len, change.new.values()), default=0)
            raise ResponseError(
                f"Redis does not accept {longest:,} bytes: raise its proto-max-bulk-len, "
                "or shorten refresh.history"
            ) from error

    def _discard(self, name: str) -> None:
        self._redis.hdel(self._snapshot_key, name)

    def _write_status(self, data: bytes) -> None:
        self._redis.set(self._status_key, data)

    def _write_outcomes(self, data: bytes) -> None:
        self._redis.set(self._outcomes_key, data)

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


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise OSError(describe(error)) from error


def _without_wrong_type(reply: Any) -> Any:
    """Return a reply, or b"" for a key of the wrong type; raise any other error."""
    if isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE"):
        return b""
    if isinstance(reply, Exception):
        raise reply
    return reply
